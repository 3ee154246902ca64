/** RFC 7606 on a session over real TCP: what each consequence does to the routes, the other family and the session. */
import { afterEach, expect, test } from "vitest";
import { formatHex } from "#src/bgp/bytes.ts";
import { frame } from "#src/bgp/framer.ts";
import { updateBody } from "../bgp/hex.ts";
import { RawPeer } from "./raw-peer.ts";
import { address, recordedSpeaker } from "./recorder.ts";

const OURS = address("127.0.8.1");
const PEER = address("127.0.8.2");
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const FOUR = "400101 00 400206 0201 0000fde9 400304 0a000002";
const SIX = "400101 00 400206 0201 0000fde9";
const announce4 = (nlri: string) => frame(2, updateBody("", FOUR, nlri));
const announce6 = (nlri: string) =>
  frame(
    2,
    updateBody(
      "",
      `800e${(21 + nlri.replaceAll(" ", "").length / 2).toString(16)} 00020110 20010db8000000000000000000000002 00 ${nlri} ${SIX}`,
      "",
    ),
  );
/** A next hop of 15 bytes: where the prefixes begin nobody knows. */
const MALFORMED = frame(2, updateBody("", `800e14 0002010f 20010db80000000000000000000002 00 ${FOUR}`, "08 0b"));

test("a malformed MP_REACH_NLRI disables its family for the rest of the session, and the other one stays", async () => {
  const { speaker, told, neighbor } = recordedSpeaker({ asn: 65000, routerId: OURS, listen: { address: OURS, port: 0 } });
  await speaker.start();
  cleanUps.push(() => speaker.stop());
  speaker.addNeighbor({ address: PEER, remoteAsn: 65001, passive: true });
  const peer = RawPeer.dial(PEER, OURS, speaker.listening()?.port ?? 0);
  cleanUps.push(() => peer.socket.destroy());
  peer.open(65001, PEER, "0104 00010001 0104 00020001 4104 0000fde9");
  peer.write(announce4("08 0a"), announce6("20 20010db8"));
  await told.until("both families", () => told.routes.includes("+2001:db8::/32"));
  expect(neighbor(PEER)).toMatchObject({ prefixesReceived: 2 });

  peer.write(MALFORMED, announce6("30 20010db80001"), announce4("08 0c"));
  await told.until("what came after it", () => told.routes.includes("+12.0.0.0/8"));
  // What it announced beside is withdrawn; of the other family nothing is lost, of its own all is, and nothing comes back.
  expect(told.routes).toEqual(["+10.0.0.0/8", "+2001:db8::/32", "-11.0.0.0/8", "lost ipv6", "+12.0.0.0/8"]);
  expect(told.updates[3]).toMatchObject({ kind: "lost", family: "ipv6", reason: "IPv6 unicast is disabled" });
  expect(neighbor(PEER)).toMatchObject({
    state: "Established",
    prefixesReceived: 2,
    updateFaults: { discard: 0, "treat-as-withdraw": 0, "disable-family": 1, reset: 0 },
    lastUpdateFault: { consequence: "disable-family", message: formatHex(MALFORMED) },
  });

  // The other family's turn: with none left there is nothing to talk about.
  peer.write(frame(2, updateBody("", `800e08 0001010f 0a000002 ${SIX}`, "")));
  expect(await peer.hearsNotification()).toMatch(/^UPDATE Message Error\/Optional Attribute Error 800e08/);
  expect(told.routes.at(-1)).toBe("lost");
});

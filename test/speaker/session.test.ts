/**
 * Sessions over real TCP on loopback: our speaker with itself, and with a peer of which the test says every byte. What time does
 * to them is in `session-time.test.ts`, who gets one at all in `speaker.test.ts`, what outlives them in `stale-routes.test.ts`.
 */
import { describe, expect, test } from "vitest";
import { formatHex } from "#src/bgp/bytes.ts";
import type { Capability } from "#src/bgp/capabilities.ts";
import { bgpError, MAXIMUM_ERROR_DATA } from "#src/bgp/error.ts";
import { frame } from "#src/bgp/framer.ts";
import { encodeMessage } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { SEGMENT } from "#src/bgp/path.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatPrefix, type Prefix } from "#src/net/prefix.ts";
import { hex, updateBody } from "../bgp/hex.ts";
import { createFakeClock } from "../common/fake-clock.ts";
import { A, announce, asnOf, B, dialFrom, established, keepalive, openOf, prefix, start } from "./loopback.ts";
import { eventually } from "./recorder.ts";

describe("two speakers", () => {
  test.each([
    ["active and passive", false, true],
    ["both active: the connections may collide, one session comes of it", false, false],
  ])("%s", async (_, passiveA, passiveB) => {
    const [a, b] = [await start(A), await start(B)];
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, port: b.port, localAddress: A, passive: passiveA });
    b.speaker.addNeighbor({ address: A, remoteAsn: 65001, port: a.port, localAddress: B, passive: passiveB });
    await a.told.until("A up", () => a.neighbor(B).state === "Established" && a.neighbor(B).endOfRibReceived);
    await b.told.until("B up", () => b.neighbor(A).state === "Established" && b.neighbor(A).endOfRibReceived);
    expect(a.neighbor(B)).toMatchObject({
      localAsn: 65001,
      remoteAsn: 65002,
      type: "external",
      routerId: B,
      holdTimeSeconds: 90,
      keepaliveSeconds: 30,
      prefixesReceived: 0,
      messagesSent: { update: 2 },
      families: [IPV4_UNICAST, IPV6_UNICAST],
      capabilities: {
        received: a.neighbor(B).capabilities.sent.map(({ name }) => (name === "four-octet-as" ? { name, asn: 65002 } : { name })),
      },
    });

    await b.speaker.stop("good night");
    await a.told.until("A down", () => a.told.routes.includes("lost"));
    expect(a.neighbor(B)).toMatchObject({
      state: "Active",
      lastNotification: { direction: "received", code: 6, subcode: 2, name: "Cease/Administrative Shutdown", text: "good night" },
      lastReset: { reason: "received Cease/Administrative Shutdown (good night)" },
    });
    expect(b.neighbor(A)).toMatchObject({ state: "Idle", damped: false, lastNotification: { direction: "sent" } });
    expect(b.told.routes).toContain("lost");
  });

  test("inside one AS", async () => {
    const [a, b] = [await start(A), await start(B, { asn: 65001 })];
    a.speaker.addNeighbor({ address: B, remoteAsn: 65001, port: b.port, localAddress: A });
    b.speaker.addNeighbor({ address: A, remoteAsn: 65001, passive: true });
    await a.told.until("A up", () => a.told.hasEvent("session-up", B));
    expect(a.neighbor(B).type).toBe("internal");
  });

  test("a neighbor that is removed hears why, one that is reset comes back", async () => {
    const [a, b] = [await start(A), await start(B)];
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, port: b.port, localAddress: A });
    b.speaker.addNeighbor({ address: A, remoteAsn: 65001, passive: true });
    await b.told.until("B up", () => b.told.hasEvent("session-up", A));
    await a.told.until("A up", () => a.told.hasEvent("session-up", B));
    a.speaker.resetNeighbor(B, "once more");
    expect(a.told.routes.at(-1)).toBe("lost");
    await b.told.until("B up again", () => b.told.hasEvent("session-up", A, 2));
    expect(b.neighbor(A)).toMatchObject({
      lastNotification: { subcode: 4, text: "once more" },
      connectionsEstablished: 2,
      connectionsDropped: 1,
    });
    a.speaker.removeNeighbor(B);
    expect(a.speaker.neighbors()).toEqual([]);
    await b.told.until("B down", () => b.told.hasEvent("session-down", A, 2));
    expect(b.neighbor(A).lastNotification).toMatchObject({ name: "Cease/Peer De-configured" });
  });
});

describe("a session", () => {
  test("hands over routes in order, counts them, and their loss at once", async () => {
    const { a, peer } = await established();
    peer.say(announce("10.1.0.0/16", "10.2.0.0/16"), { kind: "update", withdrawn: [prefix("10.1.0.0/16")], announcements: [] });
    await a.told.until("two updates", () => a.told.updates.length === 2);
    expect(a.told.routes).toEqual(["+10.1.0.0/16 +10.2.0.0/16", "-10.1.0.0/16"]);
    expect(a.told.updates[0].peer).toEqual({ address: B, asn: 65002, routerId: B, type: "external", epoch: 1 });
    expect(a.neighbor(B)).toMatchObject({ prefixesReceived: 1, messagesReceived: { open: 1, keepalive: 1, update: 2 } });
    peer.socket.resetAndDestroy();
    await a.told.until("lost", () => a.told.routes.at(-1) === "lost");
    expect(a.told.updates.at(-1)).toMatchObject({ kind: "lost", reason: "read ECONNRESET", peer: { address: B } });
    expect(a.neighbor(B)).toMatchObject({ prefixesReceived: 0, connectionsDropped: 1 });
  });

  test("reads what a closing peer has said before: routes, then its NOTIFICATION", async () => {
    const { a, peer } = await established();
    peer.say(announce("10.1.0.0/16"), { kind: "notification", error: { code: 6, subcode: 2, data: new Uint8Array() } });
    peer.socket.end();
    await a.told.until("lost", () => a.told.routes.at(-1) === "lost");
    expect(a.told.routes).toEqual(["+10.1.0.0/16", "lost"]);
    expect(a.told.updates.at(-1)).toMatchObject({ reason: "received Cease/Administrative Shutdown" });
  });

  test("digests a long table in turns, without a loss and in order", async () => {
    const { a, peer } = await established();
    const prefixes = Array.from({ length: 5000 }, (_, i): Prefix => ({ address: 0x0b000000 + i * 256, length: 24 }));
    const texts = prefixes.map((each) => announce(`${formatAddress(each.address)}/24`));
    peer.say(...texts);
    await a.told.until("all updates", () => a.told.updates.length === 5000);
    expect(a.told.updates.flatMap((update) => (update.kind === "update" ? update.announced : []))).toEqual(prefixes);
    expect(a.neighbor(B).prefixesReceived).toBe(5000);
  });

  test("withdraws what it has no room for in a message, counts it and says so", async () => {
    const unsaid: string[] = [];
    const onTooLong = (at: unknown, prefixes: readonly Prefix[]) => unsaid.push(String(at), ...prefixes.map(formatPrefix));
    const { a, peer } = await established({ onTooLong });
    const path = (hops: number) => ({
      origin: 0 as const,
      asPath: [{ type: SEGMENT.sequence, asns: Array(hops).fill(65001) }],
      nextHop: A,
    });
    const say = (hops: number) =>
      a.speaker.announce(B, {
        withdrawn: [],
        announcements: [{ prefixes: [prefix("10.1.0.0/16"), prefix("10.2.0.0/16")], attributes: path(hops) }],
      });
    say(10);
    say(1100);
    const isWithdrawn = () => peer.messages.some((message) => message.kind === "update" && message.withdrawn.length === 2);
    await eventually("withdrawn", isWithdrawn);
    expect(unsaid).toEqual([String(B), "10.1.0.0/16", "10.2.0.0/16"]);
    expect(a.neighbor(B)).toMatchObject({ state: "Established", pathsTooLong: 2 });
    expect(a.told.events).toContainEqual(
      expect.objectContaining({ kind: "path-too-long", count: 1, prefix: "10.1.0.0/16", neighbor: B }),
    );
  });

  test("does not let others wait: a turn is 64 messages at most", async () => {
    let count = 0;
    let afterOneTurn = 0;
    const onUpdate = () => {
      count++;
      if (count === 1) setImmediate(() => (afterOneTurn = count));
    };
    const { peer } = await established({ onUpdate });
    const [bytes] = encodeMessage(announce("10.1.0.0/16"), 4);
    peer.socket.write(Buffer.concat(Array(1000).fill(bytes)));
    await eventually("all are handed over", () => count === 1000);
    expect(afterOneTurn).toBeGreaterThan(0);
    expect(afterOneTurn).toBeLessThanOrEqual(64);
  });

  test("survives a malformed attribute and says so; a malformed message ends it with the NOTIFICATION that RFC 4271 has for it", async () => {
    const { a, peer } = await established();
    peer.say(announce("10.1.0.0/16"));
    peer.socket.write(frame(2, updateBody("", "400101 07 400206 0201 0000fdea 400304 0a000002", "10 0a01")));
    await a.told.until("withdrawn", () => a.told.routes.length === 2);
    expect(a.told.routes).toEqual(["+10.1.0.0/16", "-10.1.0.0/16"]);
    expect(a.told.events.at(-1)).toMatchObject({ kind: "update-fault", count: 1, consequence: "treat-as-withdraw" });
    expect(a.neighbor(B).updateFaults).toEqual({ discard: 0, "treat-as-withdraw": 1, "disable-family": 0, reset: 0 });
    const hexOfLast = formatHex(frame(2, updateBody("", "400101 07 400206 0201 0000fdea 400304 0a000002", "10 0a01")));
    expect(a.neighbor(B).lastUpdateFault).toMatchObject({ what: ["ORIGIN is 7, at most 2 wanted"], message: hexOfLast });
    peer.socket.write(frame(2, updateBody("", "", "21")));
    expect(await peer.hearsNotification()).toBe("UPDATE Message Error/Invalid Network Field");
    await peer.hangsUp();
    expect(a.told.routes.at(-1)).toBe("lost");
  });

  const enhanced: Capability = { name: "enhanced-route-refresh" };
  const longMark = frame(5, hex("0001 01 01 00"));
  test.each<[string, Capability[], string]>([
    ["speaks of marks (RFC 7313)", [enhanced], `ROUTE-REFRESH Message Error/Invalid Message Length ${formatHex(longMark)}`],
    ["does not", [], "Message Header Error/Bad Message Length 0018"],
  ])("is ended by a mark of a wrong length, as one that %s is told", async (_, more, wanted) => {
    const capabilities: Capability[] = [{ name: "four-octet-as", asn: asnOf[B] }, ...more];
    const { a, peer } = await established({}, { capabilities });
    peer.write(longMark);
    expect(await peer.hearsNotification()).toBe(wanted);
    await peer.hangsUp();
    expect(a.neighbor(B).lastNotification).toMatchObject({ direction: "sent", name: wanted.replace(/ [0-9a-f]+$/, "") });
  });

  test("is ended by an extended message whose fault is longer than any NOTIFICATION: as much of it is sent back as fits", async () => {
    const capabilities = [{ name: "four-octet-as", asn: asnOf[B] }, { name: "extended-message" }] as const;
    const { a, peer } = await established({}, { capabilities: [...capabilities] });
    // MP_REACH_NLRI of 10,000 bytes, malformed by its next hop, of the only family that there is.
    const value = Uint8Array.of(0, 1, 1, 15, ...new Uint8Array(9996));
    const attribute = Uint8Array.of(0x90, 14, value.length >> 8, value.length & 255, ...value);
    const length = 23 + attribute.length;
    const head = [...new Uint8Array(16).fill(255), length >> 8, length & 255, 2, 0, 0];
    peer.write(Uint8Array.of(...head, attribute.length >> 8, attribute.length & 255, ...attribute));
    const message = await peer.hears("notification");
    const error = bgpError(3, 9, attribute.subarray(0, MAXIMUM_ERROR_DATA));
    expect(message).toEqual({ kind: "notification", error });
    await peer.hangsUp();
    expect(a.neighbor(B).updateFaults.reset).toBe(1);
  });

  test("counts every malformed message, and tells of one a second with its bytes", async () => {
    const clock = createFakeClock();
    const { a, peer } = await established({ clock });
    const bad = frame(2, updateBody("", "c00705 0000000000 400101 07", "10 0a01"));
    peer.socket.write(Buffer.concat(Array(500).fill(bad)));
    await eventually("all are counted", () => a.neighbor(B).updateFaults["treat-as-withdraw"] === 1500);
    const told = () => a.told.events.filter(({ kind }) => kind === "update-fault");
    expect(told()).toMatchObject([{ count: 1, consequence: "treat-as-withdraw", message: formatHex(bad) }]);
    await clock.pass(1000);
    expect(told()).toMatchObject([{ count: 1 }, { count: 499, message: formatHex(bad) }]);
    await clock.pass(5000);
    expect(told().length).toBe(2);
  });

  test.each([
    ["garbage", Uint8Array.from(Buffer.from("GET / HTTP/1.1\r\n\r\n")), "Message Header Error/Connection Not Synchronized"],
    ["an unknown type", Uint8Array.of(...new Uint8Array(16).fill(255), 0, 19, 9), "Message Header Error/Bad Message Type 09"],
    [
      "a length of 5000",
      Uint8Array.of(...new Uint8Array(16).fill(255), 0x13, 0x88),
      "Message Header Error/Bad Message Length 1388",
    ],
    ["a second OPEN", encodeMessage(openOf(B), 4)[0], "Finite State Machine Error/Unexpected Message in Established 01"],
  ])("answers %s", async (_, bytes, name) => {
    const { a, peer } = await established();
    peer.socket.write(bytes);
    expect(await peer.hearsNotification()).toBe(name);
    await peer.hangsUp();
    expect(a.told.routes).toEqual(["lost"]);
  });

  test("sends an OPEN that MetalLB's native speaker takes, and one End-of-RIB; a route refresh is taken in silence", async () => {
    const { a, peer } = await established();
    peer.say({ kind: "route-refresh", family: IPV4_UNICAST, subtype: 0 });
    await peer.hears("update");
    peer.say({ kind: "update", withdrawn: [], announcements: [], endOfRib: IPV4_UNICAST });
    await a.told.until("End-of-RIB", () => a.told.hasEvent("end-of-rib", B));
    expect(peer.messages).toEqual([
      openOf(A, {
        capabilities: [
          { name: "multiprotocol", family: IPV4_UNICAST },
          { name: "multiprotocol", family: IPV6_UNICAST },
          { name: "route-refresh" },
          { name: "extended-message" },
          { name: "graceful-restart", restarting: false, notification: true, restartTimeSeconds: 0, families: [] },
          { name: "four-octet-as", asn: 65001 },
          { name: "enhanced-route-refresh" },
        ],
      }),
      keepalive,
      { kind: "update", withdrawn: [], announcements: [], endOfRib: IPV4_UNICAST },
    ]);
    expect(peer.socket.bytesRead).toBe(19 + 40 + 19 + 23);
    expect(a.neighbor(B).messagesReceived["route-refresh"]).toBe(1);
    expect(a.told.updates).toEqual([]);
  });

  test.each([
    ["another AS", openOf(B, { asn: 65099, capabilities: [] }), "OPEN Message Error/Bad Peer AS"],
    ["a hold time of 2", openOf(B, { holdTimeSeconds: 2 }), "OPEN Message Error/Unacceptable Hold Time"],
    ["router id 0", openOf(B, { routerId: 0 }), "OPEN Message Error/Bad BGP Identifier"],
  ])("refuses %s", async (_, open, name) => {
    const a = await start(A);
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, passive: true });
    const peer = dialFrom(B, A, a.port);
    await peer.hears("open");
    peer.say(open);
    expect(await peer.hearsNotification()).toBe(name);
    expect(a.neighbor(B)).toMatchObject({ connectionsEstablished: 0, lastReset: { reason: `sent ${name}` } });
  });

  test("with a peer of two-octet AS numbers", async () => {
    const { a, peer } = await established({}, { capabilities: [] });
    peer.socket.write(
      frame(2, updateBody("", "400101 00 400206 0202 5ba0 0001 400304 0a000002 c0110a 0202 fa56ea00 00000001", "08 0a")),
    );
    await a.told.until("a route", () => a.told.updates.length === 1);
    expect(a.told.updates[0]).toMatchObject({ attributes: { asPath: [{ type: SEGMENT.sequence, asns: [4200000000, 1] }] } });
  });
});

/**
 * What the checks of malformed UPDATEs send is malformed in the way that they say, and only so: our decoder, which has its own
 * table of RFC 7606 and its own tests, has to come to the consequence that each check wants.
 */
import { describe, expect, test } from "vitest";
import { HEADER_LENGTH } from "#src/bgp/framer.ts";
import { IPV4_UNICAST } from "#src/bgp/nlri.ts";
import { decodeUpdate } from "#src/bgp/update.ts";
import type { Check } from "#src/conform/check.ts";
import { ATTRIBUTE_CHECKS } from "#src/conform/checks/attributes.ts";
import { ROUTE_CHECKS } from "#src/conform/checks/routes.ts";
import { UNUSUAL_CHECKS } from "#src/conform/checks/unusual.ts";
import type { RawConnection } from "#src/conform/connection.ts";
import { Stage } from "#src/conform/stage.ts";
import { Transcript } from "#src/conform/transcript.ts";
import { parseAddress } from "#src/net/address.ts";
import { systemClock } from "#src/net/clock.ts";

const address = (text: string) => parseAddress(text) ?? 0;

/** The UPDATEs that the script sends, one after the other. */
async function updatesOf(check: Check): Promise<Uint8Array[]> {
  const us = {
    peer: { address: address("10.0.0.1"), port: 179 },
    localAsn: 65000,
    remoteAsn: 65101,
    localAddress: address("10.0.0.2"),
    listenOnly: false,
  };
  const stage = new Stage(us, 7, undefined, systemClock, new Transcript(systemClock), Number.POSITIVE_INFINITY);
  const sent: Uint8Array[] = [];
  stage.connection = { send: (_: string, bytes: Uint8Array) => void sent.push(bytes) } as unknown as RawConnection;
  for (const step of check.steps) if (step.text.startsWith("send ")) await step.run(stage);
  return sent.filter((bytes) => bytes[HEADER_LENGTH - 1] === 2);
}

const decode = (bytes: Uint8Array, asnSize: 2 | 4 = 4) =>
  decodeUpdate(bytes.subarray(HEADER_LENGTH), { asnSize, peerType: "external", families: [IPV4_UNICAST] });

function consequenceOf({ wanted }: Check): string {
  if (wanted.includes("treated as withdrawn")) return "treat-as-withdraw";
  if (wanted.includes("discarded") || wanted.includes("the first counts")) return "discard";
  return wanted.includes("NOTIFICATION 3/") ? "reset" : "any";
}

describe("malformed", () => {
  test.each(ATTRIBUTE_CHECKS.checks.map((check) => [check.name, check] as const))("%s", async (name, check) => {
    const sent = await updatesOf(check);
    const { consequence, faults } = decode(sent[sent.length - 1]);
    // For the tunnel's attribute it is left open whether the route or only the attribute goes.
    if (name === "tunnel-encapsulation-malformed") expect(["discard", "treat-as-withdraw"]).toContain(consequence);
    else expect(consequence).toBe(consequenceOf(check));
    expect(faults.length).toBeGreaterThan(0);
    for (const ordinary of sent.slice(0, -1)) expect(decode(ordinary).consequence).toBe("none");
  });
});

describe("unusual, and right", () => {
  const all = [...ROUTE_CHECKS.checks, ...UNUSUAL_CHECKS.checks];
  test.each(all.map((check) => [check.name, check] as const))("%s", async (name, check) => {
    for (const bytes of await updatesOf(check)) {
      expect(decode(bytes, name === "as4-path" ? 2 : 4)).toMatchObject({ consequence: "none", faults: [] });
      expect(bytes.length).toBeLessThanOrEqual(4096);
    }
  });

  test("a full message has 4096 bytes, and tells of one prefix only", async () => {
    const [full] = await updatesOf(UNUSUAL_CHECKS.checks.find(({ name }) => name === "full-message") as Check);
    expect(full.length).toBe(4096);
    const prefixes = decode(full).update.announcements[0].prefixes.map((prefix) => JSON.stringify(prefix));
    expect(new Set(prefixes).size).toBe(1);
  });
});

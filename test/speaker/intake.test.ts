import { describe, expect, it } from "vitest";
import { IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { type Address, formatAddress, parseAddress } from "#src/net/address.ts";
import { type Prefix, parsePrefix } from "#src/net/prefix.ts";
import type { RouteUpdate } from "#src/rib/route.ts";
import type { Agreement } from "#src/speaker/agreement.ts";
import { Intake } from "#src/speaker/intake.ts";
import { createFakeClock } from "../common/fake-clock.ts";

const agreement: Agreement = {
  asnSize: 4,
  families: [IPV6_UNICAST],
  pathIds: [],
  extendedNextHop: [],
  extendedMessage: false,
  enhancedRefresh: false,
  holdTimeSeconds: 90,
  keepaliveSeconds: 30,
  peer: { kind: "open", asn: 65001, holdTimeSeconds: 90, routerId: 1, capabilities: [] },
};

/** The next hop that is handed on of what a peer on that link announces. */
function nextHopFrom(link: string | undefined, nextHop: string): string | undefined {
  const updates: RouteUpdate[] = [];
  const intake = new Intake({
    address: parseAddress("2001:db8::2") as Address,
    type: "external",
    limits: () => ({ restartTimeSeconds: 1, stalePathsSeconds: 1 }),
    clock: createFakeClock(),
    onUpdate: (update) => void updates.push(update),
    report: () => undefined,
  });
  intake.begin(agreement, link);
  const attributes = { origin: 0, asPath: [], nextHop: parseAddress(nextHop) as Address } as const;
  const prefixes = [parsePrefix("2001:db8:1::/48") as Prefix];
  intake.take({ kind: "update", withdrawn: [], announcements: [{ prefixes, attributes }] });
  const [update] = updates;
  return update?.kind === "update" && update.attributes ? formatAddress(update.attributes.nextHop) : undefined;
}

describe("what a peer announces", () => {
  it.each([
    ["is on the session's link where its next hop is link-local", "eth1", "fe80::2", "fe80::2%eth1"],
    ["keeps a next hop that is not", "eth1", "2001:db8::9", "2001:db8::9"],
    ["keeps any next hop where the link is not known", undefined, "fe80::2", "fe80::2"],
  ])("%s", (_, link, nextHop, handedOn) => {
    expect(nextHopFrom(link, nextHop)).toBe(handedOn);
  });
});

import { describe, expect, it } from "vitest";
import { COMMUNITY } from "#src/bgp/communities.ts";
import { SEGMENT } from "#src/bgp/path.ts";
import { parseAddress } from "#src/net/address.ts";
import { type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { type PrefixRule, parsePrefixRule } from "#src/net/prefix-rule.ts";
import { type ImportPolicy, isBlackhole, type RefusalReason, refusePath, refusePrefix } from "#src/rib/policy.ts";
import { ACCEPT_ALL, external, internal, LOCAL_ASN, type PathSketch, sketchAttributes } from "./sketch.ts";

const ROUTER_ID = 99;
const policy = (more: Partial<ImportPolicy> = {}): ImportPolicy => ({ ...ACCEPT_ALL, enforceFirstAs: true, ...more });

type Case = readonly [reason: RefusalReason | undefined, what: string, path: PathSketch, more?: Partial<ImportPolicy>];

/** Each reason: what earns it, and beside it what does not. */
const OF_PATHS: readonly Case[] = [
  [undefined, "the peer's own AS", { peer: external(1) }],
  ["AS loop", "our AS in a sequence", { peer: external(1), asns: [65001, LOCAL_ASN] }],
  [
    "AS loop",
    "our AS in a set",
    {
      peer: external(1),
      asPath: [
        { type: SEGMENT.sequence, asns: [65001] },
        { type: SEGMENT.set, asns: [7, LOCAL_ASN] },
      ],
    },
  ],
  [
    "AS loop",
    "the AS that we are to this neighbor",
    { peer: external(1), asns: [65001, 64999] },
    { ownAsns: [LOCAL_ASN, 64999] },
  ],
  ["AS loop", "our AS from inside", { peer: internal(1), asns: [LOCAL_ASN] }],
  ["first AS is not the peer's", "another's AS first", { peer: external(1), asns: [7, 65001] }],
  ["first AS is not the peer's", "no AS at all", { peer: external(1), asns: [] }],
  [undefined, "another's AS first, from a route server", { peer: external(1), asns: [7] }, { enforceFirstAs: false }],
  [undefined, "an empty path from inside", { peer: internal(1) }],
  ["originator is ourselves", "what we began", { peer: internal(1), originatorId: ROUTER_ID }],
  ["cluster loop", "our cluster in the list", { peer: internal(1), clusterList: [5, ROUTER_ID] }],
  [undefined, "other clusters in the list", { peer: internal(1), originatorId: 4, clusterList: [5] }],
  ["martian next hop", "a loopback next hop", { peer: external(1), nextHop: 0x7f000001 }],
  [undefined, "IPv4 in IPv6", { peer: external(1), nextHop: parseAddress("::ffff:10.0.0.1") as string }],
  [undefined, "a link-local next hop", { peer: external(1), nextHop: parseAddress("fe80::1") as string }],
  [undefined, "a link-local next hop of IPv4", { peer: external(1), nextHop: parseAddress("169.254.1.1") as number }],
];

describe("of a path", () => {
  for (const [reason, what, path, more] of OF_PATHS) {
    it(`${reason ?? "taken"}: ${what}`, () => {
      expect(refusePath(path.peer, sketchAttributes(path), policy(more), ROUTER_ID)).toBe(reason);
    });
  }
});

const SERVICES = [parsePrefixRule("198.51.100.0/24 le 32") as PrefixRule];

describe("of a prefix", () => {
  it.each([
    ["external, nothing said", external(1), undefined, "198.51.100.1/32", "no import policy"],
    ["internal, nothing said", internal(1), undefined, "198.51.100.1/32", undefined],
    ["external, in the list", external(1), SERVICES, "198.51.100.1/32", undefined],
    ["external, not in the list", external(1), SERVICES, "203.0.113.0/24", "not accepted"],
    ["external, an empty list", external(1), [], "198.51.100.1/32", "not accepted"],
    ["internal, not in the list", internal(1), SERVICES, "203.0.113.0/24", "not accepted"],
  ] as const)("%s", (_, peer, accept, prefix, reason) => {
    expect(refusePrefix(peer, parsePrefix(prefix) as Prefix, policy({ accept }))).toBe(reason);
  });

  it.each([
    ["0.0.0.0/0", undefined],
    ["10.0.0.0/8", undefined],
    ["192.0.2.0/24", undefined],
    ["2001:db8::/32", undefined],
    ["::/0", undefined],
    ["0.0.0.0/8", "martian prefix"],
    ["127.0.0.1/32", "martian prefix"],
    ["169.254.0.0/16", "martian prefix"],
    ["224.0.0.0/4", "martian prefix"],
    ["255.255.255.255/32", "martian prefix"],
    ["::1/128", "martian prefix"],
    ["::ffff:0:0/96", "martian prefix"],
    ["fe80::/64", "martian prefix"],
    ["ff02::/16", "martian prefix"],
  ])("%s, everything accepted: %s", (prefix, reason) => {
    expect(refusePrefix(external(1), parsePrefix(prefix) as Prefix, ACCEPT_ALL)).toBe(reason);
  });
});

describe("BLACKHOLE", () => {
  it("counts only from a neighbor that may have traffic thrown away", () => {
    const attributes = { ...sketchAttributes({ peer: external(1) }), communities: [COMMUNITY.blackhole] };
    expect(isBlackhole(attributes, policy({ allowBlackhole: true }))).toBe(true);
    expect(isBlackhole(attributes, policy())).toBe(false);
    expect(isBlackhole({ ...attributes, communities: [COMMUNITY.noExport] }, policy({ allowBlackhole: true }))).toBe(false);
  });
});

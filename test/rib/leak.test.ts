/** The procedures of RFC 9234 section 5, role by role: roles are ours towards the neighbor. */
import { describe, expect, it } from "vitest";
import { ROLES, type Role } from "#src/bgp/role.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { type PrefixRule, parsePrefixRule } from "#src/net/prefix-rule.ts";
import { exportRoute } from "#src/rib/export.ts";
import { refusePath } from "#src/rib/policy.ts";
import type { Audience } from "#src/rib/route.ts";
import { ACCEPT_ALL, external, internal, LOCAL_ASN, sketchAttributes } from "./sketch.ts";

const THEIRS = 65001;
const ANOTHER = 64999;
const PREFIX = parsePrefix("198.51.100.0/24") as NonNullable<ReturnType<typeof parsePrefix>>;
const POLICY = { announce: [parsePrefixRule("0.0.0.0/0 le 32") as PrefixRule], nextHopSelf: false, prepend: [LOCAL_ASN] };

const pathOf = (from: Role | undefined, onlyToCustomer: number | undefined) => {
  const peer = { ...external(1), role: from };
  return { peer, attributes: { ...sketchAttributes({ peer }), ...(onlyToCustomer !== undefined && { onlyToCustomer }) } };
};
const audience = (role: Role | undefined, type: Audience["type"] = "external"): Audience => ({
  ...{ address: 0x0a000002, type, role },
  nextHops: { ipv4: 0x0a0000fe },
});
const exported = (from: Role | undefined, mark: number | undefined, to: Audience) => {
  const best = pathOf(from, mark);
  return exportRoute(PREFIX, { protocol: "bgp", nextHops: [], best }, to, POLICY);
};

describe("on the way in", () => {
  /** Of what each tells us without a mark, with its own AS as mark, and with another's: which are leaks. */
  it.each([
    ["provider", [false, true, true]],
    ["rs-server", [false, true, true]],
    ["peer", [false, false, true]],
    ["customer", [false, false, false]],
    ["rs-client", [false, false, false]],
    [undefined, [false, false, false]],
  ] as const)("as its %s we refuse %j", (role, leaks) => {
    for (const [index, mark] of [undefined, THEIRS, ANOTHER].entries()) {
      const { peer, attributes } = pathOf(role, mark);
      const reason = refusePath(peer, attributes, ACCEPT_ALL, 99);
      expect(reason, String(mark)).toBe(leaks[index] ? "route leak" : undefined);
    }
  });
});

describe("on the way out", () => {
  const DOWN = ["provider", "rs-server", "peer"];
  const UP = ["customer", "rs-client", "peer"];

  it.each([...ROLES, undefined])("as its %s we say what came down with its mark, or not at all", (to) => {
    for (const from of ["customer", "rs-client", "peer"] as const) {
      const isHeldBack = to !== undefined && UP.includes(to);
      expect(exported(from, undefined, audience(to))?.onlyToCustomer, from).toBe(isHeldBack ? undefined : THEIRS);
      expect(exported(from, undefined, audience(to)) === undefined, from).toBe(isHeldBack);
      // Who marked it first is what it says.
      const first = from === "peer" ? THEIRS : ANOTHER;
      expect(exported(from, first, audience(to))?.onlyToCustomer, from).toBe(isHeldBack ? undefined : first);
    }
  });

  it.each([...ROLES, undefined])("as its %s we say a customer's, and our own, marked by us if it goes down", (to) => {
    const mark = to !== undefined && DOWN.includes(to) ? LOCAL_ASN : undefined;
    for (const from of ["provider", "rs-server", undefined] as const)
      expect(exported(from, undefined, audience(to)), String(from)).toMatchObject({
        nextHop: 0x0a0000fe,
        ...(mark !== undefined && { onlyToCustomer: mark }),
      });
    expect(exportRoute(PREFIX, undefined, audience(to), POLICY)?.onlyToCustomer).toBe(mark);
  });

  it("a mark that comes from a neighbor without a role stays, and is heeded", () => {
    expect(exported(undefined, ANOTHER, audience(undefined))?.onlyToCustomer).toBe(ANOTHER);
    expect(exported(undefined, ANOTHER, audience("customer"))).toBeUndefined();
  });

  it("inside, it has the mark that it will need, and nothing is held back", () => {
    expect(exported("customer", undefined, audience(undefined, "internal"))?.onlyToCustomer).toBe(THEIRS);
    const best = { peer: internal(3), attributes: { ...sketchAttributes({ peer: internal(3) }), onlyToCustomer: ANOTHER } };
    const route = { protocol: "bgp", nextHops: [], best } as const;
    expect(exportRoute(PREFIX, route, audience("peer"), POLICY)).toBeUndefined();
    expect(exportRoute(PREFIX, route, audience("provider"), POLICY)?.onlyToCustomer).toBe(ANOTHER);
  });
});

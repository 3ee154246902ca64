import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HashOptions } from "#src/ecmp/flow-hash.ts";
import { SELECTORS, type SelectorName } from "#src/ecmp/selector.ts";
import { createExplainer } from "#src/experiment/explain.ts";
import { generateFlows } from "#src/experiment/flows.ts";
import { type Address, parseAddress, parseIpv4 } from "#src/net/address.ts";
import { type Flow, parseFlow } from "#src/net/flow.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { slowXxh32 } from "../oracle/xxh32.ts";
import { sketchState } from "./state.ts";

const NODES = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
const flow = (text: string): Flow => parseFlow(text) as Flow;

describe("explain", () => {
  const text = "tcp 10.1.0.2:1000 198.51.100.10:80";

  it("gives every step of the decision", () => {
    const explain = createExplainer(
      sketchState({ selector: "modulo", groups: [{ prefixes: ["198.51.100.10/32"], members: NODES }] }),
    );
    const key = "0a010002c633640a0603e80050";
    const hash = slowXxh32(Buffer.from(key, "hex"), 42);
    const bucket = hash % 4;
    expect(explain(flow(text))).toEqual({
      flow: text,
      prefix: "198.51.100.10/32",
      rule: "xxh32 with seed 42 over 5-tuple; 32 bits; remainder by buckets (modulo)",
      key,
      hash,
      bucket,
      nextHop: NODES[bucket],
      fate: "forwarded",
      reason: `${hash} mod 4 is bucket ${bucket}, owned by ${NODES[bucket]}, member ${bucket + 1} of 4, order address`,
    });
  });

  it("says why where the selector has not filled the group's table, and where no member is in a bank, and goes on elsewhere", () => {
    const groups = [
      { prefixes: ["198.51.100.10/32"], members: NODES },
      { prefixes: ["198.51.100.20/32"], members: NODES.slice(0, 2) },
    ];
    const explained = (state: Parameters<typeof createExplainer>[0], to: string) =>
      createExplainer(state)(flow(`tcp 10.1.0.2:1000 ${to}:80`));
    const state = sketchState({ selector: "resilient", buckets: 4, groups });
    const refused = { ...state, groups: [{ ...state.groups[0], refusal: "Cannot fill it" }, state.groups[1]] };
    expect(explained(refused, "198.51.100.10").rule).toMatch(/\(modulo\), because: Cannot fill it$/);
    expect(explained(refused, "198.51.100.20").rule).toMatch(/\(resilient\)$/);

    const banks = [[parseIpv4("10.0.0.1") as number]];
    const banked = {
      ...state,
      selector: { name: "sonic-fgnhg", banks },
      groups: [
        { ...state.groups[0], owners: [], members: state.groups[0].members.map((one) => ({ ...one, share: 0 })) },
        state.groups[1],
      ],
    };
    expect(explained(banked, "198.51.100.10")).toMatchObject({
      nextHop: null,
      reason: "198.51.100.10/32 has no next hop: of 4 members none is in a bank",
    });
    expect(explained(banked, "198.51.100.20").nextHop).toMatch(/^10\.0\.0\.[12]$/);
  });

  it("names the range where the table has bounds", () => {
    const explain = createExplainer(
      sketchState({ selector: "threshold", groups: [{ prefixes: ["0.0.0.0/0"], members: NODES }] }),
    );
    const ranges = Array.from({ length: 20 }, (_, i) => {
      const { hash, bucket, reason } = explain(flow(`tcp 10.1.0.2:${1000 + i} 198.51.100.10:80`));
      const range = Math.floor(hash / 2 ** 30);
      expect(bucket).toBe(range);
      expect(reason).toContain(
        `is in range ${range}, ${range * 2 ** 30} to ${(range + 1) * 2 ** 30 - 1}, owned by ${NODES[range]},`,
      );
      return range;
    });
    expect(new Set(ranges).size).toBe(4);
  });

  it.each<[Partial<HashOptions>, SelectorName, string]>([
    [
      { profile: "linux-l4", algorithm: "linux", linux: { policy: 1 } },
      "linux-threshold",
      "linux-l4: fib_multipath_hash_policy 1 with seed 42; 31 bits; upper bounds (linux-threshold)",
    ],
    [
      { profile: "linux-custom", algorithm: "linux", linux: { policy: 3, fields: 0x37 } },
      "linux-threshold",
      "linux-custom: fib_multipath_hash_policy 3, fib_multipath_hash_fields 0x037, with seed 42; 31 bits; upper bounds (linux-threshold)",
    ],
    [
      { profile: "linux-resilient", algorithm: "linux", linux: { policy: 1, socketHash: 9 } },
      "linux-resilient",
      "linux-resilient: fib_multipath_hash_policy 1 with seed 42, of TCP a draw of its socket's (9) instead; 31 bits; remainder by buckets (linux-resilient)",
    ],
    [
      { algorithm: "crc16-ccitt", offset: 4, symmetric: true, masks: { "source-address": { ipv4: 24 } } },
      "modulo",
      "crc16-ccitt with seed 42 over 5-tuple, of source-address 24 bits (ipv4), both directions alike; 16 bits; turned right by 4; remainder by buckets (modulo)",
    ],
    [
      { profile: "toeplitz-rss", algorithm: "toeplitz", seed: 0, key: "6d5a56da", fields: ["source-port", "protocol"] },
      "resilient",
      "toeplitz-rss: toeplitz with key 6d5a56da over source-port, protocol; 32 bits; remainder by buckets (resilient)",
    ],
    [
      { fragments: "payload-as-ports", icmpErrors: "quoted-addresses" },
      "modulo",
      "xxh32 with seed 42 over 5-tuple; 32 bits; remainder by buckets (modulo); fragments payload-as-ports; ICMP errors quoted-addresses",
    ],
    [
      { fragments: "address-only", icmpErrors: "outer" },
      "modulo",
      "xxh32 with seed 42 over 5-tuple; 32 bits; remainder by buckets (modulo)",
    ],
  ])("says the rule by name: %j", (hash, selector, rule) => {
    const state = sketchState({ selector, buckets: 64, groups: [{ prefixes: ["0.0.0.0/0"], members: NODES }] });
    expect(createExplainer({ ...state, hash: { ...state.hash, ...hash } })(flow(text)).rule).toBe(rule);
  });

  it.each(["random", "round-robin"])("refuses %s, by which a flow has no next hop", (algorithm) => {
    const state = sketchState({ selector: "modulo", groups: [{ prefixes: ["0.0.0.0/0"], members: NODES }] });
    expect(() => createExplainer({ ...state, hash: { ...state.hash, algorithm } })).toThrow(
      `hash algorithm: "${algorithm}", wanted one that decides by flow`,
    );
  });

  it("says so when no prefix matches, and when the group has no next hop", () => {
    const explain = createExplainer(
      sketchState({ selector: "modulo", groups: [{ prefixes: ["198.51.100.0/24"], members: [] }] }),
    );
    expect(explain(flow("udp 10.1.0.2:1 192.0.2.1:1"))).toMatchObject({
      prefix: null,
      bucket: null,
      nextHop: null,
      reason: "no group's prefix contains 192.0.2.1",
    });
    expect(explain(flow(text))).toMatchObject({
      prefix: "198.51.100.0/24",
      nextHop: null,
      reason: "198.51.100.0/24 has no next hop",
    });
  });

  it("says what goes by no group: the router's own addresses and its subnets, where no longer prefix has one", () => {
    const prefixes = ["0.0.0.0/0", "10.0.0.12/32"];
    const state = sketchState({ selector: "modulo", groups: [{ prefixes, members: NODES }] });
    const direct = { local: ["10.0.0.1", "2001:db8::1"], attached: ["10.0.0.0/8", "10.0.0.0/24", "2001:db8::/64"] };
    const explain = createExplainer({ ...state, direct });
    const of = (destination: string) => explain({ ...flow(text), destination: parseAddress(destination) as Address });
    const none = { rule: null, bucket: null, nextHop: null };
    expect(of("10.0.0.1")).toMatchObject({ ...none, prefix: "10.0.0.1/32", reason: "10.0.0.1 is the router's own address" });
    expect(of("10.0.0.11")).toMatchObject({
      ...none,
      prefix: "10.0.0.0/24",
      reason: "10.0.0.0/24 is directly connected, no group: it goes to 10.0.0.11 itself",
    });
    expect(of("10.1.0.1")).toMatchObject({ ...none, prefix: "10.0.0.0/8" });
    expect(of("10.0.0.12")).toMatchObject({ prefix: "10.0.0.12/32", nextHop: expect.any(String) });
    expect(of("192.0.2.1")).toMatchObject({ prefix: "0.0.0.0/0", nextHop: expect.any(String) });
    expect(explain(flow("tcp [2001:db8::9]:1 [2001:db8::7]:2"))).toMatchObject({ ...none, prefix: "2001:db8::/64" });
  });

  it("explains IPv6 flows over IPv6 next hops", () => {
    const members = ["2001:db8:1::a", "2001:db8:1::b"];
    const explain = createExplainer(
      sketchState({ selector: "modulo", groups: [{ prefixes: ["2001:db8:ffff::/48", "0.0.0.0/0"], members }] }),
    );
    const answer = explain(flow("tcp [2001:db8::1]:1000 [2001:db8:ffff::10]:80"));
    expect(answer.prefix).toBe("2001:db8:ffff::/48");
    expect(answer.key).toHaveLength(74);
    expect(answer.nextHop).toBe(members[slowXxh32(Buffer.from(answer.key, "hex"), 42) % 2]);
  });

  it("hashes no more than the fields that the state names", () => {
    const explain = createExplainer(
      sketchState({ selector: "modulo", fields: ["3-tuple"], groups: [{ prefixes: ["0.0.0.0/0"], members: NODES }] }),
    );
    const hops = [1, 2, 3, 4, 5, 6, 7, 8].map((port) => explain(flow(`tcp 10.1.0.2:${port} 198.51.100.10:80`)).nextHop);
    expect(new Set(hops).size).toBe(1);
  });

  it("decides the same for a state that went through JSON, for every selector", () => {
    const sources = parsePrefix("10.1.0.0/16");
    const flows = [...generateFlows({ count: 200, seed: 1, sources: sources!, destination: 0xc633640a, destinationPort: 80 })];
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(SELECTORS)), fc.subarray(NODES, { minLength: 1 }), (selector, members) => {
        const state = sketchState({
          selector: selector as SelectorName,
          groups: [{ prefixes: ["0.0.0.0/0"], members, history: [NODES] }],
        });
        const explain = createExplainer(state);
        const [{ owners, bounds }] = state.groups;
        for (const one of flows) {
          const { hash, nextHop } = explain(one);
          const owner = bounds ? owners[bounds.findIndex((bound) => hash <= bound)] : owners[hash % owners.length];
          expect(nextHop).toBe(members[owner]);
        }
      }),
      { numRuns: 20 },
    );
  });
});

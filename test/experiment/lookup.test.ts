import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLookup } from "#src/experiment/lookup.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatPrefix, makePrefix } from "#src/net/prefix.ts";
import { slowLookup } from "../oracle/lookup.ts";

const table = { members: [], reduction: "buckets", owners: new Uint16Array(0) } as const;

describe("lookup", () => {
  it("finds what the slow twin finds, in both families, among prefixes that lie within each other", () => {
    // Few bits vary, so that prefixes nest and addresses hit them.
    const ipv4 = fc.integer({ min: 0, max: 0xff }).map((n) => ((n * 0x01010101) & 0xf00f00ff) >>> 0);
    const ipv6 = fc.integer({ min: 0, max: 0xff }).map((n) => `20010db8${n.toString(16).padStart(2, "0").repeat(12)}`);
    const prefix = fc.oneof(
      fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([address, length]) => makePrefix(address, length)),
      fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([address, length]) => makePrefix(address, length)),
    );
    const prefixes = fc.uniqueArray(prefix, { selector: formatPrefix, maxLength: 12 });
    fc.assert(
      fc.property(prefixes, fc.array(fc.oneof(ipv4, ipv6), { minLength: 1 }), (prefixes, addresses) => {
        const groups = prefixes.map((prefix) => ({ prefixes: [prefix], table }));
        const lookup = createLookup({ groups, actions: [], direct: { local: [], attached: [] } });
        for (const address of addresses) {
          const match = lookup(address);
          expect(match && formatPrefix(match.prefix)).toBe(slowLookup(prefixes.map(formatPrefix), formatAddress(address)));
          expect(match?.group).toBe(groups.find(({ prefixes }) => prefixes[0] === match?.prefix));
        }
      }),
      { numRuns: 500 },
    );
  });
});

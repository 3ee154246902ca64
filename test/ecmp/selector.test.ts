import { describe, expect, it } from "vitest";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { bucketOf, memberShares, type SelectionTable, type SelectorOptions, select } from "#src/ecmp/table.ts";
import { testSelector } from "../common/selector.ts";

describe("SELECTORS", () => {
  it("files every selector under its own name", () => {
    for (const [name, selector] of Object.entries(SELECTORS)) expect(selector.name).toBe(name);
  });
});

/** Small tables, where the default would only make the suite slow, or would not do for 24 members of unequal weight. */
const QUICK: Readonly<Record<string, SelectorOptions>> = {
  hrw: { buckets: 2048 },
  "linux-resilient": { buckets: 2048 },
  jump: { buckets: 2048 },
  anchor: { buckets: 2048, capacity: 256 },
  ring: { replicas: 40 },
  "arista-recmp": { capacity: 24, redundancy: 5 },
  maglev: { buckets: 2039 },
  "maglev-katran-v1": { buckets: 2039 },
  "maglev-katran-v2": { buckets: 2039 },
  "maglev-cilium": { buckets: 2039 },
};

for (const selector of Object.values(SELECTORS)) testSelector(selector, QUICK[selector.name]);

describe("a table", () => {
  const members = [1, 2, 3].map((address) => ({ address, weight: 1 }));

  it("of bounds gives a hash on a bound to the range below it", () => {
    const bounds = Uint32Array.of(10, 0x80000000, 0xffffffff);
    const table: SelectionTable = { members, reduction: "bounds", owners: Uint16Array.of(2, 0, 1), bounds };
    const cases: [number, number][] = [
      [0, 0],
      [10, 0],
      [11, 1],
      [0x80000000, 1],
      [0x80000001, 2],
      [0xffffffff, 2],
    ];
    for (const [hash, range] of cases) {
      expect(bucketOf(table, hash), `${hash}`).toBe(range);
      expect(select(table, hash)).toBe(table.owners[range]);
    }
    expect(memberShares(table)).toEqual([0x80000000 - 10, 0x7fffffff, 11]);
  });

  it("of buckets takes the remainder of the unsigned hash", () => {
    const table: SelectionTable = { members, reduction: "buckets", owners: Uint16Array.of(0, 1, 2, 1, 0) };
    expect([0, 4, 5, 0xffffffff].map((hash) => bucketOf(table, hash))).toEqual([0, 4, 0, 0]);
    expect(memberShares(table)).toEqual([2, 2, 1]);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPrefix, makePrefix, type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { createPrefixTable, type PrefixTable, type PrefixWalk } from "#src/net/prefix-table.ts";

const contents = (table: PrefixTable): Map<string, number> => {
  const found = new Map<string, number>();
  table.forEach((prefix, number) => void found.set(formatPrefix(prefix), number));
  return found;
};

describe("a prefix table", () => {
  it("does as a Map does, whatever is set and deleted", () => {
    // Few prefixes, so that they are met again, of all lengths, and enough of them to fill runs of slots.
    const prefix = fc.oneof(
      fc
        .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 32 }))
        .map(([n, length]): Prefix => makePrefix(n << 25, length)),
      fc
        .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 28, max: 32 }))
        .map(([n, length]): Prefix => makePrefix(0xfffffff0 + n, length)),
      fc.constantFrom("2001:db8::/32", "2001:db8::/48", "::/0").map((text) => parsePrefix(text) as Prefix),
    );
    const steps = fc.array(fc.tuple(prefix, fc.integer({ min: 0, max: 3 })), { maxLength: 200 });
    fc.assert(
      fc.property(steps, fc.integer(), (steps, seed) => {
        const table = createPrefixTable(seed);
        const map = new Map<string, number>();
        for (const [prefix, number] of steps) {
          table.set(prefix, number);
          if (number === 0) map.delete(formatPrefix(prefix));
          else map.set(formatPrefix(prefix), number);
          expect(table.get(prefix)).toBe(number);
          expect(table.size).toBe(map.size);
        }
        expect(contents(table)).toEqual(map);
      }),
    );
  });

  it("grows, and finds everything again after half of it is gone", () => {
    const table = createPrefixTable();
    const at = (i: number): Prefix => ({ address: 0x0b000000 + i * 256, length: 24 });
    for (let i = 0; i < 50_000; i++) table.set(at(i), i + 1);
    for (let i = 0; i < 50_000; i += 2) table.set(at(i), 0);
    expect(table.size).toBe(25_000);
    for (let i = 0; i < 50_000; i++) if (table.get(at(i)) !== (i % 2 === 0 ? 0 : i + 1)) expect.fail(`wrong at ${i}`);
  });

  it("is walked through in pieces, each prefix once while nothing changes, and to the last while all does", () => {
    const table = createPrefixTable();
    const at = (i: number): Prefix => ({ address: 0x0b000000 + i * 256, length: 24 });
    const other = parsePrefix("2001:db8::/32") as Prefix;
    for (let i = 0; i < 5_000; i++) table.set(at(i), 1);
    table.set(other, 1);
    const pieceOf = (walk: PrefixWalk): { met: Prefix[]; more: boolean } => {
      const met: Prefix[] = [];
      const left = walk(
        64,
        (prefix) => void met.push(prefix),
        (number) => number === 1,
      );
      return { more: left === 0, met };
    };
    const met: string[] = [];
    for (let walk = table.walk(), more = true; more; ) {
      const piece = pieceOf(walk);
      expect(piece.met.length).toBeLessThanOrEqual(64);
      met.push(...piece.met.map(formatPrefix));
      more = piece.more;
    }
    expect([met.length, new Set(met).size]).toEqual([5_001, 5_001]);

    let walks = 0;
    for (let left = table.size, added = 5_000; left > 0 && walks < 4; walks++) {
      for (let walk = table.walk(), more = true; more; ) {
        const piece = pieceOf(walk);
        for (const prefix of piece.met) table.set(prefix, 0);
        left -= piece.met.length;
        for (let i = 0; i < 50 && added < 60_000; i++) table.set(at(added++), 2);
        more = piece.more;
      }
    }
    expect([...contents(table).values()].filter((number) => number === 1)).toEqual([]);
  });

  it("is walked through to what is there all the time, whatever comes and goes between the pieces", () => {
    // Enough of them to make it grow, and few enough for rows to be left and taken again.
    const at = (n: number): Prefix => makePrefix(n << 23, 9 + (n >>> 9));
    const some = fc.array(fc.nat(2047), { maxLength: 60, size: "max" });
    const pieces = fc.array(fc.record({ places: fc.integer({ min: 1, max: 100 }), added: some, deleted: some }), { size: "+1" });
    const there = fc.uniqueArray(fc.nat(2047), { minLength: 700, maxLength: 760, size: "max" });
    fc.assert(
      fc.property(there, pieces, (there, pieces) => {
        const table = createPrefixTable();
        for (const n of there) table.set(at(n), 1);
        const left = new Set(there.map((n) => formatPrefix(at(n))));
        const walk = table.walk();
        const visit = (prefix: Prefix): void => void left.delete(formatPrefix(prefix));
        for (const { places, added, deleted } of pieces) {
          walk(places, visit, () => true);
          for (const n of deleted) {
            table.set(at(n), 0);
            left.delete(formatPrefix(at(n)));
          }
          for (const n of added) table.set(at(n), 1);
        }
        while (walk(300, visit, () => true) === 0);
        expect([...left]).toEqual([]);
      }),
      // To shrink tables of 700 prefixes takes minutes, and says no more.
      { numRuns: 300, endOnFailure: true },
    );
  });

  it("keeps nothing of what came besides the prefix", () => {
    const table = createPrefixTable();
    table.set({ ...(parsePrefix("2001:db8::/32") as Prefix), pathId: 7 } as Prefix, 1);
    const found: Prefix[] = [];
    table.forEach((prefix) => void found.push(prefix));
    expect(found).toEqual([parsePrefix("2001:db8::/32")]);
  });
});

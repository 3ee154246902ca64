import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anchor } from "#src/ecmp/select/anchor.ts";
import { createAnchorHash } from "#src/ecmp/select/anchor-hash.ts";
import { equalMembers, type Member, type SelectionTable } from "#src/ecmp/table.ts";
import { ownerAddress } from "../../common/selector.ts";
import { createSlowAnchor } from "../../oracle/selectors-consistent.ts";

const keys = Array.from({ length: 500 }, (_, i) => Math.imul(i, 2654435761) >>> 0);

/** A history of removals (by rank among the working places) and additions, told to both. */
const histories = fc.array(fc.option(fc.nat(30), { nil: undefined }), { maxLength: 30 });

describe("AnchorHash", () => {
  it("does what the slow twin does, through any history", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 0, max: 20 }), histories, (count, spare, history) => {
        const fast = createAnchorHash(count + spare, count);
        const slow = createSlowAnchor(count + spare, count);
        const working = Array.from({ length: count }, (_, place) => place);
        for (const rank of history) {
          if (rank === undefined && working.length < count + spare) {
            working.push(fast.add());
            slow.add();
          } else if (rank !== undefined && working.length > 1) {
            const [place] = working.splice(rank % working.length, 1);
            fast.remove(place);
            slow.remove(place);
          }
          expect(keys.map(fast.pick)).toEqual(keys.map(slow.pick));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("knows who is at risk: whoever the next additions take away, and nobody else for long", () => {
    const hash = createAnchorHash(60, 40);
    for (const place of [3, 39, 17, 20, 8]) hash.remove(place);
    for (const horizon of [1, 2, 5, 10]) {
      const other = createAnchorHash(60, 40);
      for (const place of [3, 39, 17, 20, 8]) other.remove(place);
      const before = keys.map(other.pick);
      const atRisk = keys.map((key) => hash.isAtRisk(key, horizon));
      for (let i = 0; i < horizon; i++) other.add();
      const moved = keys.map((key, i) => other.pick(key) !== before[i]);
      expect(atRisk).toEqual(moved);
      expect(moved.filter(Boolean).length).toBeGreaterThan(0);
    }
  });

  it("refuses to remove the last place, a removed one, and to add beyond its capacity", () => {
    const hash = createAnchorHash(3, 2);
    hash.remove(0);
    expect(() => hash.remove(0)).toThrow("wanted a working one");
    expect(() => hash.remove(1)).toThrow("wanted a working one of several");
    hash.add();
    hash.add();
    expect(() => hash.add()).toThrow("all 3 work");
  });
});

describe("anchor", () => {
  const ownerAddresses = (table: SelectionTable) => Array.from(table.owners.keys(), (bucket) => ownerAddress(table, bucket));

  it("finds the old table again when members return in the opposite order of their departure", () => {
    const members = equalMembers(10);
    const first = anchor.fill(members, {});
    const without4 = anchor.fill(
      members.filter((_, i) => i !== 4),
      {},
      first,
    );
    const without4and7 = anchor.fill(
      members.filter((_, i) => i !== 4 && i !== 7),
      {},
      without4,
    );
    const with7 = anchor.fill(
      members.filter((_, i) => i !== 4),
      {},
      without4and7,
    );
    expect(ownerAddresses(with7)).toEqual(ownerAddresses(without4));
    expect(ownerAddresses(anchor.fill(members, {}, with7))).toEqual(ownerAddresses(first));
  });

  it("gives a newcomer exactly the buckets of the one that it replaces", () => {
    const [a, b, c, d] = equalMembers(4);
    const before = anchor.fill([a, b, c], {});
    const after = anchor.fill([a, c, d], {}, before);
    const wanted = ownerAddresses(before).map((address) => (address === b.address ? d.address : address));
    expect(ownerAddresses(after)).toEqual(wanted);
  });

  it("hands the last place on when all members are replaced at once", () => {
    const before = anchor.fill([{ address: 1, weight: 2 }], {});
    const after = anchor.fill([{ address: 2, weight: 1 }], {}, before);
    expect(new Set(ownerAddresses(after))).toEqual(new Set([2]));
  });

  it("follows from its memory alone, as a saved state brings it back", () => {
    const members: Member[] = equalMembers(6);
    let table = anchor.fill(members, {});
    for (const away of [2, 5, 0]) {
      table = anchor.fill(
        members.filter((_, i) => i !== away),
        {},
        table,
      );
    }
    const restored: SelectionTable = { ...table, memory: JSON.parse(JSON.stringify(table.memory)) };
    expect(anchor.fill(members, {}, restored)).toEqual(anchor.fill(members, {}, table));
  });

  it("refuses weights beyond its capacity", () => {
    expect(() => anchor.fill(equalMembers(9), { capacity: 8 })).toThrow("the weights add up to 9, wanted at most its capacity 8");
  });
});

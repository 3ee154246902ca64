import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resilient } from "#src/ecmp/select/resilient.ts";
import { equalMembers, type Member, memberShares, type SelectionTable } from "#src/ecmp/table.ts";
import { ownerAddress } from "../../common/selector.ts";
import { fewestMoves, slowResilient } from "../../oracle/selectors.ts";

const plain = (members: readonly Member[]) => members.map(({ address, weight }) => ({ name: String(address), weight }));
const ownerNames = (table: SelectionTable): string[] =>
  Array.from(table.owners.keys(), (bucket) => String(ownerAddress(table, bucket)));
const buckets = fc.integer({ min: 10, max: 64 });
/** From ten addresses only, so that lists overlap: members stay, change weight, arrive and depart. */
const memberLists: fc.Arbitrary<Member[]> = fc.uniqueArray(
  fc.record({ address: fc.integer({ min: 1, max: 10 }), weight: fc.integer({ min: 1, max: 3 }) }),
  { selector: ({ address }) => address, minLength: 1 },
);

describe("resilient", () => {
  it("deals the buckets round robin to equal members, and has 128 of them unless told", () => {
    expect([...resilient.fill(equalMembers(3), { buckets: 8 }).owners]).toEqual([0, 1, 2, 0, 1, 2, 0, 1]);
    expect(resilient.fill(equalMembers(3), {}).owners).toHaveLength(128);
  });

  it("deals to the heavier ones first", () => {
    const members = [3, 1].map((weight, address) => ({ address, weight }));
    expect([...resilient.fill(members, { buckets: 8 }).owners]).toEqual([0, 0, 0, 0, 0, 1, 0, 1]);
  });

  it("keeps the picture at the top of its file", () => {
    const [first, second, third] = equalMembers(3);
    const before = resilient.fill([first, second, third], { buckets: 8 });
    const after = resilient.fill([first, third], { buckets: 8 }, before);
    expect([...after.owners].map((owner) => [0, 2][owner])).toEqual([0, 2, 2, 0, 0, 2, 0, 2]);
  });

  it("does what the slow twin does, over whole histories of arrivals, departures and weights", () => {
    fc.assert(
      fc.property(buckets, fc.array(memberLists, { minLength: 1, maxLength: 5 }), (size, history) => {
        let table: SelectionTable | undefined;
        let slow: { members: ReturnType<typeof plain>; owners: string[] } | undefined;
        for (const members of history) {
          table = resilient.fill(members, { buckets: size }, table);
          slow = { members: plain(members), owners: slowResilient(plain(members), size, slow) };
          expect(ownerNames(table)).toEqual(slow.owners);
        }
      }),
    );
  });

  it("moves as few buckets as any table could that keeps all within one of their due, when somebody arrives or weights change", () => {
    fc.assert(
      fc.property(buckets, memberLists, memberLists, (size, members, others) => {
        const before = resilient.fill(members, { buckets: size });
        fc.pre(
          others.some((member) => !members.some(({ address, weight }) => address === member.address && weight === member.weight)),
        );
        const after = resilient.fill(others, { buckets: size }, before);
        const names = ownerNames(after);
        const moves = ownerNames(before).filter((name, bucket) => name !== names[bucket]).length;
        expect(moves).toBe(fewestMoves(plain(others), ownerNames(before)));
        const weights = others.reduce((sum, { weight }) => sum + weight, 0);
        for (const [i, share] of memberShares(after).entries())
          expect(Math.abs(share - (size * others[i].weight) / weights)).toBeLessThan(1);
      }),
    );
  });

  it("keeps equal members within one bucket of each other, however many depart one by one", () => {
    for (let count = 2; count <= 32; count++) {
      let members = equalMembers(count);
      let table = resilient.fill(members, {});
      while (members.length > 1) {
        members = members.filter((_, i) => i !== members.length >> 1);
        table = resilient.fill(members, {}, table);
        const shares = memberShares(table);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }
    }
  });

  it("does not take from those that stay when somebody departs, even where the shares are then a bucket off", () => {
    const weigh = (...weights: number[]): Member[] => weights.map((weight, address) => ({ address, weight }));
    const buckets = 4;
    // Weights 9 1 8 1 are due 1.9 0.2 1.7 0.2 buckets: with one each all are within one bucket, and nothing moves.
    const before = resilient.fill(weigh(9, 1, 8, 1), { buckets }, resilient.fill(weigh(5, 5, 3, 2), { buckets }));
    expect([...before.owners]).toEqual([0, 1, 2, 3]);
    // Without the third, 3.3 0.4 0.4 are due. The first lacks more than a bucket, and still takes only what is free.
    const after = resilient.fill(
      before.members.filter(({ address }) => address !== 2),
      { buckets },
      before,
    );
    expect(ownerNames(after)).toEqual(["0", "1", "0", "3"]);
  });

  it("begins anew when the number of buckets changes, and after having had no members", () => {
    const members = equalMembers(3);
    const fresh = resilient.fill(members, { buckets: 16 });
    expect(resilient.fill(members, { buckets: 16 }, resilient.fill(members, { buckets: 32 }))).toEqual(fresh);
    expect(resilient.fill(members, { buckets: 16 }, resilient.fill([], { buckets: 16 }))).toEqual(fresh);
  });

  it.each([3, 0, -1, 4.5, 1048577])("refuses %d buckets for four members", (size) => {
    expect(() => resilient.fill(equalMembers(4), { buckets: size })).toThrow("wanted 4 to 1048576");
  });
});

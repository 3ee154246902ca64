/** What every selector of `SELECTORS` must do, whatever its policy. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketOf, type Member, memberShares, type SelectionTable, type Selector, select } from "#src/ecmp/table.ts";

const hashes = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff));

/** One to 24 members, both families, in any order, with weights up to `maximumWeight`. */
export const memberLists = (maximumWeight: number): fc.Arbitrary<Member[]> =>
  fc
    .uniqueArray(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }).map(ipv6)), {
      minLength: 1,
      maxLength: 24,
    })
    .chain((addresses) =>
      fc
        .array(fc.integer({ min: 1, max: maximumWeight }), { minLength: addresses.length, maxLength: addresses.length })
        .map((weights) => addresses.map((address, i) => ({ address, weight: weights[i] }))),
    );

const ipv6 = (n: number): string => `20010db8${n.toString(16).padStart(24, "0")}`;

export const equalMembers = (count: number): Member[] =>
  Array.from({ length: count }, (_, i) => ({ address: 0x0a000001 + i, weight: 1 }));

export const ownerAddress = (table: SelectionTable, bucket: number) => table.members[table.owners[bucket]].address;

export function testSelector(selector: Selector): void {
  const fill = (members: readonly Member[], previous?: SelectionTable) => selector.fill(members, {}, previous);

  describe(`selector ${selector.name}`, () => {
    it("picks nobody from no members", () => {
      const table = fill([]);
      expect(table.members).toEqual([]);
      expect([0, 1, 0xffffffff].map((hash) => select(table, hash))).toEqual([-1, -1, -1]);
    });

    it("picks one of the members for every hash, and every member for some", () => {
      fc.assert(
        fc.property(memberLists(9), hashes, (members, hash) => {
          const table = fill(members);
          expect(table.members).toEqual(members);
          expect(members[select(table, hash)]).toBeDefined();
          expect(table.owners[bucketOf(table, hash)]).toBe(select(table, hash));
          if (members.length * 9 <= table.owners.length || !selector.stateful)
            expect(Math.min(...memberShares(table))).toBeGreaterThan(0);
        }),
      );
    });

    it("gives each member its weight's share of the hashes, within one bucket or one hash", () => {
      fc.assert(
        fc.property(memberLists(9), (members) => {
          const table = fill(members);
          const shares = memberShares(table);
          const whole = table.reduction === "buckets" ? table.owners.length : 2 ** 32;
          const weights = members.reduce((sum, { weight }) => sum + weight, 0);
          expect(shares.reduce((sum, share) => sum + share, 0)).toBe(whole);
          for (const [i, { weight }] of members.entries()) {
            expect(Math.abs(shares[i] - (whole * weight) / weights)).toBeLessThan(1);
          }
        }),
      );
    });

    it("cannot tell weights from the same weights times a factor", () => {
      fc.assert(
        fc.property(memberLists(9), fc.integer({ min: 2, max: 5 }), (members, factor) => {
          const table = fill(members.map(({ address, weight }) => ({ address, weight: weight * factor })));
          expect(table.owners).toEqual(fill(members).owners);
        }),
      );
    });

    it("fills the same table from the same input, and leaves the input alone", () => {
      fc.assert(
        fc.property(memberLists(9), memberLists(9), (members, others) => {
          const previous = fill(others);
          const copy = structuredClone(previous);
          expect(fill(members, previous)).toEqual(fill(structuredClone(members), structuredClone(copy)));
          expect(previous).toEqual(copy);
        }),
      );
    });

    if (!selector.stateful) {
      it("does not look at the table before", () => {
        fc.assert(
          fc.property(memberLists(9), memberLists(9), (members, others) => {
            expect(fill(members, fill(others))).toEqual(fill(members));
          }),
        );
      });
      return;
    }

    it("changes nothing when nothing changes", () => {
      fc.assert(
        fc.property(memberLists(9), (members) => {
          expect(fill(members, fill(members))).toEqual(fill(members));
        }),
      );
    });

    it("moves nothing but the departed members' buckets when members depart", () => {
      fc.assert(
        fc.property(memberLists(9), fc.integer({ min: 1, max: 0xffffff }), (members, mask) => {
          const staying = members.filter((_, i) => (mask >> i) & 1);
          fc.pre(staying.length > 0);
          const before = fill(members);
          const after = fill(staying, before);
          for (let bucket = 0; bucket < before.owners.length; bucket++) {
            const owner = ownerAddress(before, bucket);
            if (staying.some(({ address }) => address === owner)) expect(ownerAddress(after, bucket)).toBe(owner);
          }
        }),
      );
    });

    it("moves buckets to the newcomer only, and no more than its share, when one arrives", () => {
      for (let count = 1; count <= 32; count++) {
        const members = equalMembers(count + 1);
        for (const newcomer of members) {
          const before = fill(members.filter((member) => member !== newcomer));
          const after = fill(members, before);
          const moved = Array.from(after.owners.keys()).filter(
            (bucket) => ownerAddress(before, bucket) !== ownerAddress(after, bucket),
          );
          expect(moved.map((bucket) => ownerAddress(after, bucket))).toEqual(moved.map(() => newcomer.address));
          expect(moved.length).toBe(Math.floor(after.owners.length / members.length));
        }
      }
    });
  });
}

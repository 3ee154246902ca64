/** What every selector of `SELECTORS` must do, whatever its policy, and what its row promises. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bucketOf,
  equalMembers,
  type Member,
  memberShares,
  type SelectionTable,
  type Selector,
  type SelectorOptions,
  select,
} from "#src/ecmp/table.ts";

const hashes = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff));

/** One to 24 members, both families, in any order, with weights up to `maximumWeight`. */
export const memberLists = (maximumWeight: number, maximumLength = 24): fc.Arbitrary<Member[]> =>
  fc
    .uniqueArray(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }).map(ipv6)), {
      minLength: 1,
      maxLength: maximumLength,
    })
    .chain((addresses) =>
      fc
        .array(fc.integer({ min: 1, max: maximumWeight }), { minLength: addresses.length, maxLength: addresses.length })
        .map((weights) => addresses.map((address, i) => ({ address, weight: weights[i] }))),
    );

const ipv6 = (n: number): string => `20010db8${n.toString(16).padStart(24, "0")}`;

export const ownerAddress = (table: SelectionTable, bucket: number) => table.members[table.owners[bucket]].address;

const ownerAddresses = (table: SelectionTable) => Array.from(table.owners.keys(), (bucket) => ownerAddress(table, bucket));

/** All of a table as text: thousands of numbers compare faster so than one by one. */
const fingerprint = ({ members, owners, memory, ...rest }: SelectionTable): string =>
  [JSON.stringify({ members, memory, reduction: rest.reduction }), owners.join(), "bounds" in rest && rest.bounds.join()].join(
    "\n",
  );

/**
 * Where each bucket, or each part of the hash space between two bounds of either table, went: its width in hashes or
 * buckets, and its owner before and after.
 */
export function moves(before: SelectionTable, after: SelectionTable) {
  const owners = (at: (table: SelectionTable) => number, width: number) => ({
    width,
    from: before.members[at(before)].address,
    to: after.members[at(after)].address,
  });
  if (before.reduction === "buckets" && after.reduction === "buckets") {
    expect(after.owners.length).toBe(before.owners.length);
    return Array.from(before.owners.keys(), (bucket) => owners((table) => table.owners[bucket], 1));
  }
  const ends = [before, after].flatMap((table) => (table.reduction === "bounds" ? [...table.bounds] : []));
  const sorted = [...new Set(ends)].sort((a, b) => a - b);
  return sorted.map((end, i) => owners((table) => select(table, end), end - (i === 0 ? -1 : sorted[i - 1])));
}

/** How far a first fill's share may be from its due, by what the row says of itself. */
function allowedStray(selector: Selector, table: SelectionTable, members: readonly Member[], index: number, due: number): number {
  const even = members.every(({ weight }) => weight === members[0].weight);
  switch (selector.evenness) {
    case "exact":
      return 1;
    case "turns":
      return even ? 1 : members.length;
    case "first-turn":
      return Math.max(...members.map(({ weight }) => weight)) + 1;
    case "sampled":
      // Six standard deviations of drawing buckets by lot.
      return 6 * Math.sqrt(due) + 1;
    case "points": {
      const own = Array.from(table.owners).filter((owner) => owner === index).length;
      return (7 * due) / Math.sqrt(own);
    }
  }
}

/** What the source itself makes of weights, where that is not what they say. */
function effectiveWeight(selector: Selector, members: readonly Member[], { weight }: Member): number {
  return selector.ignoresWeights?.(members) === undefined ? weight : 1;
}

/** `options` make tables that are quick to fill many times; the defaults are for the selectors' own tests. */
export function testSelector(selector: Selector, options: SelectorOptions = {}): void {
  const fill = (members: readonly Member[], previous?: SelectionTable) => selector.fill(members, options, previous);
  const most = options.capacity ?? 24;
  const lists = (maximumWeight: number) => memberLists(maximumWeight, Math.min(24, most));

  describe(`selector ${selector.name}`, () => {
    it("picks nobody from no members", () => {
      const table = fill([]);
      expect(table.members).toEqual([]);
      expect([0, 1, 0xffffffff].map((hash) => select(table, hash))).toEqual([-1, -1, -1]);
    });

    it("picks one of the members for every hash, and every member for some", () => {
      fc.assert(
        fc.property(lists(9), hashes, (members, hash) => {
          const table = fill(members);
          expect(table.members).toEqual(members);
          expect(members[select(table, hash)]).toBeDefined();
          expect(table.owners[bucketOf(table, hash)]).toBe(select(table, hash));
          if (members.length * 9 <= table.owners.length || !selector.stateful)
            expect(Math.min(...memberShares(table))).toBeGreaterThan(0);
        }),
      );
    });

    it(`gives each member its weight's share of the hashes (${selector.evenness})`, () => {
      fc.assert(
        fc.property(lists(9), (members) => {
          const table = fill(members);
          const shares = memberShares(table);
          const whole = table.reduction === "buckets" ? table.owners.length : 2 ** (selector.hashBits ?? 32);
          const weights = members.map((member) => effectiveWeight(selector, members, member));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          expect(shares.reduce((sum, share) => sum + share, 0)).toBe(whole);
          weights.forEach((weight, i) => {
            const due = (whole * weight) / total;
            const stray = allowedStray(selector, table, members, i, due);
            expect(Math.abs(shares[i] - due)).toBeLessThan(stray + 1e-9);
          });
        }),
      );
    });

    if (selector.evenness === "exact") {
      it("cannot tell weights from the same weights times a factor", () => {
        fc.assert(
          fc.property(lists(9), fc.integer({ min: 2, max: 5 }), (members, factor) => {
            const table = fill(members.map(({ address, weight }) => ({ address, weight: weight * factor })));
            expect(table.owners).toEqual(fill(members).owners);
          }),
        );
      });
    }

    it("fills the same table from the same input, and leaves the input alone", () => {
      fc.assert(
        fc.property(lists(9), lists(9), (members, others) => {
          const previous = fill(others);
          const copy = structuredClone(previous);
          expect(fingerprint(fill(members, previous))).toBe(fingerprint(fill(structuredClone(members), structuredClone(copy))));
          expect(fingerprint(previous)).toBe(fingerprint(copy));
        }),
      );
    });

    it("remembers in plain JSON", () => {
      fc.assert(
        fc.property(lists(9), lists(9), (members, others) => {
          const { memory } = fill(members, fill(others));
          if (memory) expect(JSON.parse(JSON.stringify(memory))).toEqual(memory);
          if (!selector.stateful) expect(memory).toBeUndefined();
        }),
        { numRuns: 20 },
      );
    });

    if (!selector.ordered) {
      it("does not care for the order of the members", () => {
        fc.assert(
          fc.property(
            lists(9).chain((members) =>
              fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length })),
            ),
            ([members, shuffled]) => {
              expect(ownerAddresses(fill(shuffled)).join()).toBe(ownerAddresses(fill(members)).join());
            },
          ),
        );
      });
    }

    if (selector.stateful) {
      it("changes nothing when nothing changes", () => {
        fc.assert(
          fc.property(lists(9), (members) => {
            expect(fingerprint(fill(members, fill(members)))).toBe(fingerprint(fill(members)));
          }),
        );
      });
    } else {
      it("does not look at the table before", () => {
        fc.assert(
          fc.property(lists(9), lists(9), (members, others) => {
            expect(fingerprint(fill(members, fill(others)))).toBe(fingerprint(fill(members)));
          }),
        );
      });
    }

    if (selector.movement === "minimal") testMinimalMovement(fill, lists);
    if (selector.movement === "bounded") testBoundedMovement(fill);
  });
}

type Fill = (members: readonly Member[], previous?: SelectionTable) => SelectionTable;

function testMinimalMovement(fill: Fill, lists: (maximumWeight: number) => fc.Arbitrary<Member[]>): void {
  it("moves nothing but the departed members' flows when members depart, whatever happened before", () => {
    fc.assert(
      fc.property(fc.array(lists(9), { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 0xffffff }), (history, mask) => {
        const members = history[history.length - 1];
        const staying = members.filter((_, i) => (mask >> i) & 1);
        fc.pre(staying.length > 0);
        let before: SelectionTable | undefined;
        for (const list of history) before = fill(list, before);
        if (!before) return;
        const stays = new Set(staying.map(({ address }) => address));
        const excess = moves(before, fill(staying, before)).filter(({ from, to }) => stays.has(from) && from !== to);
        expect(excess).toEqual([]);
      }),
    );
  });

  it("moves flows to the newcomer only when one arrives", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 15 }), fc.nat(15), (count, place) => {
        const members = equalMembers(count + 1);
        const newcomer = members[place % members.length];
        const before = fill(members.filter((member) => member !== newcomer));
        const strangers = moves(before, fill(members, before)).filter(({ from, to }) => from !== to && to !== newcomer.address);
        expect(strangers).toEqual([]);
      }),
    );
  });
}

/** Of equal members at a hundred buckets each, as Maglev's paper advises, at most this share of the survivors' flows moves. */
const BOUNDED = 0.03;

function testBoundedMovement(fill: Fill): void {
  it(`moves at most ${BOUNDED * 100} % of the survivors' flows when one departs`, () => {
    for (const count of [2, 3, 5, 10]) {
      const members = equalMembers(count);
      for (const departed of members) {
        const before = fill(members);
        expect(before.owners.length).toBeGreaterThan(100 * count);
        const all = moves(
          before,
          fill(
            members.filter((member) => member !== departed),
            before,
          ),
        );
        const excess = all.filter(({ from, to }) => from !== departed.address && from !== to);
        expect(excess.length / all.length).toBeLessThan(BOUNDED);
        expect(all.filter(({ to }) => to === departed.address)).toEqual([]);
      }
    }
  });
}

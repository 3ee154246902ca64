import { describe, expect, it } from "vitest";
import { changeGroup } from "#src/ecmp/change.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers, type Member, memberShares, type SelectionTable, type Selector } from "#src/ecmp/table.ts";
import { disrupt, isMoved } from "#src/experiment/disruption.ts";
import { seededRandom } from "#src/net/random.ts";

const FLOWS = 50_000;
const random = seededRandom(2026);
const hashes = Uint32Array.from({ length: FLOWS }, random);

/** When member `index` (from 1) of `count` equal ones departs: the shares of flows that move, and its own share of the table. */
function shareMoved(selector: Selector, count: number, index: number) {
  const members = equalMembers(count);
  const { after: before } = changeGroup(undefined, members, selector);
  const staying = members.filter((_, i) => i !== index - 1);
  const width = 32 - (selector.hashBits ?? 32);
  const { moved, unavoidable } = disrupt(
    changeGroup(before, staying, selector),
    hashes.map((hash) => hash >>> width),
  );
  const shares = memberShares(before);
  const own = shares[index - 1] / shares.reduce((sum, share) => sum + share, 0);
  return { moved: moved / FLOWS, unavoidable: unavoidable / FLOWS, own };
}

/** Five standard deviations of a share that is `p` of FLOWS independent flows. */
const samplingError = (p: number): number => 5 * Math.sqrt((p * (1 - p)) / FLOWS);

const departures = Array.from({ length: 15 }, (_, i) => i + 2).flatMap((count) =>
  Array.from({ length: count }, (_, i) => ({ count, index: i + 1 })),
);

describe("a departure moves", () => {
  it("(N-1)/N of the flows under modulo, whichever member it is", () => {
    for (const { count, index } of departures) {
      const expected = (count - 1) / count;
      const { moved } = shareMoved(SELECTORS.modulo, count, index);
      expect(Math.abs(moved - expected), `${index} of ${count}`).toBeLessThan(samplingError(expected));
    }
  });

  it("[K(K-1) + (N-K)(N-K+1)] / 2N(N-1) of the flows under threshold, for member K of N", () => {
    for (const { count: n, index: k } of departures) {
      const expected = (k * (k - 1) + (n - k) * (n - k + 1)) / (2 * n * (n - 1));
      const { moved } = shareMoved(SELECTORS.threshold, n, k);
      expect(Math.abs(moved - expected), `${k} of ${n}`).toBeLessThan(samplingError(expected));
    }
  });

  it("nothing that could have stayed under resilient", () => {
    for (const { count, index } of departures) {
      const { moved, unavoidable } = shareMoved(SELECTORS.resilient, count, index);
      expect(moved).toBe(unavoidable);
      // The member has the upper or the lower whole number of 128 buckets.
      const [least, most] = [Math.floor(128 / count) / 128, Math.ceil(128 / count) / 128];
      expect(moved).toBeGreaterThan(least - samplingError(least));
      expect(moved).toBeLessThan(most + samplingError(most));
    }
  });

  it("the departed member's own flows under every selector, and calls just those unavoidable", () => {
    // Every selector and not every departure: some tables take long to fill.
    const some = departures.filter(({ count, index }) => [2, 5, 16].includes(count) && [1, 3, count].includes(index));
    for (const selector of Object.values(SELECTORS)) {
      for (const { count, index } of some) {
        const { moved, unavoidable, own } = shareMoved(selector, count, index);
        expect(Math.abs(unavoidable - own), `${selector.name}: ${index} of ${count}`).toBeLessThan(samplingError(own));
        if (selector.movement === "minimal") expect(moved, `${selector.name}: ${index} of ${count}`).toBe(unavoidable);
      }
    }
  });
});

describe("a disrupted flow", () => {
  it("is one that has another next hop than before, or none any more", () => {
    expect([isMoved(1, 2), isMoved(1, 1), isMoved(1, undefined), isMoved(undefined, 1), isMoved(undefined, undefined)]).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
  });
});

describe("disrupt", () => {
  const table = (members: readonly Member[], owners: readonly number[]): SelectionTable => ({
    members,
    reduction: "buckets",
    owners: Uint16Array.from(owners),
  });
  const [a, b, c, d] = equalMembers(4);

  it("counts each flow once, by the address of its member and not by its index", () => {
    const before = table([a, b, c], [0, 1, 2, 0]);
    const after = table([b, c, d], [0, 0, 1, 2]);
    // Hash by hash: a -> b, b -> b, c -> c, a -> d, and the first again.
    expect(disrupt({ before, after }, [0, 1, 2, 3, 4])).toEqual({
      flows: 5,
      moved: 3,
      unavoidable: 3,
      excess: 0,
      members: [
        { address: a.address, before: 3, after: 0 },
        { address: b.address, before: 1, after: 3 },
        { address: c.address, before: 1, after: 1 },
        { address: d.address, before: 0, after: 1 },
      ],
      maxOverMean: 3 / (5 / 3),
    });
  });

  it("calls a move from a member that stays excess", () => {
    const change = { before: table([a, b], [0, 1]), after: table([a, b, c], [2, 0]) };
    expect(disrupt(change, [0, 1, 1])).toMatchObject({ flows: 3, moved: 3, unavoidable: 0, excess: 3 });
  });

  it("measures evenness by weight", () => {
    const heavy = { ...a, weight: 3 };
    const even = table([heavy, b], [0, 0, 0, 1]);
    expect(disrupt({ before: even, after: even }, [0, 1, 2, 3]).maxOverMean).toBe(1);
    const uneven = table([heavy, b], [0, 0, 1, 1]);
    expect(disrupt({ before: uneven, after: uneven }, [0, 1, 2, 3]).maxOverMean).toBe(2);
  });

  it("moves everything when nobody is left, and nothing when nobody was there", () => {
    const [none, one] = [table([], []), table([a], [0])];
    expect(disrupt({ before: one, after: none }, [1, 2])).toMatchObject({ moved: 2, unavoidable: 2, excess: 0, maxOverMean: 0 });
    expect(disrupt({ before: none, after: one }, [1, 2])).toMatchObject({ moved: 0, maxOverMean: 1 });
    expect(disrupt({ before: one, after: one }, [])).toMatchObject({ flows: 0, maxOverMean: 0 });
  });
});

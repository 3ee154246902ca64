import { describe, expect, it } from "vitest";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers, type SelectionTable } from "#src/ecmp/table.ts";
import { describeUnevenness, enoughBuckets, shareVariation, UNEVEN } from "#src/ecmp/unevenness.ts";

const dealt = (...owners: number[]): SelectionTable => ({
  members: equalMembers(Math.max(...owners) + 1),
  reduction: "buckets",
  owners: Uint16Array.from(owners),
});

describe("the variation of shares", () => {
  it("is the standard deviation over the mean, relative to weights", () => {
    expect(shareVariation(dealt(0, 1, 2))).toBe(0);
    expect(shareVariation(dealt(0, 0, 0, 1))).toBeCloseTo(0.5, 12);
    const weighted = {
      ...dealt(0, 0, 0, 1),
      members: equalMembers(2).map((member, i) => ({ ...member, weight: i === 0 ? 3 : 1 })),
    };
    expect(shareVariation(weighted)).toBe(0);
    expect(shareVariation({ ...dealt(0), owners: new Uint16Array(0) })).toBe(0);
  });

  it.each([
    ["hrw", 4096, 4096],
    ["hrw", 4096, 200],
    ["anchor", 4096, 100],
  ])("of %s with %d buckets is, for %d members, what drawing by lot makes expect", (name, buckets, count) => {
    const measured = shareVariation(SELECTORS[name].fill(equalMembers(count), { buckets, capacity: count }));
    const expected = Math.sqrt((count - 1) / buckets);
    // The deviation of a sample's deviation, about 1 / sqrt(2n), four times.
    expect(Math.abs(measured / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * count));
  });

  const bucketed = ["hrw", "resilient", "linux-resilient", "cumulus-broadcom", "cumulus-spectrum", "auto-recovery", "jump"];
  it.each(bucketed)("of %s stays within bounds with as many buckets as it asks for", (name) => {
    const { fill, evenness } = SELECTORS[name];
    for (const count of [2, 7, 50]) {
      const buckets = enoughBuckets(evenness, count) as number;
      const slack = evenness === "exact" ? 1 : 1 + 4 / Math.sqrt(2 * count);
      expect(shareVariation(fill(equalMembers(count), { buckets }))).toBeLessThan(UNEVEN * slack + 1e-9);
    }
  });

  it("is warned of where it is large, and nowhere else", () => {
    const warn = (name: string, count: number, buckets?: number) => {
      const selector = SELECTORS[name];
      return describeUnevenness(selector, {}, selector.fill(equalMembers(count), { buckets }));
    };
    expect(warn("hrw", 4096)).toMatch(/^hrw deals 4096 buckets to 4096 members: shares vary by \d+ %.* wanted 409500 buckets/);
    expect(warn("resilient", 100)).toContain("wanted 500 buckets or more");
    expect(warn("resilient", 100, 500)).toBeUndefined();
    expect(warn("hrw", 8)).toBeUndefined();
    expect(warn("modulo", 100)).toBeUndefined();
    expect(warn("threshold", 100)).toBeUndefined();
  });
});

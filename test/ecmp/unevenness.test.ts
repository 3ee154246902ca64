import { describe, expect, it } from "vitest";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers, type SelectionTable } from "#src/ecmp/table.ts";
import { describeUnbanked, describeUnevenness, enoughBuckets, shareVariation, UNEVEN } from "#src/ecmp/unevenness.ts";

const dealt = (...owners: number[]): SelectionTable => ({
  members: equalMembers(Math.max(...owners) + 1),
  reduction: "buckets",
  owners: Uint16Array.from(owners),
});

const weighing = (...weights: number[]) => equalMembers(weights.length).map((member, i) => ({ ...member, weight: weights[i] }));

function primeFrom(least: number): number {
  for (let divisor = 2; divisor * divisor <= least; divisor++) if (least % divisor === 0) return primeFrom(least + 1);
  return least;
}

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
      const buckets = enoughBuckets(evenness, equalMembers(count)) as number;
      const slack = evenness === "exact" ? 1 : 1 + 4 / Math.sqrt(2 * count);
      expect(shareVariation(fill(equalMembers(count), { buckets }))).toBeLessThan(UNEVEN * slack + 1e-9);
    }
  });

  it.each(["resilient", "hrw", "maglev", "maglev-katran-v2"])("of %s does so too when weights differ", (name) => {
    const { fill, evenness } = SELECTORS[name];
    for (const weights of [
      [1, 9],
      [100, 1, 1],
      [1, 2, 3, 4, 5, 6],
    ]) {
      const members = weighing(...weights);
      const buckets = primeFrom(enoughBuckets(evenness, members) as number);
      const slack = evenness === "sampled" ? 1 + 4 / Math.sqrt(2 * weights.length) : 1;
      expect(shareVariation(fill(members, { buckets }))).toBeLessThan(UNEVEN * slack + 1e-9);
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
    const crowd: SelectionTable = { members: equalMembers(60_000), reduction: "buckets", owners: Uint16Array.of(0, 1) };
    expect(describeUnevenness(SELECTORS.hrw, {}, crowd)).toContain("wanted fewer members: 10 % would take 5999900 buckets");
    const recmp = SELECTORS["arista-recmp"];
    const slots = recmp.fill(equalMembers(5), { capacity: 9, redundancy: 1 });
    expect(describeUnevenness(recmp, {}, slots)).toContain("wanted 25 buckets (capacity x redundancy) or more");
  });

  it("is put down to the selector where that takes no notice of weights", () => {
    const warn = (name: string, ...weights: number[]) => {
      const members = weighing(...weights);
      return describeUnevenness(SELECTORS[name], {}, SELECTORS[name].fill(members, {}));
    };
    expect(warn("maglev-katran-v1", 1, 2, 9)).toMatch(
      /^maglev-katran-v1 counts weights in its first round of turns only: shares vary by 68 % .*, wanted equal weights or another selector$/,
    );
    expect(warn("maglev-katran-v1", 9, 9, 9)).toBeUndefined();
    expect(warn("maglev-katran-v2", 1, 2, 9)).toBeUndefined();
    expect(warn("maglev-cilium", 1, 2, 2)).toMatch(/^maglev-cilium looks at no weights while their mean is below 2: /);
    expect(warn("maglev-cilium", 1, 2, 9)).toBeUndefined();
  });
});

describe("members in no bank", () => {
  it("are named, each once, and none where there are no banks", () => {
    const members = equalMembers(4);
    const [first, second, ...others] = members.map(({ address }) => address);
    expect(describeUnbanked({}, members)).toBeUndefined();
    expect(describeUnbanked({ banks: [[first, second], others] }, members)).toBeUndefined();
    expect(describeUnbanked({ banks: [[first, second], [others[0]]] }, [...members, ...members])).toBe(
      "10.0.0.4 gets nothing, as it is in no bank",
    );
    expect(describeUnbanked({ banks: [[first, second]] }, members)).toBe(
      "10.0.0.3, 10.0.0.4 get nothing, as they are in no bank",
    );
    expect(describeUnbanked({ banks: [[first]] }, equalMembers(12))).toContain("10.0.0.9 and 3 more get nothing");
  });
});

import { describe, expect, it } from "vitest";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { equalMembers } from "#src/ecmp/table.ts";
import { drawBytes, judgeEvenness, measureBalance } from "#src/experiment/balance.ts";
import { chiSquareTest, upperGamma } from "#src/experiment/chi-square.ts";
import { hashRecipe } from "#src/experiment/flow-hashes.ts";
import { measurePolarization, type Tier } from "#src/experiment/polarization.ts";

describe("the chi-square test", () => {
  // Upper critical values of the chi-square distribution: NIST/SEMATECH e-Handbook, 1.3.6.7.4.
  it.each([
    [1, 3.841, 0.05],
    [1, 6.635, 0.01],
    [2, 5.991, 0.05],
    [5, 11.07, 0.05],
    [10, 18.307, 0.05],
    [10, 29.588, 0.001],
    [50, 67.505, 0.05],
    [100, 149.449, 0.001],
  ])("with %d degrees of freedom and a statistic of %d has the p-value %d", (degrees, statistic, pValue) => {
    expect(upperGamma(degrees / 2, statistic / 2)).toBeCloseTo(pValue, 4);
  });

  it("has closed forms that it meets: exp(-x/2) for two degrees, and 1 at zero", () => {
    for (const x of [0.01, 0.5, 1, 4, 20, 60, 200]) {
      const wanted = Math.exp(-x / 2);
      expect(Math.abs(upperGamma(1, x / 2) - wanted)).toBeLessThan(wanted * 1e-10 + 1e-15);
    }
    expect(upperGamma(3, 0)).toBe(1);
  });

  it("adds up the squares over what was expected", () => {
    const { statistic, degreesOfFreedom } = chiSquareTest([12, 8, 10], [10, 10, 10]);
    expect(statistic).toBeCloseTo(0.8, 12);
    expect(degreesOfFreedom).toBe(2);
    expect(chiSquareTest([5], [5])).toEqual({ statistic: 0, degreesOfFreedom: 0, pValue: 1 });
  });
});

describe("the balance", () => {
  it("is counted in flows and bytes, against the weights", () => {
    const members = equalMembers(2).map((member, i) => ({ ...member, weight: i === 0 ? 3 : 1 }));
    const table = SELECTORS.modulo.fill(members, {});
    const balance = measureBalance(table, Uint32Array.of(0, 1, 2, 3, 7, 4), { bytes: Float64Array.of(10, 20, 30, 40, 50, 60) });
    expect(balance.members.map(({ flows, bytes }) => [flows, bytes])).toEqual([
      [4, 120],
      [2, 90],
    ]);
    expect(balance).toMatchObject({ flows: 6, maxOverMean: 2 / 1.5, degreesOfFreedom: 1 });
    expect(balance.coefficientOfVariation).toBeCloseTo(Math.sqrt(((4 / 4.5 - 1) ** 2 + (2 / 1.5 - 1) ** 2) / 2), 12);
  });

  it("of a good hash over an even table has a p-value that is not small, and over an uneven one has", () => {
    const recipe = { count: 100_000, seed: 3, sources: { address: 0x0a000000, length: 8 }, destination: 1, destinationPort: 80 };
    const hashes = hashRecipe(recipe, { options: { algorithm: "xxh32", fields: ["5-tuple"], seed: 1 }, bits: undefined });
    const bytes = drawBytes(recipe.count, 3);
    const pValue = (buckets: number) =>
      measureBalance(SELECTORS.resilient.fill(equalMembers(5), { buckets }), hashes, { bytes }).pValue;
    expect(pValue(1000)).toBeGreaterThan(0.001);
    expect(pValue(64)).toBeLessThan(1e-6);
  });

  it("of nothing is even", () => {
    expect(judgeEvenness([0, 0], [{ weight: 1 }, { weight: 2 }])).toMatchObject({ maxOverMean: 0, pValue: 1 });
  });

  it("draws bytes with few elephants and many mice, the same from the same seed", () => {
    const bytes = drawBytes(100_000, 1);
    const sorted = [...bytes].sort((a, b) => a - b);
    expect(sorted[0]).toBe(64);
    expect(sorted[50_000]).toBeLessThan(130);
    expect(sorted[99_999]).toBeGreaterThan(100_000);
    expect(sorted[99_999]).toBeLessThanOrEqual(1e9);
    expect(drawBytes(100_000, 1)).toEqual(bytes);
  });
});

describe("polarization", () => {
  const recipe = { count: 50_000, seed: 3, sources: { address: 0x0a000000, length: 8 }, destination: 1, destinationPort: 80 };
  const table = SELECTORS.modulo.fill(equalMembers(4), {});
  const tier = (options: object): Tier => ({
    hashing: { options: { algorithm: "xxh32", fields: ["5-tuple"], seed: 1, ...options }, bits: undefined },
    table,
  });
  const measure = (...tiers: Tier[]) => measurePolarization(tiers, (hashing) => hashRecipe(recipe, hashing));

  it("leaves three quarters of the links empty in each tier that hashes as the one before", () => {
    const [first, second, third] = measure(tier({}), tier({}), tier({}));
    expect([first.links, first.used]).toEqual([4, 4]);
    expect([second.links, second.used]).toEqual([16, 4]);
    expect([third.links, third.used]).toEqual([64, 4]);
    expect(third.maxOverMean).toBeGreaterThan(15);
  });

  it.each([
    ["another seed", { seed: 2 }],
    ["an offset", { offset: 8 }],
    ["other fields", { fields: ["source-port", "source-address"] }],
  ])("ends with %s", (_, options) => {
    const [, second] = measure(tier({}), tier(options));
    expect(second.used).toBe(16);
    expect(second.maxOverMean).toBeLessThan(1.1);
    expect(second.flows.reduce((sum, count) => sum + count, 0)).toBe(recipe.count);
  });

  it("counts a link's due by the weights on the way to it", () => {
    const weighted = SELECTORS.modulo.fill(
      equalMembers(2).map((member, i) => ({ ...member, weight: i + 1 })),
      {},
    );
    const [, second] = measure({ ...tier({}), table: weighted }, { ...tier({ seed: 2 }), table: weighted });
    expect(second.maxOverMean).toBeLessThan(1.1);
    expect(second.flows[3] / second.flows[0]).toBeGreaterThan(3.5);
  });
});

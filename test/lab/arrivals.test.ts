/** Arrivals: the same seed gives the same times, ascending and within bounds, at the rates that were asked for. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawArrivals, rateAt } from "#src/lab/arrivals.ts";
import type { Arrivals } from "#src/lab/scenario.ts";
import { seededRandom } from "#src/net/random.ts";

const DAY = { kind: "diurnal", troughPerSecond: 2, peakPerSecond: 40, periodSeconds: 20 } as const;
const processes: [string, Arrivals, number][] = [
  ["constant", { kind: "constant", perSecond: 20 }, 20],
  ["Poisson", { kind: "poisson", perSecond: 20 }, 20],
  ["diurnal", DAY, 21],
];

describe.each(processes)("%s arrivals", (_, arrivals, meanPerSecond) => {
  it("are the same for the same seed, ascending, and before the end", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 30_000 }), (seed, durationMs) => {
        const times = drawArrivals(arrivals, durationMs, seededRandom(seed));
        expect(times).toEqual(drawArrivals(arrivals, durationMs, seededRandom(seed)));
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(times.every((atMs) => atMs > 0 && atMs < durationMs)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("have the rate that was asked for", () => {
    const periods = 50;
    const times = drawArrivals(arrivals, periods * 20_000, seededRandom(7));
    const expected = meanPerSecond * periods * 20;
    // Five standard deviations of a Poisson count.
    expect(Math.abs(times.length - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });
});

it("a day begins in its trough, and has its peak in its middle", () => {
  expect(rateAt(DAY, 0)).toBeCloseTo(2);
  expect(rateAt(DAY, 10_000)).toBeCloseTo(40);
  expect(rateAt(DAY, 20_000)).toBeCloseTo(2);
  const times = drawArrivals(DAY, 20_000, seededRandom(3));
  const count = (fromMs: number, toMs: number) => times.filter((atMs) => atMs >= fromMs && atMs < toMs).length;
  expect(count(8000, 12_000)).toBeGreaterThan(5 * (count(0, 2000) + count(18_000, 20_000)));
});

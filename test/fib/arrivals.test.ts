import { describe, expect, it } from "vitest";
import { createArrivals } from "#src/fib/arrivals.ts";

describe("places of next hops", () => {
  it("are given as they come, and kept for who returns", () => {
    const placeOf = createArrivals(() => new Set());
    expect([7, 3, 5, 3, 7].map(placeOf)).toEqual([0, 1, 2, 1, 0]);
  });

  it("are bounded: where there is no room, those that no group has are given up", () => {
    const used = new Set([2]);
    const placeOf = createArrivals(() => used, 3);
    expect([1, 2, 3].map(placeOf)).toEqual([0, 1, 2]);
    expect(placeOf(4)).toBe(3);
    expect([2, 4, 1].map(placeOf)).toEqual([1, 3, 4]);
  });
});

import { describe, expect, it } from "vitest";
import { random, roundRobin } from "#src/ecmp/hash/per-packet.ts";
import { createKey } from "#src/ecmp/key.ts";
import { seededRandom } from "#src/net/random.ts";

describe("random", () => {
  it("draws what its seed has in store", () => {
    const [compute, wanted] = [random.create(3), seededRandom(3)];
    for (let i = 0; i < 100; i++) expect(compute(createKey(), 13)).toBe(wanted());
  });
});

describe("round-robin", () => {
  it("counts from its seed, and begins again after the last number", () => {
    const compute = roundRobin.create(0xfffffffe);
    expect([0, 1, 2, 3].map(() => compute(createKey(), 13))).toEqual([0xfffffffe, 0xffffffff, 0, 1]);
  });
});

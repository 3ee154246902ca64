/** What every hash of `HASHES` must do, whatever it computes. Fixed seeds: a failure stays one. */
import { describe, expect, it } from "vitest";
import type { Hash, HashFunction } from "#src/ecmp/hash.ts";
import { createKey, type Key } from "#src/ecmp/key.ts";
import { seededRandom } from "#src/net/random.ts";

const LENGTHS = [9, 13, 33, 37];
const SEED = 7;

export function testHash(hash: Hash): void {
  describe(`hash ${hash.name}`, () => {
    const most = 2 ** hash.bits - 1;

    it("answers with unsigned numbers of its width, for every length of a key", () => {
      for (const seed of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
        const compute = hash.create(seed);
        for (let length = 1; length <= 64; length++) {
          const answer = compute(randomKey(length), length);
          expect(Number.isInteger(answer) && answer >= 0 && answer <= most, `${answer}`).toBe(true);
        }
      }
    });

    it("gives the same answer again, and from another function of the same seed", () => {
      const compute = hash.create(SEED);
      const key = randomKey(1);
      const first = compute(key, 13);
      compute(randomKey(2), 37);
      expect(compute(key, 13)).toBe(first);
      expect(hash.create(SEED)(key, 13)).toBe(first);
    });

    it("reads the first `length` bytes, all of them and no others", () => {
      const compute = hash.create(SEED);
      for (const length of LENGTHS) {
        const key = randomKey(length);
        const answer = compute(key, length);
        for (let i = 0; i < key.bytes.length; i++) {
          key.bytes[i] ^= 0x10;
          expect(compute(key, length) !== answer, `byte ${i} of ${length}`).toBe(i < length);
          key.bytes[i] ^= 0x10;
        }
      }
    });

    it("does not change the key", () => {
      const key = randomKey(3);
      const copy = key.bytes.slice();
      hash.create(SEED)(key, 37);
      expect(key.bytes).toEqual(copy);
    });

    it("depends on the seed", () => {
      const key = randomKey(4);
      expect(new Set([0, 1, 2, 3].map((seed) => hash.create(seed)(key, 13))).size).toBe(4);
    });

    it("spreads consecutive source ports evenly over 2 to 16 buckets", () => {
      for (let buckets = 2; buckets <= 16; buckets++) {
        // Chi-square with b-1 degrees of freedom: mean b-1, variance 2(b-1). Six deviations, on fixed input.
        const limit = buckets - 1 + 6 * Math.sqrt(2 * (buckets - 1));
        expect(chiSquare(hash.create(SEED), buckets), `${buckets} buckets`).toBeLessThan(limit);
      }
    });
  });
}

function randomKey(seed: number): Key {
  const key = createKey();
  const random = seededRandom(seed);
  for (let i = 0; i < key.words.length; i++) key.words[i] = random();
  return key;
}

function chiSquare(compute: HashFunction, buckets: number): number {
  const counts = new Array<number>(buckets).fill(0);
  const key = randomKey(5);
  const ports = 64_000;
  for (let port = 0; port < ports; port++) {
    key.bytes[9] = port >> 8;
    key.bytes[10] = port;
    counts[compute(key, 13) % buckets]++;
  }
  const mean = ports / buckets;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
}

/** What every hash of `HASHES` must do, whatever it computes. Fixed seeds: a failure stays one. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Hash, HashFunction } from "#src/ecmp/hash.ts";
import { createHalves } from "#src/ecmp/hash-function.ts";
import { createKey, KEY_CAPACITY, type Key } from "#src/ecmp/key.ts";
import type { TupleHash } from "#src/ecmp/tuple-key.ts";
import { seededRandom } from "#src/net/random.ts";

const LENGTHS = [9, 13, 33, 37];
const SEED = 7;

export interface Expectations {
  /** The bytes of a long key on which the answer depends, from and to, if not all of them. Such a hash does not spread flows. */
  readonly reads?: readonly [number, number];
  /** False of a sum: what is regular in the keys is regular in the answers. */
  readonly mixes?: boolean;
}

export function testHash(hash: Hash, expectations: Expectations = {}): void {
  describe(`hash ${hash.name}`, () => {
    const most = 2 ** hash.bits - 1;

    it("answers with unsigned numbers of its width, all bits of which occur, for every length of a key", () => {
      let seen = 0;
      for (const seed of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
        const compute = hash.create(seed);
        for (let length = 0; length <= KEY_CAPACITY; length++) {
          const answer = compute(randomKey(length), length);
          expect(Number.isInteger(answer) && answer >= 0 && answer <= most, `${answer}`).toBe(true);
          seen |= answer;
        }
      }
      expect(seen >>> 0).toBe(most);
    });

    it("gives the same answers again from another function of the same seed", () => {
      const [one, other] = [hash.create(SEED), hash.create(SEED)];
      for (const length of LENGTHS) expect(one(randomKey(1), length)).toBe(other(randomKey(1), length));
    });

    it("does not change the key", () => {
      const key = randomKey(3);
      const copy = key.bytes.slice();
      hash.create(SEED)(key, 37);
      expect(key.bytes).toEqual(copy);
    });

    it(hash.seeded ? "depends on the seed" : "does not depend on the seed", () => {
      const key = randomKey(4);
      const answers = new Set([0, 1, 2, 3].map((seed) => hash.create(seed)(key, 13)));
      expect(answers.size).toBe(hash.seeded ? 4 : 1);
    });

    if (hash.createWide) {
      it("answers with the low half of its wide form", () => {
        const halves = createHalves();
        for (const length of LENGTHS) {
          hash.createWide?.(SEED)(randomKey(length), length, halves);
          expect(hash.create(SEED)(randomKey(length), length)).toBe(halves[0]);
        }
      });
    }

    if (hash.createTuple) {
      it("answers for the words of a tuple as for its key", () => {
        for (const seed of [0, SEED, 0xffffffff]) {
          const [tuple, compute] = [hash.createTuple?.(seed) as TupleHash, hash.create(seed)];
          for (let n = 0; n < 200; n++) {
            const key = randomKey(n);
            const [first, second, third, last] = key.words;
            expect(tuple(first, second, third, last & 0xff) >>> 0).toBe(compute(key, 13));
            // As they come out of the fields: signed.
            expect(tuple(first | 0, second | 0, third | 0, last & 0xff) >>> 0).toBe(compute(key, 13));
          }
        }
      });
    }

    if (hash.perPacket) testPerPacket(hash);
    else testPerFlow(hash, expectations);
  });
}

function testPerFlow(hash: Hash, { reads, mixes = true }: Expectations): void {
  it("gives the same answer again, whatever it hashed in between", () => {
    const compute = hash.create(SEED);
    const key = randomKey(1);
    const first = compute(key, 13);
    compute(randomKey(2), 37);
    expect(compute(key, 13)).toBe(first);
  });

  it("reads the first `length` bytes, all that it should and no others", () => {
    const compute = hash.create(SEED);
    for (const length of LENGTHS) {
      const key = randomKey(length);
      const answer = compute(key, length);
      const [from, to] = reads ?? [0, length];
      for (let i = 0; i < key.bytes.length; i++) {
        key.bytes[i] ^= 0x10;
        expect(compute(key, length) !== answer, `byte ${i} of ${length}`).toBe(i >= from && i < to);
        key.bytes[i] ^= 0x10;
      }
    }
  });

  if (reads) return;

  it("spreads random keys evenly over 2 to 16 buckets", () => {
    for (let buckets = 2; buckets <= 16; buckets++) {
      const statistic = chiSquare(hash.create(SEED), buckets, fillRandomly(seededRandom(5)));
      expect(statistic, `${buckets} buckets`).toBeLessThan(chiSquareLimit(buckets));
    }
  });

  it(mixes ? "spreads consecutive source ports as evenly" : "does not spread consecutive source ports as evenly", () => {
    const uneven = Array.from({ length: 15 }, (_, i) => i + 2).filter(
      (buckets) => chiSquare(hash.create(SEED), buckets, countPorts) >= chiSquareLimit(buckets),
    );
    if (mixes) expect(uneven).toEqual([]);
    else expect(uneven).not.toEqual([]);
  });
}

function testPerPacket(hash: Hash): void {
  it("sends the packets of one flow everywhere, evenly", () => {
    const compute = hash.create(SEED);
    const key = randomKey(1);
    const counts = new Array<number>(8).fill(0);
    for (let packet = 0; packet < 8000; packet++) counts[compute(key, 13) % 8]++;
    expect(chiSquareOf(counts)).toBeLessThan(chiSquareLimit(8));
  });

  it("takes no notice of the key", () => {
    const [one, other] = [hash.create(SEED), hash.create(SEED)];
    for (let packet = 0; packet < 100; packet++) expect(one(randomKey(packet), 13)).toBe(other(randomKey(0), 37));
  });
}

/** A hash and its slow twin, over keys of every length and with any seed. */
export function testTwin(hash: Hash, twin: (bytes: Uint8Array, seed: number) => number): void {
  it("agrees with its slow twin on keys of every length", () => {
    for (let length = 0; length <= KEY_CAPACITY; length++) {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: length, maxLength: length }),
          fc.integer({ min: 0, max: 0xffffffff }),
          (bytes, seed) => {
            expect(hash.create(seed)(keyOf(bytes), length)).toBe(twin(bytes, seed));
          },
        ),
        { numRuns: 15 },
      );
    }
  });
}

/** A key of these bytes, as long as it takes, with something else behind them. */
export function keyOf(bytes: Uint8Array): Key {
  const room = new Uint8Array(Math.max(KEY_CAPACITY, (bytes.length + 4) & ~3)).fill(0xa5);
  room.set(bytes);
  return { bytes: room, words: new Uint32Array(room.buffer) };
}

export const hashBytes = (hash: Hash, bytes: Uint8Array, seed = 0): number => hash.create(seed)(keyOf(bytes), bytes.length);

/** All 64 bits of a wide hash. */
export function hashWide(hash: Hash, bytes: Uint8Array, seed = 0): bigint {
  const halves = createHalves();
  if (!hash.createWide) throw new Error(`${hash.name} is not a hash of 64 bits`);
  hash.createWide(seed)(keyOf(bytes), bytes.length, halves);
  return (BigInt(halves[1]) << 32n) | BigInt(halves[0]);
}

/** The input of the test vectors in xxHash's own sanity checks (`cli/xsum_sanity_check.c`). */
export function xxhashSanityBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let generator = 2654435761n;
  for (let i = 0; i < length; i++) {
    bytes[i] = Number(generator >> 56n);
    generator = (generator * 11400714785074694797n) % (1n << 64n);
  }
  return bytes;
}

function randomKey(seed: number): Key {
  const key = createKey();
  const random = seededRandom(seed);
  for (let i = 0; i < key.words.length; i++) key.words[i] = random();
  return key;
}

const fillRandomly =
  (random: () => number) =>
  ({ words }: Key): void => {
    for (let i = 0; i < 4; i++) words[i] = random();
  };

function countPorts({ bytes }: Key, flow: number): void {
  bytes[9] = flow >> 8;
  bytes[10] = flow;
}

function chiSquare(compute: HashFunction, buckets: number, next: (key: Key, flow: number) => void): number {
  const counts = new Array<number>(buckets).fill(0);
  const key = randomKey(5);
  for (let flow = 0; flow < 64_000; flow++) {
    next(key, flow);
    counts[compute(key, 13) % buckets]++;
  }
  return chiSquareOf(counts);
}

/** With b-1 degrees of freedom the mean is b-1 and the variance 2(b-1). Six deviations, on fixed input. */
const chiSquareLimit = (buckets: number): number => buckets - 1 + 6 * Math.sqrt(2 * (buckets - 1));

function chiSquareOf(counts: readonly number[]): number {
  const mean = counts.reduce((sum, count) => sum + count) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
}

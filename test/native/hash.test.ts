/** The kernels of the addon against the TypeScript rows of the same names, and calls that no correct caller makes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadNative } from "#native";
import { createBatchHash } from "#src/ecmp/batch-hash.ts";
import { seededRandom } from "#src/net/random.ts";

const native = loadNative();
const word = fc.integer({ min: 0, max: 0xffffffff });

function randomColumns(rows: number, seed: number): Uint32Array {
  const random = seededRandom(seed);
  return Uint32Array.from({ length: 4 * rows }, () => random());
}

describe.each(["xxh32", "murmur3-32", "crc32c", "toeplitz", "toeplitz-symmetric"])("the kernel of %s", (algorithm) => {
  // Up to 70: all of 16, 8 and 4 at a time, and whatever is left over.
  it("has the answers of TypeScript, for as many tuples as are asked for", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 9 }), word, word, (count, spare, seed, draw) => {
        const columns = randomColumns(count + spare, draw);
        const [ours, theirs] = [new Uint32Array(count), new Uint32Array(count)];
        createBatchHash(algorithm, seed)(columns, ours);
        createBatchHash(algorithm, seed, {}, native)(columns, theirs);
        expect(theirs).toEqual(ours);
      }),
      { numRuns: 300 },
    );
  });

  it("has them in an array that begins and ends anywhere", () => {
    const columns = randomColumns(100, 1);
    const whole = new Uint32Array(120).fill(7);
    createBatchHash(algorithm, 3, {}, native)(columns, whole.subarray(3, 103));
    const ours = new Uint32Array(100);
    createBatchHash(algorithm, 3)(columns, ours);
    expect(whole).toEqual(Uint32Array.from([7, 7, 7, ...ours, ...new Array(17).fill(7)]));
  });
});

describe("the kernel of toeplitz", () => {
  it("takes any key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 52 }), word, (key, draw) => {
        const columns = randomColumns(21, draw);
        const [ours, theirs] = [new Uint32Array(21), new Uint32Array(21)];
        createBatchHash("toeplitz", 0, { key })(columns, ours);
        createBatchHash("toeplitz", 0, { key }, native)(columns, theirs);
        expect(theirs).toEqual(ours);
      }),
    );
  });
});

describe("the border of the kernels", () => {
  const call = (name: "hashXxh32" | "hashMurmur3" | "hashCrc32c" | "hashToeplitz", ...values: unknown[]) =>
    (native[name] as (...values: unknown[]) => void)(...values);
  const four = new Uint32Array(4);
  const one = new Uint32Array(1);
  const tables = new Uint32Array(13 * 256);

  it.each(["hashXxh32", "hashMurmur3", "hashCrc32c"] as const)("of %s refuses what it cannot read", (name) => {
    for (const seed of [-1, 2 ** 32, 0.5, Number.NaN, "0", undefined])
      expect(() => call(name, seed, four, one)).toThrow(/seed; wanted/);
    expect(() => call(name, 0, new Int32Array(4), one)).toThrow("columns; wanted a Uint32Array");
    expect(() => call(name, 0, four, new Uint8Array(1))).toThrow("hashes; wanted a Uint32Array");
    expect(() => call(name, 0, four, new Uint32Array(2))).toThrow(
      "columns; wanted four of the same length, at least that of hashes: 2",
    );
    expect(() => call(name, 0, new Uint32Array(5), one)).toThrow("columns; wanted four of the same length");
    expect(() => call(name, 0, four)).toThrow("hashes; wanted a Uint32Array");
  });

  it("of hashToeplitz refuses tables of another size", () => {
    expect(() => call("hashToeplitz", tables, four, one)).not.toThrow();
    for (const wrong of [new Uint32Array(13 * 256 - 1), new Uint32Array(13 * 256 + 1), new Int32Array(13 * 256), 42]) {
      expect(() => call("hashToeplitz", wrong, four, one)).toThrow("tables; wanted");
    }
  });

  it("takes detached memory for an empty batch", () => {
    const columns = new Uint32Array(4);
    const hashes = new Uint32Array(1);
    structuredClone([columns.buffer, hashes.buffer], { transfer: [columns.buffer, hashes.buffer] });
    expect(() => native.hashXxh32(0, columns, hashes)).not.toThrow();
    expect(() => native.hashXxh32(0, columns, one)).toThrow("columns; wanted four");
  });
});

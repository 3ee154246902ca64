/** Vectors: xxHash's own sanity checks (`cli/xsum_sanity_check.c`). Oracle: the reference implementation, in xxhash-addon. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import xxhashAddon from "xxhash-addon";
import { xxh32 } from "#src/ecmp/hash/xxh32.ts";
import { hashBytes, testTwin, xxhashSanityBytes } from "../../common/hash.ts";
import { slowXxh32 } from "../../oracle/xxh32.ts";

function hashNative(bytes: Uint8Array, seed: number): number {
  const seedBytes = Buffer.alloc(4);
  seedBytes.writeUInt32BE(seed);
  const native = new xxhashAddon.XXHash32(seedBytes);
  native.update(Buffer.from(bytes));
  return native.digest().readUInt32BE();
}

describe("xxh32", () => {
  const seed = 0x9e3779b1;

  it.each([
    [0, 0, 0x02cc5d05],
    [0, seed, 0x36b78ae7],
    [1, 0, 0xcf65b03e],
    [1, seed, 0xb4545aa4],
    [14, 0, 0x1208e7e2],
    [14, seed, 0x6af1d1fe],
    [222, 0, 0x5bd11dbd],
    [222, seed, 0x58803c5f],
  ])("gives the reference implementation's vector for %i bytes and seed %i", (length, seed, expected) => {
    expect(hashBytes(xxh32, xxhashSanityBytes(length), seed)).toBe(expected);
  });

  it.each([
    ["", 0x02cc5d05],
    ["a", 0x550d7456],
    ["abc", 0x32d153ff],
    ["Nobody inspects the spammish repetition", 0xe2293b2f],
  ])('gives the published hash of "%s"', (text, expected) => {
    expect(hashBytes(xxh32, Buffer.from(text))).toBe(expected);
  });

  testTwin(xxh32, slowXxh32);

  it("agrees with xxhash-addon on keys of every length from 0 to 64", () => {
    for (let length = 0; length <= 64; length++) {
      const keys = fc.uint8Array({ minLength: length, maxLength: length });
      fc.assert(
        fc.property(keys, fc.integer({ min: 0, max: 0xffffffff }), (bytes, seed) => {
          expect(hashBytes(xxh32, bytes, seed)).toBe(hashNative(bytes, seed));
        }),
        { numRuns: 40 },
      );
    }
  });
});

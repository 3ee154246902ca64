import fc from "fast-check";
import { describe, expect, it } from "vitest";
import xxhashAddon from "xxhash-addon";
import { xxh32 } from "#src/ecmp/hash/xxh32.ts";
import { createKey } from "#src/ecmp/key.ts";
import { slowXxh32 } from "../../oracle/xxh32.ts";

function hashBytes(bytes: Uint8Array, seed: number): number {
  const key = createKey();
  key.bytes.fill(0xa5);
  key.bytes.set(bytes);
  return xxh32.create(seed)(key, bytes.length);
}

function hashNative(bytes: Uint8Array, seed: number): number {
  const seedBytes = Buffer.alloc(4);
  seedBytes.writeUInt32BE(seed);
  const native = new xxhashAddon.XXHash32(seedBytes);
  native.update(Buffer.from(bytes));
  return native.digest().readUInt32BE();
}

/** The generator of the test vectors in xxHash's own sanity checks (`cli/xsum_sanity_check.c`). */
function sanityBuffer(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let generator = 2654435761n;
  for (let i = 0; i < length; i++) {
    bytes[i] = Number(generator >> 56n);
    generator = (generator * 11400714785074694797n) % (1n << 64n);
  }
  return bytes;
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
  ])("gives the reference implementation's vector for %i bytes and seed %i", (length, seed, expected) => {
    expect(hashBytes(sanityBuffer(length), seed)).toBe(expected);
  });

  it.each([
    ["", 0x02cc5d05],
    ["a", 0x550d7456],
    ["abc", 0x32d153ff],
    ["Nobody inspects the spammish repetition", 0xe2293b2f],
  ])('gives the published hash of "%s"', (text, expected) => {
    expect(hashBytes(Buffer.from(text), 0)).toBe(expected);
  });

  it("agrees with xxhash-addon and with the slow twin on keys of every length from 0 to 64", () => {
    for (let length = 0; length <= 64; length++) {
      const keys = fc.uint8Array({ minLength: length, maxLength: length });
      fc.assert(
        fc.property(keys, fc.integer({ min: 0, max: 0xffffffff }), (bytes, seed) => {
          const answer = hashBytes(bytes, seed);
          expect(answer).toBe(hashNative(bytes, seed));
          expect(answer).toBe(slowXxh32(bytes, seed));
        }),
        { numRuns: 40 },
      );
    }
  });
});

/** Vectors: xxHash's own sanity checks (`cli/xsum_sanity_check.c`). Oracle: the reference implementation, in xxhash-addon. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import xxhashAddon from "xxhash-addon";
import { createXxh3, xxh3 } from "#src/ecmp/hash/xxh3.ts";
import { createHalves } from "#src/ecmp/hash-function.ts";
import { KEY_CAPACITY } from "#src/ecmp/key.ts";
import { hashWide, keyOf, xxhashSanityBytes } from "../../common/hash.ts";

function hashNative(bytes: Uint8Array, seed: bigint): bigint {
  const seedBytes = Buffer.alloc(8);
  seedBytes.writeBigUInt64BE(seed);
  const native = new xxhashAddon.XXHash3(seedBytes);
  native.update(Buffer.from(bytes));
  return native.digest().readBigUInt64BE();
}

function hashWithWideSeed(bytes: Uint8Array, seed: bigint): bigint {
  const halves = createHalves();
  createXxh3(Number(seed & 0xffffffffn), Number(seed >> 32n))(keyOf(bytes), bytes.length, halves);
  return (BigInt(halves[1]) << 32n) | BigInt(halves[0]);
}

describe("xxh3", () => {
  const seed = 0x9e3779b185ebca8dn;

  it.each([
    [0, 0n, 0x2d06800538d394c2n],
    [0, seed, 0xa8a6b918b2f0364an],
    [1, 0n, 0xc44bdff4074eecdbn],
    [1, seed, 0x032be332dd766ef8n],
    [6, 0n, 0x27b56a84cd2d7325n],
    [6, seed, 0x84589c116ab59ab9n],
    [12, 0n, 0xa713daf0dfbb77e7n],
    [12, seed, 0xe7303e1b2336de0en],
    [24, 0n, 0xa3fe70bf9d3510ebn],
    [24, seed, 0x850e80fc35bdd690n],
    [48, 0n, 0x397da259ecba1f11n],
    [48, seed, 0xadc2cbaa44acc616n],
    [80, 0n, 0xbcdefbbb2c47c90an],
    [80, seed, 0xc6dd0cb699532e73n],
    [195, 0n, 0xcd94217ee362ec3an],
    [195, seed, 0xba68003d370cb3d9n],
  ])("gives the reference implementation's vector for %i bytes and seed %i", (length, seed, expected) => {
    expect(hashWithWideSeed(xxhashSanityBytes(length), seed)).toBe(expected);
  });

  it("agrees with xxhash-addon on keys of every length that it has a way for, with seeds of 64 bits", () => {
    for (let length = 0; length <= 240; length++) {
      const keys = fc.uint8Array({ minLength: length, maxLength: length });
      const seeds = fc.oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.constantFrom(0n, 1n, 1n << 32n, (1n << 64n) - 1n));
      fc.assert(
        fc.property(keys, seeds, (bytes, seed) => {
          expect(hashWithWideSeed(bytes, seed)).toBe(hashNative(bytes, seed));
        }),
        { numRuns: 30 },
      );
    }
  });

  it("takes a seed of 32 bits for one of 64", () => {
    const bytes = xxhashSanityBytes(13);
    expect(hashWide(xxh3, bytes, 0xdeadbeef)).toBe(hashNative(bytes, 0xdeadbeefn));
  });

  it("has a way for every key that there can be", () => {
    expect(KEY_CAPACITY).toBeLessThanOrEqual(240);
  });
});

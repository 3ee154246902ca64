/** Vectors: xxHash's own sanity checks (`cli/xsum_sanity_check.c`). Oracle: the reference implementation, in xxhash-addon. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import xxhashAddon from "xxhash-addon";
import { xxh64 } from "#src/ecmp/hash/xxh64.ts";
import { hashWide, xxhashSanityBytes } from "../../common/hash.ts";

function hashNative(bytes: Uint8Array, seed: number): bigint {
  const seedBytes = Buffer.alloc(8);
  seedBytes.writeBigUInt64BE(BigInt(seed));
  const native = new xxhashAddon.XXHash64(seedBytes);
  native.update(Buffer.from(bytes));
  return native.digest().readBigUInt64BE();
}

describe("xxh64", () => {
  const seed = 0x9e3779b1;

  it.each([
    [0, 0, 0xef46db3751d8e999n],
    [0, seed, 0xac75fda2929b17efn],
    [1, 0, 0xe934a84adb052768n],
    [1, seed, 0x5014607643a9b4c3n],
    [4, 0, 0x9136a0dca57457een],
    [14, 0, 0x8282dcc4994e35c8n],
    [14, seed, 0xc3bd6bf63deb6df0n],
    [222, 0, 0xb641ae8cb691c174n],
    [222, seed, 0x20cb8ab7ae10c14an],
  ])("gives the reference implementation's vector for %i bytes and seed %i", (length, seed, expected) => {
    expect(hashWide(xxh64, xxhashSanityBytes(length), seed)).toBe(expected);
  });

  it("agrees with xxhash-addon on keys of every length from 0 to 64", () => {
    for (let length = 0; length <= 64; length++) {
      const keys = fc.uint8Array({ minLength: length, maxLength: length });
      fc.assert(
        fc.property(keys, fc.integer({ min: 0, max: 0xffffffff }), (bytes, seed) => {
          expect(hashWide(xxh64, bytes, seed)).toBe(hashNative(bytes, seed));
        }),
        { numRuns: 40 },
      );
    }
  });
});

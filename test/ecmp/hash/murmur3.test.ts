/** Vectors: SMHasher's verification codes (aappleby/smhasher, `main.cpp`), which cover every length from 0 to 255. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { murmur3_32 } from "#src/ecmp/hash/murmur3-32.ts";
import { murmur3_x64 } from "#src/ecmp/hash/murmur3-x64.ts";
import { hashBytes, hashWide, testTwin } from "../../common/hash.ts";
import { slowMurmur3, slowMurmur3Wide } from "../../oracle/murmur3.ts";

/** SMHasher's VerificationTest: keys 0, 0 1, 0 1 2 ... with seeds 256, 255 ..., their hashes hashed. */
function verificationCode(hash: (bytes: Uint8Array, seed: number) => Buffer): number {
  const keys = Array.from({ length: 256 }, (_, i) =>
    hash(
      Uint8Array.from({ length: i }, (_, j) => j),
      256 - i,
    ),
  );
  return hash(Buffer.concat(keys), 0).readUInt32LE();
}

describe("murmur3-32", () => {
  it("gives SMHasher's verification code", () => {
    const code = verificationCode((bytes, seed) => {
      const buffer = Buffer.alloc(4);
      buffer.writeUInt32LE(hashBytes(murmur3_32, bytes, seed));
      return buffer;
    });
    expect(code).toBe(0xb0f57ee3);
  });

  testTwin(murmur3_32, slowMurmur3);
});

describe("murmur3-x64", () => {
  it("has a twin that gives SMHasher's verification code, which takes all 128 bits", () => {
    const code = verificationCode((bytes, seed) => {
      const buffer = Buffer.alloc(16);
      slowMurmur3Wide(bytes, seed).forEach((half, i) => {
        buffer.writeBigUInt64LE(half, 8 * i);
      });
      return buffer;
    });
    expect(code).toBe(0x6384ba69);
  });

  it("agrees with the first half of that twin's on keys of every length", () => {
    for (let length = 0; length <= 64; length++) {
      const keys = fc.uint8Array({ minLength: length, maxLength: length });
      fc.assert(
        fc.property(keys, fc.integer({ min: 0, max: 0xffffffff }), (bytes, seed) => {
          expect(hashWide(murmur3_x64, bytes, seed)).toBe(slowMurmur3Wide(bytes, seed)[0]);
        }),
        { numRuns: 40 },
      );
    }
  });
});

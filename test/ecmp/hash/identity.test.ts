/** Vector: the test of bmv2 (p4lang/behavioral-model, tests/test_calculations.cpp). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { identity } from "#src/ecmp/hash/identity.ts";
import { hashWide } from "../../common/hash.ts";

describe("identity", () => {
  it("gives bmv2's answer", () => {
    expect(hashWide(identity, Uint8Array.of(1, 2, 3, 4, 5))).toBe(0x0102030405n);
  });

  it("is the number that the first eight bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const expected = bytes.subarray(0, 8).reduce((number, byte) => number * 256n + BigInt(byte), 0n);
        expect(hashWide(identity, bytes)).toBe(expected);
      }),
    );
  });
});

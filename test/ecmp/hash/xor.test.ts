/** Vectors: the tests of bmv2 (p4lang/behavioral-model, tests/test_calculations.cpp). */
import { describe, expect, it } from "vitest";
import { xor16, xor32 } from "#src/ecmp/hash/xor.ts";
import { hashBytes, testTwin } from "../../common/hash.ts";

/** Byte by byte: byte i belongs to place i modulo the size, counted from the highest. */
function slowXor(bytes: Uint8Array, size: number, seed: number): number {
  const places = new Uint8Array(size);
  bytes.forEach((byte, i) => {
    places[i % size] ^= byte;
  });
  const seedPlaces = Array.from({ length: size }, (_, i) => Math.floor(seed / 256 ** (size - 1 - i)) % 256);
  return places.reduce((hash, byte, i) => hash * 256 + (byte ^ seedPlaces[i]), 0);
}

describe("xor16", () => {
  it.each([
    ["0bb81f90", 0x1428],
    ["0bb81f905a", 0x4e28],
  ])("gives bmv2's answer for %s", (hex, expected) => {
    expect(hashBytes(xor16, Buffer.from(hex, "hex"))).toBe(expected);
  });

  testTwin(xor16, (bytes, seed) => slowXor(bytes, 2, seed));
});

describe("xor32", () => {
  it.each([
    ["0b0bb8b81f1f9090", 0x14142828],
    ["0b0bb8b81f1f90905a", 0x4e142828],
    ["0b0bb8b81f1f90905a5a", 0x4e4e2828],
    ["0b0bb8b81f1f90905a5abd", 0x4e4e9528],
  ])("gives bmv2's answer for %s", (hex, expected) => {
    expect(hashBytes(xor32, Buffer.from(hex, "hex"))).toBe(expected);
  });

  testTwin(xor32, (bytes, seed) => slowXor(bytes, 4, seed));
});

/**
 * Vectors: the check values of the catalogue of parametrised CRC algorithms (reveng.sourceforge.io/crc-catalogue), the
 * examples of RFC 3720 B.4 for CRC-32C, and the tests of bmv2 (p4lang/behavioral-model, tests/test_calculations.cpp).
 */
import zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc16Ccitt, crc16Ibm, crc32, crc32c } from "#src/ecmp/hash/crc.ts";
import { hashBytes, testTwin } from "../../common/hash.ts";
import { type SlowCrc, slowCrc } from "../../oracle/crc.ts";

const TWINS: Readonly<Record<string, SlowCrc>> = {
  "crc16-ccitt": { width: 16, polynomial: 0x1021n, initial: 0xffffn, reflected: false, finalXor: 0n },
  "crc16-ibm": { width: 16, polynomial: 0x8005n, initial: 0n, reflected: true, finalXor: 0n },
  crc32: { width: 32, polynomial: 0x04c11db7n, initial: 0xffffffffn, reflected: true, finalXor: 0xffffffffn },
  crc32c: { width: 32, polynomial: 0x1edc6f41n, initial: 0xffffffffn, reflected: true, finalXor: 0xffffffffn },
};

/** What the seed does, in the order in which the twin counts bits. */
function seeded({ width, initial, reflected, ...rest }: SlowCrc, seed: number): SlowCrc {
  const digits = (BigInt(seed) % (1n << BigInt(width))).toString(2).padStart(width, "0");
  const added = BigInt(`0b${reflected ? [...digits].reverse().join("") : digits}`);
  return { width, initial: initial ^ added, reflected, ...rest };
}

describe.each([
  [crc16Ccitt, 0x29b1],
  [crc16Ibm, 0xbb3d],
  [crc32, 0xcbf43926],
  [crc32c, 0xe3069283],
])("$name", (hash, check) => {
  it("gives the catalogue's check value", () => {
    expect(hashBytes(hash, Buffer.from("123456789"))).toBe(check);
  });

  testTwin(hash, (bytes, seed) => slowCrc(seeded(TWINS[hash.name], seed), bytes));

  it("does not part under any seed what collides under one", () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const bytes = fc.uint8Array({ minLength: 13, maxLength: 13 });
    fc.assert(
      fc.property(bytes, bytes, word, (one, other, seed) => {
        const difference = (seed: number): number => hashBytes(hash, one, seed) ^ hashBytes(hash, other, seed);
        expect(difference(seed)).toBe(difference(0));
      }),
    );
  });
});

it.each([
  [crc16Ccitt, 0x5d75],
  [crc16Ibm, 0x5d8a],
  [crc32, 0x005d6a6f],
])("$name gives the answer that bmv2 tests for", (hash, expected) => {
  expect(hashBytes(hash, Uint8Array.of(0x0b, 0xb8, 0x1f, 0x90))).toBe(expected);
});

describe("crc32c", () => {
  it.each([
    ["zeros", () => 0, 0x8a9136aa],
    ["ones", () => 0xff, 0x62a8ab43],
    ["counting up", (i: number) => i, 0x46dd794e],
    ["counting down", (i: number) => 31 - i, 0x113fdb5c],
  ])("gives the answer of RFC 3720 for 32 bytes, %s", (_, byteAt, expected) => {
    expect(
      hashBytes(
        crc32c,
        Uint8Array.from({ length: 32 }, (_, i) => byteAt(i)),
      ),
    ).toBe(expected);
  });
});

describe("crc32", () => {
  // Node has it from 20.15 and 22.2 on.
  it.runIf("crc32" in zlib)("agrees with zlib, whose second argument is the seed", () => {
    const zlibCrc32 = (zlib as unknown as { crc32(data: Uint8Array, value: number): number }).crc32;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 0, max: 0xffffffff }), (bytes, seed) => {
        expect(hashBytes(crc32, bytes, seed)).toBe(zlibCrc32(bytes, seed));
      }),
    );
  });
});

/** Vectors: the FNV-1a column of the test vectors in RFC 9923 (draft-eastlake-fnv), 32 bits. */
import { describe, expect, it } from "vitest";
import { fnv1a } from "#src/ecmp/hash/fnv1a.ts";
import { hashBytes, testTwin } from "../../common/hash.ts";

describe("fnv1a", () => {
  it.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["foobar", 0xbf9cf968],
  ])('gives the published hash of "%s"', (text, expected) => {
    expect(hashBytes(fnv1a, Buffer.from(text))).toBe(expected);
  });

  testTwin(fnv1a, (bytes, seed) => {
    let hash = 0x811c9dc5n ^ BigInt(seed);
    for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x01000193n) % (1n << 32n);
    return Number(hash);
  });
});

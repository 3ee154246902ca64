/** Vectors: the example of RFC 1071, section 3, and the IPv4 header that bmv2 tests with. */
import { describe, expect, it } from "vitest";
import { csum16 } from "#src/ecmp/hash/csum16.ts";
import { hashBytes, testTwin } from "../../common/hash.ts";

describe("csum16", () => {
  it.each([
    ["0001f203f4f5f6f7", 0xffff - 0xddf2],
    ["450000730000400040110000c0a80001c0a800c7", 0xb861],
  ])("gives the published checksum of %s", (hex, expected) => {
    expect(hashBytes(csum16, Buffer.from(hex, "hex"))).toBe(expected);
  });

  testTwin(csum16, (bytes, seed) => {
    let sum = seed % 65536;
    bytes.forEach((byte, i) => {
      sum += i % 2 === 0 ? byte * 256 : byte;
    });
    while (sum > 0xffff) sum = (sum % 65536) + Math.floor(sum / 65536);
    return 0xffff - sum;
  });
});

/** No vectors are published. What is: of which function, and which half of it, each is. Read off the published check values. */
import { describe, expect, it } from "vitest";
import { HASHES } from "#src/ecmp/hash.ts";
import { hashBytes, testTwin } from "../../common/hash.ts";
import { slowLookup3 } from "../../oracle/lookup3.ts";

describe("the hashes of SAI", () => {
  // CRC-32/ISO-HDLC cbf43926 and CRC-16/IBM-3740 29b1; the rest is the halfwords of the digits.
  it.each([
    ["sai-crc", 0xcbf43926],
    ["sai-crc-32lo", 0x3926],
    ["sai-crc-32hi", 0xcbf4],
    ["sai-crc-ccitt", 0x29b1],
    ["sai-xor", 0x3900 ^ 0x3132 ^ 0x3334 ^ 0x3536 ^ 0x3738],
    ["sai-crc-xor", 0xcbf4 ^ 0x3926],
  ])("%s is what it says of 123456789", (name, expected) => {
    expect(hashBytes(HASHES[name], Buffer.from("123456789"))).toBe(expected);
  });

  // lookup3.c, driver5: 17770551.
  it.each([
    ["sai-jenkins-lo", 0x0551],
    ["sai-jenkins-hi", 0x1777],
  ])("%s is its half of lookup3", (name, expected) => {
    expect(hashBytes(HASHES[name], Buffer.from("Four score and seven years ago"))).toBe(expected);
  });

  testTwin(HASHES["sai-jenkins-hi"], (bytes, seed) => slowLookup3(bytes, seed)[0] >>> 16);
});

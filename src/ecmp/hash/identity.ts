/**
 * No hash at all: the first eight bytes of a key as a number in network order, as in bmv2, of which 32 bits are the fifth to
 * the eighth byte, the destination of an IPv4 5-tuple. Shorter keys are shorter numbers. For seeing which fields a bucket
 * depends on; nothing behind the eighth byte counts.
 */
import { swapBytes } from "../../net/byte-order.ts";
import type { Halves, Hash } from "../hash-function.ts";
import { wideHash } from "./halves.ts";

export const identity: Hash = {
  ...wideHash(
    "identity",
    () =>
      ({ bytes, words }, length, halves) =>
        digest(bytes, words, length, halves),
  ),
  seeded: false,
};

function digest(bytes: Uint8Array, words: Uint32Array, length: number, halves: Halves): void {
  let low = 0;
  let high = 0;
  if (length >= 8) {
    high = swapBytes(words[0]);
    low = swapBytes(words[1]);
  } else {
    for (let i = 0; i < length; i++) {
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | bytes[i];
    }
  }
  halves[0] = low;
  halves[1] = high;
}

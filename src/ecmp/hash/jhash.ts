/**
 * Linux's jhash (include/linux/jhash.h). It is lookup3, the first of its two numbers, and is a row of its own because people
 * look for it under this name. `jhash2` over n words is jhash over their 4n bytes, and `jhash_2words` and its like are
 * `jhash2` over so many, on the little-endian machines that we support.
 */
import { createHalves, type Hash } from "../hash-function.ts";
import { hashLittle, lookup3 } from "./lookup3.ts";

export const jhash: Hash = { ...lookup3, name: "jhash" };

/** Where its three words begin, with the length in bytes and the caller's number added. */
export const JHASH_INITIAL = 0xdeadbeef;

/** `jhash2`, with `jhash_1word`, `jhash_2words` and `jhash_3words`: of the first `count` words. */
export function createJhash2(initial: number): (words: Uint32Array, count: number) => number {
  const halves = createHalves();
  return (words, count) => {
    hashLittle(words, count << 2, initial, 0, halves);
    return halves[0];
  };
}

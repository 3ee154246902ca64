/**
 * MurmurHash3_x64_128 (Austin Appleby, public domain), of which the answer is the first 64 bits, as everybody cuts it. Over 16
 * bytes it is what Katran calls MurmurHash3_x64_64.
 */
import type { Halves } from "../hash-function.ts";
import { productHigh, rotateHalf, sumHigh, wideHash } from "./halves.ts";
import { wordAt } from "./word.ts";

const C1_LOW = 0x114253d5;
const C1_HIGH = 0x87c37b91;
const C2_LOW = 0x2745937f;
const C2_HIGH = 0x4cf5ad43;

export const murmur3_x64 = wideHash("murmur3-x64", (seed) => {
  const scratch = new Int32Array(2);
  return ({ words }, length, halves) => digest(words, length, seed | 0, scratch, halves);
});

function digest(words: Uint32Array, length: number, seed: number, scratch: Int32Array, halves: Halves): void {
  let low1 = seed;
  let high1 = 0;
  let low2 = seed;
  let high2 = 0;
  const whole = length >>> 4;
  // The last turn is the tail, if only of no bytes: zeros leave both halves of the state as they are.
  for (let block = 0; block <= whole; block++) {
    const i = block << 2;
    scramble1(wordAt(words, i, length), wordAt(words, i + 1, length), scratch);
    low1 ^= scratch[0];
    high1 ^= scratch[1];
    if (block < whole) {
      // h1 = (rotl(h1, 27) + h2) * 5 + 0x52dce729
      const low = rotateHalf(low1, high1, 27);
      const high = sumHigh(low, rotateHalf(high1, low1, 27), low2, high2);
      const sum = (low + low2) | 0;
      low1 = (Math.imul(sum, 5) + 0x52dce729) | 0;
      high1 = sumHigh(Math.imul(sum, 5), productHigh(sum, high, 5, 0), 0x52dce729, 0);
    }
    scramble2(wordAt(words, i + 2, length), wordAt(words, i + 3, length), scratch);
    low2 ^= scratch[0];
    high2 ^= scratch[1];
    if (block < whole) {
      // h2 = (rotl(h2, 31) + h1) * 5 + 0x38495ab5
      const low = rotateHalf(low2, high2, 31);
      const high = sumHigh(low, rotateHalf(high2, low2, 31), low1, high1);
      const sum = (low + low1) | 0;
      low2 = (Math.imul(sum, 5) + 0x38495ab5) | 0;
      high2 = sumHigh(Math.imul(sum, 5), productHigh(sum, high, 5, 0), 0x38495ab5, 0);
    }
  }
  low1 ^= length;
  low2 ^= length;
  high1 = sumHigh(low1, high1, low2, high2);
  low1 = (low1 + low2) | 0;
  high2 = sumHigh(low2, high2, low1, high1);
  low2 = (low2 + low1) | 0;
  mixFinally(low1, high1, scratch);
  low1 = scratch[0];
  high1 = scratch[1];
  mixFinally(low2, high2, scratch);
  halves[1] = sumHigh(low1, high1, scratch[0], scratch[1]);
  halves[0] = low1 + scratch[0];
}

/** k * C1, rotated by 31, times C2. */
function scramble1(low: number, high: number, scratch: Int32Array): void {
  const productLow = Math.imul(low, C1_LOW);
  const upper = productHigh(low, high, C1_LOW, C1_HIGH);
  const rotatedLow = rotateHalf(productLow, upper, 31);
  scratch[0] = Math.imul(rotatedLow, C2_LOW);
  scratch[1] = productHigh(rotatedLow, rotateHalf(upper, productLow, 31), C2_LOW, C2_HIGH);
}

/** k * C2, rotated by 33, times C1. A rotation by 33 is one by 1 with the halves changed over. */
function scramble2(low: number, high: number, scratch: Int32Array): void {
  const productLow = Math.imul(low, C2_LOW);
  const upper = productHigh(low, high, C2_LOW, C2_HIGH);
  const rotatedLow = rotateHalf(upper, productLow, 1);
  scratch[0] = Math.imul(rotatedLow, C1_LOW);
  scratch[1] = productHigh(rotatedLow, rotateHalf(productLow, upper, 1), C1_LOW, C1_HIGH);
}

/** Appleby's fmix64. A shift by 33 leaves one less than the upper half, in the lower. */
function mixFinally(low: number, high: number, scratch: Int32Array): void {
  const low1 = low ^ (high >>> 1);
  const low2 = Math.imul(low1, 0xed558ccd);
  const high2 = productHigh(low1, high, 0xed558ccd, 0xff51afd7);
  const low3 = low2 ^ (high2 >>> 1);
  const low4 = Math.imul(low3, 0x1a85ec53);
  const high4 = productHigh(low3, high2, 0x1a85ec53, 0xc4ceb9fe);
  scratch[0] = low4 ^ (high4 >>> 1);
  scratch[1] = high4;
}

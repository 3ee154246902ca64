/**
 * XXH64 (xxHash fast digest algorithm, specification 0.1.1), over the words of a key, in halves of 32 bits. An IPv4 5-tuple is
 * shorter than a stripe of four lanes: one step of eight bytes, one of four and one of a single byte.
 */
import type { Halves } from "../hash-function.ts";
import type { Key } from "../key.ts";
import { productHigh, rotateHalf, sumHigh, wideHash } from "./halves.ts";

const PRIME_1_LOW = 0x85ebca87;
const PRIME_1_HIGH = 0x9e3779b1;
const PRIME_2_LOW = 0x27d4eb4f;
const PRIME_2_HIGH = 0xc2b2ae3d;
const PRIME_3_LOW = 0x9e3779f9;
const PRIME_3_HIGH = 0x165667b1;
const PRIME_4_LOW = 0xc2b2ae63;
const PRIME_4_HIGH = 0x85ebca77;
const PRIME_5_LOW = 0x165667c5;
const PRIME_5_HIGH = 0x27d4eb2f;

export const xxh64 = wideHash("xxh64", (seed) => {
  const lanes = createLanes();
  return (key, length, halves) => digest(key, length, seed | 0, lanes, halves);
});

/** Four lanes of two halves, then one in which single numbers are mixed. */
const createLanes = (): Int32Array => new Int32Array(10);
const SINGLE = 8;

function digest({ bytes, words }: Key, length: number, seed: number, lanes: Int32Array, halves: Halves): void {
  let low = (seed + PRIME_5_LOW) | 0;
  let high = sumHigh(seed, 0, PRIME_5_LOW, PRIME_5_HIGH);
  let word = 0;
  if (length >= 32) {
    word = (length >>> 5) << 3;
    mixStripes(words, word, seed, lanes);
    mergeLanes(lanes, halves);
    low = halves[0] | 0;
    high = halves[1] | 0;
  }
  high = sumHigh(low, high, length, 0);
  low = (low + length) | 0;
  for (const end = (length >>> 3) << 1; word < end; word += 2) {
    // hash = rotl(hash ^ mixed, 27) * PRIME_1 + PRIME_4
    lanes[SINGLE] = 0;
    lanes[SINGLE + 1] = 0;
    mixLane(lanes, SINGLE, words[word], words[word + 1]);
    low ^= lanes[SINGLE];
    high ^= lanes[SINGLE + 1];
    const rotated = rotateHalf(low, high, 27);
    const product = Math.imul(rotated, PRIME_1_LOW);
    high = productHigh(rotated, rotateHalf(high, low, 27), PRIME_1_LOW, PRIME_1_HIGH);
    high = sumHigh(product, high, PRIME_4_LOW, PRIME_4_HIGH);
    low = (product + PRIME_4_LOW) | 0;
  }
  if ((length & 4) !== 0) {
    // hash = rotl(hash ^ (word * PRIME_1), 23) * PRIME_2 + PRIME_3
    low ^= Math.imul(words[word], PRIME_1_LOW);
    high ^= productHigh(words[word], 0, PRIME_1_LOW, PRIME_1_HIGH);
    const rotated = rotateHalf(low, high, 23);
    const product = Math.imul(rotated, PRIME_2_LOW);
    high = productHigh(rotated, rotateHalf(high, low, 23), PRIME_2_LOW, PRIME_2_HIGH);
    high = sumHigh(product, high, PRIME_3_LOW, PRIME_3_HIGH);
    low = (product + PRIME_3_LOW) | 0;
  }
  for (let i = length & ~3; i < length; i++) {
    // hash = rotl(hash ^ (byte * PRIME_5), 11) * PRIME_1
    low ^= Math.imul(bytes[i], PRIME_5_LOW);
    high ^= productHigh(bytes[i], 0, PRIME_5_LOW, PRIME_5_HIGH);
    const rotated = rotateHalf(low, high, 11);
    high = productHigh(rotated, rotateHalf(high, low, 11), PRIME_1_LOW, PRIME_1_HIGH);
    low = Math.imul(rotated, PRIME_1_LOW);
  }
  finish(low, high, halves);
}

/** hash ^= hash >>> 33, times PRIME_2, ^= >>> 29, times PRIME_3, ^= >>> 32. XXH3 ends its shortest keys in the same way. */
export function finish(low: number, high: number, halves: Halves): void {
  const low1 = low ^ (high >>> 1);
  const low2 = Math.imul(low1, PRIME_2_LOW);
  const high2 = productHigh(low1, high, PRIME_2_LOW, PRIME_2_HIGH);
  const low3 = low2 ^ ((low2 >>> 29) | (high2 << 3));
  const high3 = high2 ^ (high2 >>> 29);
  const high4 = productHigh(low3, high3, PRIME_3_LOW, PRIME_3_HIGH);
  halves[0] = Math.imul(low3, PRIME_3_LOW) ^ high4;
  halves[1] = high4;
}

function mixStripes(words: Uint32Array, end: number, seed: number, lanes: Int32Array): void {
  lanes[0] = seed + PRIME_1_LOW + PRIME_2_LOW;
  lanes[1] = sumHigh(seed + PRIME_1_LOW, sumHigh(seed, 0, PRIME_1_LOW, PRIME_1_HIGH), PRIME_2_LOW, PRIME_2_HIGH);
  lanes[2] = seed + PRIME_2_LOW;
  lanes[3] = sumHigh(seed, 0, PRIME_2_LOW, PRIME_2_HIGH);
  lanes[4] = seed;
  lanes[5] = 0;
  lanes[6] = seed - PRIME_1_LOW;
  lanes[7] = -PRIME_1_HIGH - (seed >>> 0 < PRIME_1_LOW ? 1 : 0);
  for (let i = 0; i < end; i += 2) mixLane(lanes, i & 7, words[i], words[i + 1]);
}

/** lane = rotl(lane + number * PRIME_2, 31) * PRIME_1 */
function mixLane(lanes: Int32Array, at: number, low: number, high: number): void {
  const product = Math.imul(low, PRIME_2_LOW);
  const sum = (lanes[at] + product) | 0;
  const upper = sumHigh(lanes[at], lanes[at + 1], product, productHigh(low, high, PRIME_2_LOW, PRIME_2_HIGH));
  const rotated = rotateHalf(sum, upper, 31);
  lanes[at] = Math.imul(rotated, PRIME_1_LOW);
  lanes[at + 1] = productHigh(rotated, rotateHalf(upper, sum, 31), PRIME_1_LOW, PRIME_1_HIGH);
}

const ROTATIONS = [1, 7, 12, 18];

/** The sum of the lanes, each rotated in its own way; then, for each, hash = (hash ^ mixed lane) * PRIME_1 + PRIME_4. */
function mergeLanes(lanes: Int32Array, halves: Halves): void {
  let low = 0;
  let high = 0;
  for (let lane = 0; lane < 4; lane++) {
    const rotated = rotateHalf(lanes[2 * lane], lanes[2 * lane + 1], ROTATIONS[lane]);
    high = sumHigh(low, high, rotated, rotateHalf(lanes[2 * lane + 1], lanes[2 * lane], ROTATIONS[lane]));
    low = (low + rotated) | 0;
  }
  for (let lane = 0; lane < 4; lane++) {
    lanes[SINGLE] = 0;
    lanes[SINGLE + 1] = 0;
    mixLane(lanes, SINGLE, lanes[2 * lane], lanes[2 * lane + 1]);
    const mixed = low ^ lanes[SINGLE];
    const product = Math.imul(mixed, PRIME_1_LOW);
    high = productHigh(mixed, high ^ lanes[SINGLE + 1], PRIME_1_LOW, PRIME_1_HIGH);
    high = sumHigh(product, high, PRIME_4_LOW, PRIME_4_HIGH);
    low = (product + PRIME_4_LOW) | 0;
  }
  halves[0] = low;
  halves[1] = high;
}

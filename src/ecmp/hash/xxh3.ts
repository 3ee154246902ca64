/**
 * XXH3, 64 bits, with the default secret (xxHash fast digest algorithm, specification), in halves of 32 bits. It has a way of its
 * own for each range of lengths, and this file has those up to 240 bytes: no key is longer. An IPv4 5-tuple is one product of 128
 * bits.
 */
import { swapBytes } from "../../net/byte-order.ts";
import type { Halves, WideHashFunction } from "../hash-function.ts";
import { productHigh, rotateHalf, sumHigh, upperProduct, wideHash } from "./halves.ts";
import { bytesOf } from "./word.ts";
import { finish } from "./xxh64.ts";

const PRIME_1_LOW = 0x85ebca87;
const PRIME_1_HIGH = 0x9e3779b1;
const MIX_1_LOW = 0x9e3779f9;
const MIX_1_HIGH = 0x16566791;
const MIX_2_LOW = 0x1e98df25;
const MIX_2_HIGH = 0x9fb21c65;

const SECRET_BYTES = bytesOf(
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221" +
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb" +
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e",
);
/** The word that begins at each byte of the secret: the longer keys read it at odd places. */
const SECRET = Int32Array.from({ length: SECRET_BYTES.length - 3 }, (_, i) => readWord(SECRET_BYTES, i));

/** A seed is 64 bits in XXH3. Ours are 32; the test vectors are not. */
interface Seed {
  readonly low: number;
  readonly high: number;
  readonly negatedLow: number;
  readonly negatedHigh: number;
}

function createSeed(low: number, high: number): Seed {
  return { low, high, negatedLow: -low | 0, negatedHigh: low === 0 ? -high | 0 : ~high };
}

export const xxh3 = wideHash("xxh3", (seed) => createXxh3(seed, 0));

export function createXxh3(seedLow: number, seedHigh: number): WideHashFunction {
  const seed = createSeed(seedLow | 0, seedHigh | 0);
  const product = new Int32Array(2);
  return ({ bytes, words }, length, halves) => {
    if (length > 128) hashTo240(bytes, length, seed, product, halves);
    else if (length > 16) hashTo128(bytes, length, seed, product, halves);
    else if (length > 8) hashTo16(bytes, words, length, seed, product, halves);
    else if (length > 3) hashTo8(bytes, words, length, seed, halves);
    else if (length > 0) hashTo3(bytes, length, seed, halves);
    else finish(seed.low ^ SECRET[56] ^ SECRET[64], seed.high ^ SECRET[60] ^ SECRET[68], halves);
  };
}

function hashTo3(bytes: Uint8Array, length: number, seed: Seed, halves: Halves): void {
  const combined = bytes[length - 1] | (length << 8) | (bytes[0] << 16) | (bytes[length >>> 1] << 24);
  const flip = SECRET[0] ^ SECRET[4];
  finish(((flip + seed.low) | 0) ^ combined, sumHigh(flip, 0, seed.low, seed.high), halves);
}

function hashTo8(bytes: Uint8Array, words: Uint32Array, length: number, seed: Seed, halves: Halves): void {
  // (secret - (seed ^ its swapped lower half above)) ^ (first word above the last), then three mixing steps
  const flipLow = SECRET[8] ^ SECRET[16];
  const flipHigh = SECRET[12] ^ SECRET[20];
  const { negatedLow } = seed;
  const negatedHigh = ~(seed.high ^ swapBytes(seed.low)) + (seed.low === 0 ? 1 : 0);
  const low = ((flipLow + negatedLow) | 0) ^ readWord(bytes, length - 4);
  const high = sumHigh(flipLow, flipHigh, negatedLow, negatedHigh) ^ words[0];
  // Rotated by 49 and by 24; a rotation by 49 is one by 17 with the halves changed over.
  const low1 = low ^ rotateHalf(high, low, 17) ^ rotateHalf(low, high, 24);
  const high1 = high ^ rotateHalf(low, high, 17) ^ rotateHalf(high, low, 24);
  const low2 = Math.imul(low1, MIX_2_LOW);
  const high2 = productHigh(low1, high1, MIX_2_LOW, MIX_2_HIGH);
  const low3 = low2 ^ ((high2 >>> 3) + length);
  const low4 = Math.imul(low3, MIX_2_LOW);
  const high4 = productHigh(low3, high2, MIX_2_LOW, MIX_2_HIGH);
  halves[0] = low4 ^ ((low4 >>> 28) | (high4 << 4));
  halves[1] = high4 ^ (high4 >>> 28);
}

function hashTo16(bytes: Uint8Array, words: Uint32Array, length: number, seed: Seed, product: Int32Array, halves: Halves): void {
  const flip1Low = SECRET[24] ^ SECRET[32];
  const flip1High = SECRET[28] ^ SECRET[36];
  const flip2Low = SECRET[40] ^ SECRET[48];
  const flip2High = SECRET[44] ^ SECRET[52];
  const firstLow = ((flip1Low + seed.low) | 0) ^ words[0];
  const firstHigh = sumHigh(flip1Low, flip1High, seed.low, seed.high) ^ words[1];
  const lastLow = ((flip2Low + seed.negatedLow) | 0) ^ readWord(bytes, length - 8);
  const lastHigh = sumHigh(flip2Low, flip2High, seed.negatedLow, seed.negatedHigh) ^ readWord(bytes, length - 4);
  foldProduct(firstLow, firstHigh, lastLow, lastHigh, product);
  // length + first, its bytes swapped, + last + the folded product
  const swappedLow = swapBytes(firstHigh);
  const sum1 = (length + swappedLow) | 0;
  const sum1High = sumHigh(swappedLow, swapBytes(firstLow), length, 0);
  const sum2 = (sum1 + lastLow) | 0;
  const sum2High = sumHigh(sum1, sum1High, lastLow, lastHigh);
  avalanche((sum2 + product[0]) | 0, sumHigh(sum2, sum2High, product[0], product[1]), halves);
}

/** Pairs of 16 bytes, from both ends inwards; where they overlap, bytes count twice. */
function hashTo128(bytes: Uint8Array, length: number, seed: Seed, product: Int32Array, halves: Halves): void {
  let low = Math.imul(length, PRIME_1_LOW);
  let high = productHigh(length, 0, PRIME_1_LOW, PRIME_1_HIGH);
  for (let i = (length - 1) >>> 5; i >= 0; i--) {
    mixChunk(bytes, i * 16, i * 32, seed, product);
    high = sumHigh(low, high, product[0], product[1]);
    low = (low + product[0]) | 0;
    mixChunk(bytes, length - i * 16 - 16, i * 32 + 16, seed, product);
    high = sumHigh(low, high, product[0], product[1]);
    low = (low + product[0]) | 0;
  }
  avalanche(low, high, halves);
}

function hashTo240(bytes: Uint8Array, length: number, seed: Seed, product: Int32Array, halves: Halves): void {
  let low = Math.imul(length, PRIME_1_LOW);
  let high = productHigh(length, 0, PRIME_1_LOW, PRIME_1_HIGH);
  const chunks = length >>> 4;
  for (let i = 0; i <= chunks; i++) {
    if (i === 8) {
      avalanche(low, high, halves);
      low = halves[0] | 0;
      high = halves[1] | 0;
    }
    // The chunk after the last whole one is the last 16 bytes.
    if (i === chunks) mixChunk(bytes, length - 16, 119, seed, product);
    else mixChunk(bytes, i * 16, i < 8 ? i * 16 : (i - 8) * 16 + 3, seed, product);
    high = sumHigh(low, high, product[0], product[1]);
    low = (low + product[0]) | 0;
  }
  avalanche(low, high, halves);
}

/** Folds the product of the two halves of a chunk of 16 bytes, each covered with the secret from `secret` on and with the seed. */
function mixChunk(bytes: Uint8Array, at: number, secret: number, seed: Seed, product: Int32Array): void {
  const { low, high, negatedLow, negatedHigh } = seed;
  foldProduct(
    readWord(bytes, at) ^ ((SECRET[secret] + low) | 0),
    readWord(bytes, at + 4) ^ sumHigh(SECRET[secret], SECRET[secret + 4], low, high),
    readWord(bytes, at + 8) ^ ((SECRET[secret + 8] + negatedLow) | 0),
    readWord(bytes, at + 12) ^ sumHigh(SECRET[secret + 8], SECRET[secret + 12], negatedLow, negatedHigh),
    product,
  );
}

/** The upper 64 bits of a product of 128, exclusive-or the lower 64. */
function foldProduct(aLow: number, aHigh: number, bLow: number, bHigh: number, product: Int32Array): void {
  // Digit by digit; a product of two digits and two digits more still fit into two digits.
  const low = Math.imul(aLow, bLow);
  const cross = Math.imul(aHigh, bLow);
  const carried = upperProduct(aLow, bLow);
  const middle = (cross + carried) | 0;
  const above = sumHigh(cross, upperProduct(aHigh, bLow), carried, 0);
  const other = Math.imul(aLow, bHigh);
  const second = (other + middle) | 0;
  const beyond = sumHigh(other, upperProduct(aLow, bHigh), middle, 0);
  const top = Math.imul(aHigh, bHigh);
  const third = (top + above) | 0;
  const thirdHigh = sumHigh(top, upperProduct(aHigh, bHigh), above, 0);
  product[0] = low ^ (third + beyond);
  product[1] = second ^ sumHigh(third, thirdHigh, beyond, 0);
}

/** hash ^= hash >>> 37, times the first mixing constant, ^= >>> 32. */
function avalanche(low: number, high: number, halves: Halves): void {
  const mixed = low ^ (high >>> 5);
  const upper = productHigh(mixed, high, MIX_1_LOW, MIX_1_HIGH);
  halves[0] = Math.imul(mixed, MIX_1_LOW) ^ upper;
  halves[1] = upper;
}

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

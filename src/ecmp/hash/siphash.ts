/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that those who do not know the key cannot steer. Linux picks
 * next hops with it and makes the key of its 32-bit seed, repeated four times; so does this row, unless it is given a key.
 */
import { createHalves, type Halves } from "../hash-function.ts";
import { sumHigh, wideHash } from "./halves.ts";
import { wordAt } from "./word.ts";

/** Hashes the first `length` bytes of `words`; answers with the low half. */
export type SipHash = (words: Uint32Array, length: number) => number;

export const siphash = wideHash("siphash", (seed, { key } = {}) => {
  const keyWords = key === undefined ? Int32Array.of(seed, seed, seed, seed) : toWords(key);
  return ({ words }, length, halves) => digest(words, length, keyWords, halves);
});

/** `key`: 128 bits as four words, the low half of k0 first. */
export function createSipHash(key: readonly [number, number, number, number]): SipHash {
  const keyWords = Int32Array.from(key);
  const halves = createHalves();
  return (words, length) => {
    digest(words, length, keyWords, halves);
    return halves[0];
  };
}

function toWords(key: Uint8Array): Int32Array {
  if (key.length !== 16) throw new RangeError(`siphash: a key of ${key.length} bytes; wanted 16`);
  return new Int32Array(key.slice().buffer);
}

/** The four numbers of the state are a, b, c and d, in halves. */
function digest(words: Uint32Array, length: number, key: Int32Array, halves: Halves): void {
  let aLow = key[0] ^ 0x70736575;
  let aHigh = key[1] ^ 0x736f6d65;
  let bLow = key[2] ^ 0x6e646f6d;
  let bHigh = key[3] ^ 0x646f7261;
  let cLow = key[0] ^ 0x6e657261;
  let cHigh = key[1] ^ 0x6c796765;
  let dLow = key[2] ^ 0x79746573;
  let dHigh = key[3] ^ 0x74656462;
  const last = length >>> 3;
  // A block is two rounds. The four rounds of the end are two blocks of zeros, so that the round is written once.
  for (let block = 0; block <= last + 2; block++) {
    let low = 0;
    let high = 0;
    if (block < last) {
      low = words[2 * block] | 0;
      high = words[2 * block + 1] | 0;
    } else if (block === last) {
      low = wordAt(words, 2 * block, length);
      high = wordAt(words, 2 * block + 1, length) | (length << 24);
    } else if (block === last + 1) {
      cLow ^= 0xff;
    }
    dLow ^= low;
    dHigh ^= high;
    for (let round = 0; round < 2; round++) {
      aHigh = sumHigh(aLow, aHigh, bLow, bHigh);
      aLow = (aLow + bLow) | 0;
      const bTurned = (bLow << 13) | (bHigh >>> 19);
      bHigh = ((bHigh << 13) | (bLow >>> 19)) ^ aHigh;
      bLow = bTurned ^ aLow;

      cHigh = sumHigh(cLow, cHigh, dLow, dHigh);
      cLow = (cLow + dLow) | 0;
      const dTurned = (dLow << 16) | (dHigh >>> 16);
      dHigh = ((dHigh << 16) | (dLow >>> 16)) ^ cHigh;
      dLow = dTurned ^ cLow;

      // a rotated by 32: its halves change places in what follows.
      const aSum = (aHigh + dLow) | 0;
      const aUpper = sumHigh(aHigh, aLow, dLow, dHigh);
      const dTurned2 = (dLow << 21) | (dHigh >>> 11);
      dHigh = ((dHigh << 21) | (dLow >>> 11)) ^ aUpper;
      dLow = dTurned2 ^ aSum;
      aLow = aSum;
      aHigh = aUpper;

      const cSum = (cLow + bLow) | 0;
      const cUpper = sumHigh(cLow, cHigh, bLow, bHigh);
      const bTurned2 = (bLow << 17) | (bHigh >>> 15);
      bHigh = ((bHigh << 17) | (bLow >>> 15)) ^ cUpper;
      bLow = bTurned2 ^ cSum;
      // c rotated by 32.
      cLow = cUpper;
      cHigh = cSum;
    }
    aLow ^= low;
    aHigh ^= high;
  }
  halves[0] = aLow ^ bLow ^ cLow ^ dLow;
  halves[1] = aHigh ^ bHigh ^ cHigh ^ dHigh;
}

/**
 * Chance that is always the same: what selectors scatter members and buckets with. No router's own mixing is claimed; where a
 * source names its hash, its selector uses that one. The mixer is "lowbias32" (Chris Wellons, Hash Prospector, public domain).
 */
import { type Address, addressToBytes, isIpv4, readIpv4 } from "../../net/address.ts";
import { randomBelow, seededRandom } from "../../net/random.ts";

/** One 32-bit word to another, one to one, all bits mixed. Unsigned. */
export function scramble(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** 32 bits that stand for a member: of its address and the seed, not of its place or weight. */
export function scatterAddress(address: Address, seed: number): number {
  if (isIpv4(address)) return scramble(scramble(seed ^ 4) ^ address);
  const bytes = addressToBytes(address);
  let word = scramble(seed ^ 6);
  for (let i = 0; i < 16; i += 4) word = scramble(word ^ readIpv4(bytes, i));
  return word;
}

/** The numbers below `count` in an order that the seed decides (Fisher and Yates). */
export function shuffledNumbers(count: number, seed: number): Int32Array {
  const random = seededRandom(seed);
  const numbers = Int32Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = randomBelow(random, last + 1);
    [numbers[last], numbers[other]] = [numbers[other], numbers[last]];
  }
  return numbers;
}

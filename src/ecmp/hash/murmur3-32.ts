/** MurmurHash3_x86_32 (Austin Appleby, public domain): one multiplication, rotation and multiplication a word, then a mix. */
import type { Hash, HashFunction } from "../hash-function.ts";
import { wordAt } from "./word.ts";

export const murmur3_32: Hash = {
  name: "murmur3-32",
  bits: 32,
  seeded: true,
  perPacket: false,
  create(seed): HashFunction {
    return ({ words }, length) => {
      const whole = length >>> 2;
      let hash = seed;
      for (let i = 0; i < whole; i++) {
        hash ^= scramble(words[i]);
        hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
      }
      hash ^= scramble(wordAt(words, whole, length)) ^ length;
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      return (hash ^ (hash >>> 16)) >>> 0;
    };
  },
};

function scramble(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

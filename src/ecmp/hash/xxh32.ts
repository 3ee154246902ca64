/**
 * XXH32 (xxHash fast digest algorithm, specification 0.1.1), over the words of a key. Keys begin on a word, so every lane and
 * every four-byte step is one aligned load. A 5-tuple is too short for the four lanes: it costs three words and one byte.
 */
import type { Key } from "../key.ts";

const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

export const xxh32 = {
  name: "xxh32",
  bits: 32,
  create(seed: number): (key: Key, length: number) => number {
    return ({ bytes, words }, length) => {
      let word = 0;
      let hash = seed + PRIME_5;
      if (length >= 16) {
        hash = mergeLanes(words, length >>> 4, seed);
        word = (length >>> 4) << 2;
      }
      hash = (hash + length) | 0;
      for (const end = length >>> 2; word < end; word++) {
        hash = (hash + Math.imul(words[word], PRIME_3)) | 0;
        hash = Math.imul((hash << 17) | (hash >>> 15), PRIME_4);
      }
      for (let i = word << 2; i < length; i++) {
        hash = (hash + Math.imul(bytes[i], PRIME_5)) | 0;
        hash = Math.imul((hash << 11) | (hash >>> 21), PRIME_1);
      }
      hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
      hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
      return (hash ^ (hash >>> 16)) >>> 0;
    };
  },
};

/** Four lanes over `stripes` stripes of 16 bytes, then the four as one. */
function mergeLanes(words: Uint32Array, stripes: number, seed: number): number {
  let lane1 = (seed + PRIME_1 + PRIME_2) | 0;
  let lane2 = (seed + PRIME_2) | 0;
  let lane3 = seed | 0;
  let lane4 = (seed - PRIME_1) | 0;
  for (let i = 0; i < stripes << 2; i += 4) {
    lane1 = mixLane(lane1, words[i]);
    lane2 = mixLane(lane2, words[i + 1]);
    lane3 = mixLane(lane3, words[i + 2]);
    lane4 = mixLane(lane4, words[i + 3]);
  }
  return (
    ((lane1 << 1) | (lane1 >>> 31)) +
    ((lane2 << 7) | (lane2 >>> 25)) +
    ((lane3 << 12) | (lane3 >>> 20)) +
    ((lane4 << 18) | (lane4 >>> 14))
  );
}

function mixLane(lane: number, word: number): number {
  const mixed = (lane + Math.imul(word, PRIME_2)) | 0;
  return Math.imul((mixed << 13) | (mixed >>> 19), PRIME_1);
}

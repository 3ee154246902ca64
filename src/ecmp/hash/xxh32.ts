/**
 * XXH32 (xxHash fast digest algorithm, specification 0.1.1), over the words of a key. Keys begin on a word, so every lane and
 * every four-byte step is one aligned load. A 5-tuple is too short for the four lanes: it costs three words and one byte.
 */
import type { Hash, HashFunction } from "../hash-function.ts";
import type { TupleHash } from "../tuple-key.ts";

const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

export const xxh32: Hash = {
  name: "xxh32",
  bits: 32,
  seeded: true,
  perPacket: false,
  create(seed): HashFunction {
    const hashTuple = createTuple(seed);
    const hashAny = createGeneral(seed);
    return (key, length) => {
      // Apart from the loops for other lengths: whoever has it inlined keeps a loop of its own that is the innermost one.
      if (length !== 13) return hashAny(key, length);
      const { words } = key;
      return hashTuple(words[0], words[1], words[2], words[3] & 0xff) >>> 0;
    };
  },
  createTuple,
};

function createTuple(seed: number): TupleHash {
  const start = (seed + PRIME_5 + 13) | 0;
  return (first, second, third, last) => finish(mixByte(mixWord(mixWord(mixWord(start, first), second), third), last));
}

function createGeneral(seed: number): HashFunction {
  const start = (seed + PRIME_5) | 0;
  return ({ bytes, words }, length) => {
    let word = (length >>> 4) << 2;
    let hash = ((word === 0 ? start : mergeLanes(words, word, seed)) + length) | 0;
    for (const end = length >>> 2; word < end; word++) hash = mixWord(hash, words[word]);
    for (let i = word << 2; i < length; i++) hash = mixByte(hash, bytes[i]);
    return finish(hash) >>> 0;
  };
}

function mixWord(hash: number, word: number): number {
  const sum = (hash + Math.imul(word, PRIME_3)) | 0;
  return Math.imul((sum << 17) | (sum >>> 15), PRIME_4);
}

function mixByte(hash: number, byte: number): number {
  const sum = (hash + Math.imul(byte, PRIME_5)) | 0;
  return Math.imul((sum << 11) | (sum >>> 21), PRIME_1);
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  const again = Math.imul(mixed ^ (mixed >>> 13), PRIME_3);
  return again ^ (again >>> 16);
}

/** Four lanes over the words before `end`, a whole number of stripes, then the four as one. */
function mergeLanes(words: Uint32Array, end: number, seed: number): number {
  let lane1 = (seed + PRIME_1 + PRIME_2) | 0;
  let lane2 = (seed + PRIME_2) | 0;
  let lane3 = seed | 0;
  let lane4 = (seed - PRIME_1) | 0;
  for (let i = 0; i < end; i += 4) {
    lane1 = mixLane(lane1, words[i]);
    lane2 = mixLane(lane2, words[i + 1]);
    lane3 = mixLane(lane3, words[i + 2]);
    lane4 = mixLane(lane4, words[i + 3]);
  }
  const sum1 = ((lane1 << 1) | (lane1 >>> 31)) + ((lane2 << 7) | (lane2 >>> 25));
  const sum2 = ((lane3 << 12) | (lane3 >>> 20)) + ((lane4 << 18) | (lane4 >>> 14));
  return (sum1 + sum2) | 0;
}

function mixLane(lane: number, word: number): number {
  const mixed = (lane + Math.imul(word, PRIME_2)) | 0;
  return Math.imul((mixed << 13) | (mixed >>> 19), PRIME_1);
}

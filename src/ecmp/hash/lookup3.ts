/**
 * Bob Jenkins' lookup3 (2006, public domain), as `hashlittle2` has it: three words a turn, and at the end two numbers, of
 * which c is the better one. `lookup3` answers with c, `lookup3-high` with b. SAI's, VPP's and Linux's Jenkins are made of it.
 */
import { createHalves, type Halves, type Hash, type HashFunction } from "../hash-function.ts";
import { wideHash } from "./halves.ts";
import { wordAt } from "./word.ts";

export const lookup3 = wideHash("lookup3", (seed) => {
  return ({ words }, length, halves) => hashLittle(words, length, seed, 0, halves);
});

export const lookup3High: Hash = {
  name: "lookup3-high",
  bits: 32,
  seeded: true,
  perPacket: false,
  create(seed): HashFunction {
    const halves = createHalves();
    return ({ words }, length) => {
      hashLittle(words, length, seed, 0, halves);
      return halves[1];
    };
  },
};

/** hashlittle2 of the first `length` bytes: fills `halves` with c and b. */
export function hashLittle(words: Uint32Array, length: number, initialC: number, initialB: number, halves: Halves): void {
  let a = (0xdeadbeef + length + initialC) | 0;
  let b = a;
  let c = (a + initialB) | 0;
  let word = 0;
  // The last turn, of 1 to 12 bytes, is mixed in another way. No bytes at all are not mixed.
  for (const last = Math.trunc((length - 1) / 12) * 3; word < last; word += 3) {
    a = (a + words[word]) | 0;
    b = (b + words[word + 1]) | 0;
    c = (c + words[word + 2]) | 0;
    a = (a - c) ^ rotate(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ rotate(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ rotate(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ rotate(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ rotate(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ rotate(b, 4);
    b = (b + a) | 0;
  }
  if (length > 0) {
    a = (a + wordAt(words, word, length)) | 0;
    b = (b + wordAt(words, word + 1, length)) | 0;
    c = (c + wordAt(words, word + 2, length)) | 0;
    c = ((c ^ b) - rotate(b, 14)) | 0;
    a = ((a ^ c) - rotate(c, 11)) | 0;
    b = ((b ^ a) - rotate(a, 25)) | 0;
    c = ((c ^ b) - rotate(b, 16)) | 0;
    a = ((a ^ c) - rotate(c, 4)) | 0;
    b = ((b ^ a) - rotate(a, 14)) | 0;
    c = ((c ^ b) - rotate(b, 24)) | 0;
  }
  halves[0] = c;
  halves[1] = b;
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

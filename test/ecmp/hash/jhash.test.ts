/**
 * It is lookup3 (see that file for its vectors, and `katran.test.ts` for two of jhash_2words), and here the kernel's three ways
 * into it are written out after include/linux/jhash.h and compared. What the kernel itself computes is compared with whole next
 * hops.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createJhash2, jhash } from "#src/ecmp/hash/jhash.ts";
import { keyOf, testTwin } from "../../common/hash.ts";
import { slowLookup3 } from "../../oracle/lookup3.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });

/** __jhash_final over a, b and c. */
function jhashFinal(a: number, b: number, c: number): number {
  const rotate = (n: number, by: number): number => (n << by) | (n >>> (32 - by));
  const state = [a, b, c];
  for (const [to, by, turn] of [
    [2, 1, 14],
    [0, 2, 11],
    [1, 0, 25],
    [2, 1, 16],
    [0, 2, 4],
    [1, 0, 14],
    [2, 1, 24],
  ]) {
    state[to] = ((state[to] ^ state[by]) - rotate(state[by], turn)) | 0;
  }
  return state[2] >>> 0;
}

describe("jhash", () => {
  testTwin(jhash, (bytes, seed) => slowLookup3(bytes, seed)[0]);
});

describe("jhash2", () => {
  it("is jhash over the bytes of the words", () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 16 }), word, (words, initial) => {
        const key = keyOf(new Uint8Array(Uint32Array.from(words).buffer));
        expect(createJhash2(initial)(key.words, words.length)).toBe(jhash.create(initial)(key, 4 * words.length));
      }),
    );
  });

  it("is jhash_2words over two words, and jhash_3words over three", () => {
    fc.assert(
      fc.property(word, word, word, word, (a, b, c, initial) => {
        const hash = createJhash2(initial);
        const start = (words: number): number => initial + 0xdeadbeef + (words << 2);
        expect(hash(Uint32Array.of(a, b), 2)).toBe(jhashFinal(a + start(2), b + start(2), start(2)));
        expect(hash(Uint32Array.of(a, b, c), 3)).toBe(jhashFinal(a + start(3), b + start(3), c + start(3)));
      }),
    );
  });
});

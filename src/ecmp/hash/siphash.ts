/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that those who do not know the key cannot steer. Linux picks
 * next hops with it and makes the key of its 32-bit seed, repeated four times; so does this row, unless it is given a key.
 *
 * The rounds are WebAssembly: eight of them over an IPv4 5-tuple are 32 additions and 48 rotations of 64 bits, which took four
 * times as long on halves of 32. One instance a thread, whose memory is
 *
 *   byte 0     the input: words of a key        byte 256   the state of a key at the start        byte 288   the answer
 */
import { createHalves, type Halves, type Hash } from "../hash-function.ts";
import { wideHash } from "./halves.ts";
import { assemble, type Code, get, I32, I64, i32, i64, load, OP, repeatUntil, set, store } from "./wasm.ts";

/** Hashes the first `length` bytes of `words`, at most 256; answers with the low half. */
export type SipHash = (words: Uint32Array, length: number) => number;

export const siphash: Hash = {
  ...wideHash("siphash", (seed, { key } = {}) => {
    const state = startState(key === undefined ? [seed, seed, seed, seed] : toWords(key));
    return ({ words }, length, halves) => digest(words, length, state, halves);
  }),
  keyBytes: [16, 16],
};

/** `key`: 128 bits as four words, the low half of k0 first. The answer is signed, as `TupleHash`'s is and for the same reason. */
export function createSipHash(key: readonly [number, number, number, number]): SipHash {
  const state = startState(key);
  const halves = createHalves();
  return (words, length) => {
    digest(words, length, state, halves);
    return halves[0] | 0;
  };
}

function toWords(key: Uint8Array): Uint32Array {
  if (key.length !== 16) throw new RangeError(`siphash: a key of ${key.length} bytes; wanted 16`);
  return new Uint32Array(key.slice().buffer);
}

/** "somepseudorandomlygeneratedbytes", under the key. */
function startState(key: ArrayLike<number>): Uint32Array {
  const constants = [0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462];
  return Uint32Array.from(constants, (constant, i) => constant ^ key[i % 4]);
}

const STATE = 256;
const ANSWER = 288;

const [length, at, end, a, b, c, d, number] = [0, 1, 2, 3, 4, 5, 6, 7];

/** to += from; from = (from <<< bits) ^ to */
const half = (to: number, from: number, bits: number): Code => [
  ...[...get(to), ...get(from), OP.add, ...set(to)],
  ...[...get(from), ...i64(bits), OP.rotl, ...get(to), OP.xor, ...set(from)],
];
const turn = (local: number): Code => [...get(local), ...i64(32), OP.rotl, ...set(local)];
const ROUND = [...half(a, b, 13), ...turn(a), ...half(c, d, 16), ...half(a, d, 21), ...half(c, b, 17), ...turn(c)];
const add = (to: number, code: Code): Code => [...get(to), ...code, OP.xor, ...set(to)];
const BLOCK = [...add(d, get(number)), ...ROUND, ...ROUND, ...add(a, get(number))];

/** The bytes behind the last whole block, and in the place of the eighth the length. */
const LAST_NUMBER = [
  ...[...get(at), ...load(0)],
  ...[...i64(1), ...get(length), ...i32(7), OP.i32and, ...i32(3), OP.i32shl, OP.extend, OP.shl, ...i64(1), OP.sub, OP.and],
  ...[...get(length), OP.extend, ...i64(56), OP.shl, OP.or],
];

const { memory, run } = assemble(
  1,
  [I32, I32, I64, I64, I64, I64, I64],
  [
    ...[a, b, c, d].flatMap((local, i) => [...i32(0), ...load(STATE + 8 * i), ...set(local)]),
    ...[...get(length), ...i32(-8), OP.i32and, ...set(end)],
    ...repeatUntil(
      [...get(at), ...get(end), OP.i32ge],
      [...get(at), ...load(0), ...set(number), ...BLOCK, ...get(at), ...i32(8), OP.i32add, ...set(at)],
    ),
    ...[...LAST_NUMBER, ...set(number), ...BLOCK],
    ...add(c, i64(0xff)),
    ...[...ROUND, ...ROUND, ...ROUND, ...ROUND],
    ...[...get(a), ...get(b), OP.xor, ...get(c), OP.xor, ...get(d), OP.xor, ...set(a)],
    ...[...i32(0), ...get(a), ...store(ANSWER)],
    ...[...get(a), OP.wrap],
  ],
);

/** Whose state is in the memory: hashes that take turns write it anew, one alone never does. */
let present: Uint32Array | undefined;

function digest(words: Uint32Array, length: number, state: Uint32Array, halves: Halves): void {
  if (state !== present) {
    memory.set(state, STATE / 4);
    present = state;
  }
  const count = (length + 3) >>> 2;
  for (let i = 0; i < count; i++) memory[i] = words[i];
  halves[0] = run(length);
  halves[1] = memory[ANSWER / 4 + 1];
}

/**
 * What a hash is, apart from the list of those there are (`hash.ts`), because the hashes need it too and nothing here
 * imports in a circle. Hashes read words: a key begins on a word, is little-endian, and what lies behind its length is
 * left over from other packets.
 */
import type { Key } from "./key.ts";
import type { TupleHash } from "./tuple-key.ts";

/** Hashes the first `length` bytes of `key`, without allocating. The answer is unsigned. */
export type HashFunction = (key: Key, length: number) => number;

/** The same of a hash of 64 bits, all of them: fills `halves` with the low and the high 32. */
export type WideHashFunction = (key: Key, length: number, halves: Halves) => void;

/** A number of 64 bits: the low half, then the high half. */
export type Halves = Uint32Array;

export const createHalves = (): Halves => new Uint32Array(2);

export interface HashParameters {
  /** For hashes that are keyed: Toeplitz (4 bytes or more, repeated as often as the input asks for) and SipHash (16 bytes). */
  readonly key?: Uint8Array;
}

export interface Hash {
  readonly name: string;
  /** How many of the low bits of the answer may be set: a table of bounds has to be filled over as many. */
  readonly bits: number;
  /** Whether the answer depends on the seed. Those that are fixed, or are keyed in another way, ignore it. */
  readonly seeded: boolean;
  /** Of hashes that may be given a key, which takes the place of a seed: how many bytes, at least and at most. */
  readonly keyBytes?: readonly [least: number, most: number];
  /** Counts packets, or draws lots, and does not look at the key: it spreads the packets of one connection. */
  readonly perPacket: boolean;
  /** `seed` is an unsigned 32-bit number. */
  create(seed: number, parameters?: HashParameters): HashFunction;
  /** For the hashes that most packets meet: the bits that `create` answers with over such a key. */
  createTuple?(seed: number, parameters?: HashParameters): TupleHash;
  /** Where the hash is one of 64 bits. `create` answers with the low half of what this one fills in. */
  createWide?(seed: number, parameters?: HashParameters): WideHashFunction;
}

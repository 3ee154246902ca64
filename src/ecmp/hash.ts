/**
 * The hashes there are. A new one is one file in `hash/` and one row here; configuration, experiments, benchmarks and the
 * common test suite find it by its row. A hash is made once for a seed and then called per packet: no allocation, and the
 * answer is an unsigned 32-bit number, whatever the number of bits that carry it.
 */
import { xxh32 } from "./hash/xxh32.ts";
import type { Key } from "./key.ts";

/** Hashes the first `length` bytes of `key`. */
export type HashFunction = (key: Key, length: number) => number;

export interface Hash {
  readonly name: string;
  /** How many of the low bits of the answer may be set. */
  readonly bits: number;
  /** `seed` is an unsigned 32-bit number. */
  create(seed: number): HashFunction;
}

export type HashName = "xxh32";
export const HASHES: Readonly<Record<HashName, Hash> & Record<string, Hash>> = { xxh32 };

/**
 * Toeplitz, the hash of receive-side scaling: each bit of the input that is set adds the 32 bits of the key which begin at its
 * own place. It takes no seed: its key is that. Input that a key is too short for meets the key from its beginning again, as
 * in bmv2; network cards differ there, or refuse. RSS proper hashes addresses and ports and no protocol: fields
 * source-address, destination-address, source-port, destination-port.
 *
 * A table a byte of the input: what each of its 256 values adds.
 */
import type { Hash, HashFunction } from "../hash-function.ts";
import { KEY_CAPACITY, type Key } from "../key.ts";
import type { TupleHash } from "../tuple-key.ts";
import { bytesOf } from "./word.ts";

/** The key of Microsoft's "Verifying the RSS Hash Calculation", which most drivers have for a default. */
export const MICROSOFT_KEY = bytesOf("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

/** Period 16 bits: addresses and ports may change places (Woo and Park, 2012), and much of the spread is lost for it. */
export const SYMMETRIC_KEY = Uint8Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 0x6d : 0x5a));

export const toeplitz = createToeplitz("toeplitz", MICROSOFT_KEY);
export const toeplitzSymmetric = createToeplitz("toeplitz-symmetric", SYMMETRIC_KEY);

function createToeplitz(name: string, standardKey: Uint8Array): Hash {
  return {
    name,
    bits: 32,
    seeded: false,
    keyBytes: [4, 52],
    perPacket: false,
    create(_seed, { key = standardKey } = {}): HashFunction {
      const tables = fillTables(name, key);
      return (key, length) => {
        // Addresses and ports of IPv4, with the protocol or without, straight on: half the cost of the loops for any length.
        if (length !== 12 && length !== 13) return addAny(tables, key, length);
        const { words } = key;
        const ends = addWord(tables, 0, words[0]) ^ addWord(tables, 1024, words[1]) ^ addWord(tables, 2048, words[2]);
        return (length === 12 ? ends : ends ^ tables[3072 | (words[3] & 0xff)]) >>> 0;
      };
    },
    createTuple(_seed, { key = standardKey } = {}): TupleHash {
      const tables = fillTables(name, key);
      return (first, second, third, last) =>
        addWord(tables, 0, first) ^ addWord(tables, 1024, second) ^ addWord(tables, 2048, third) ^ tables[3072 | last];
    },
  };
}

function addAny(tables: Int32Array, { bytes, words }: Key, length: number): number {
  let hash = 0;
  const whole = length >>> 2;
  for (let i = 0; i < whole; i++) hash ^= addWord(tables, i << 10, words[i]);
  for (let i = whole << 2; i < length; i++) hash ^= tables[(i << 8) | bytes[i]];
  return hash >>> 0;
}

/** What the four bytes of a word add, whose tables begin at `at`. */
const addWord = (tables: Int32Array, at: number, word: number): number =>
  tables[at | (word & 0xff)] ^
  tables[(at + 256) | ((word >>> 8) & 0xff)] ^
  tables[(at + 512) | ((word >>> 16) & 0xff)] ^
  tables[(at + 768) | (word >>> 24)];

/** Table i at 256 * i. */
function fillTables(name: string, key: Uint8Array): Int32Array {
  if (key.length < 4) throw new RangeError(`${name}: a key of ${key.length} bytes; wanted at least 4`);
  const tables = new Int32Array(256 * KEY_CAPACITY);
  for (let i = 0; i < KEY_CAPACITY; i++) {
    for (let bit = 0; bit < 8; bit++) {
      const window = windowAt(key, 8 * i + 7 - bit);
      // All bytes whose highest bit this is: what the rest of them adds is there already.
      const first = 256 * i + (1 << bit);
      for (let rest = 0; rest < 1 << bit; rest++) tables[first + rest] = tables[256 * i + rest] ^ window;
    }
  }
  return tables;
}

/** The 32 bits of the key from `bit` on, the key following itself. */
function windowAt(key: Uint8Array, bit: number): number {
  const byteAt = (i: number): number => key[i % key.length];
  const first = bit >>> 3;
  const word = (byteAt(first) << 24) | (byteAt(first + 1) << 16) | (byteAt(first + 2) << 8) | byteAt(first + 3);
  const shift = bit & 7;
  return (word << shift) | (byteAt(first + 4) >>> (8 - shift));
}

/**
 * The FIB image itself: allocates it, hands it to workers, and looks things up in it. The memory is reserved whole and
 * touched only where used (the system gives zero pages on first touch), so a small table costs little.
 */
import type { Ipv4Address } from "../net/address.ts";
import {
  ARENA,
  BLOCK_FLAG,
  BLOCK_SLOTS,
  DEFAULT_ARENA_WORDS,
  DIRECT_SLOTS,
  HEADER,
  LEAF6,
  LEAF6_RECORD,
  NODE6_SLOTS,
  ROOT6_SLOTS,
  TRIE_BYTES,
  TRIE6_BYTES,
} from "./layout.ts";

/** What a worker is handed: the shared buffers, nothing else. */
export interface ImageBuffers {
  readonly trie: SharedArrayBuffer;
  readonly trie6: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
}

export interface FibImage {
  readonly trie: Uint16Array;
  readonly trie6: Uint32Array;
  readonly words: Uint32Array;
}

export function createImage(arenaWords = DEFAULT_ARENA_WORDS): ImageBuffers {
  return {
    trie: new SharedArrayBuffer(TRIE_BYTES),
    trie6: new SharedArrayBuffer(TRIE6_BYTES),
    words: new SharedArrayBuffer((ARENA + arenaWords) * 4),
  };
}

export const openImage = (buffers: ImageBuffers): FibImage => ({
  trie: new Uint16Array(buffers.trie),
  trie6: new Uint32Array(buffers.trie6),
  words: new Uint32Array(buffers.words),
});

/** The group of the longest prefix that holds `address`, 0 if there is none. At most two loads, and one for the default. */
export function lookup({ trie, words }: Pick<FibImage, "trie" | "words">, address: Ipv4Address): number {
  let slot = trie[address >>> 8];
  if (slot & BLOCK_FLAG) slot = trie[DIRECT_SLOTS + (slot & ~BLOCK_FLAG) * BLOCK_SLOTS + (address & 0xff)];
  return slot === 0 ? words[HEADER.defaultGroup] : slot;
}

/** The same for the IPv6 address in the four words from `at` on: two loads a node, eight bits a node beyond the first. */
export function lookup6({ trie6, words }: FibImage, address: Uint32Array, at: number): number {
  let slot = (address[at] >>> 16) * 2;
  let group = words[HEADER.defaultGroup6];
  for (let bit = 16; ; bit += 8) {
    if (trie6[slot] !== 0) group = trie6[slot];
    const below = trie6[slot + 1];
    if (below === 0) return group;
    if (below >= LEAF6) return matchLeaf(words, below - LEAF6, address, at) ? words[below - LEAF6 + LEAF6_RECORD.group] : group;
    const byte = (address[at + (bit >>> 5)] >>> (24 - (bit & 31))) & 0xff;
    slot = (ROOT6_SLOTS + (below - 1) * NODE6_SLOTS + byte) * 2;
  }
}

function matchLeaf(words: Uint32Array, leaf: number, address: Uint32Array, at: number): boolean {
  const length = words[leaf + LEAF6_RECORD.length];
  for (let i = 0; i < 4; i++) {
    const bits = length - i * 32;
    if (bits <= 0) return true;
    const difference = words[leaf + LEAF6_RECORD.address + i] ^ address[at + i];
    if ((bits >= 32 ? difference : difference >>> (32 - bits)) !== 0) return false;
  }
  return true;
}

export const readGeneration = (image: FibImage): number => Atomics.load(image.words, HEADER.generation);

/** Said by worker `index` at the start of each breath: nothing older than this generation is in its hands any more. */
export function acknowledge(image: FibImage, index: number, generation: number): void {
  Atomics.store(image.words, HEADER.ack + index, generation);
}

export const readAcknowledged = (image: FibImage, index: number): number => Atomics.load(image.words, HEADER.ack + index);

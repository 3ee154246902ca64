/**
 * The FIB image itself: allocates it, hands it to workers, and looks things up in it. The memory is reserved whole and
 * touched only where used (the system gives zero pages on first touch), so a small table costs little.
 */
import type { Ipv4Address } from "../net/address.ts";
import { ARENA, BLOCK_FLAG, BLOCK_SLOTS, DEFAULT_ARENA_WORDS, DIRECT_SLOTS, HEADER, TRIE_BYTES } from "./layout.ts";

/** What a worker is handed: the shared buffers, nothing else. */
export interface ImageBuffers {
  readonly trie: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
}

export interface FibImage {
  readonly trie: Uint16Array;
  readonly words: Uint32Array;
}

export function createImage(arenaWords = DEFAULT_ARENA_WORDS): ImageBuffers {
  return { trie: new SharedArrayBuffer(TRIE_BYTES), words: new SharedArrayBuffer((ARENA + arenaWords) * 4) };
}

export const openImage = (buffers: ImageBuffers): FibImage => ({
  trie: new Uint16Array(buffers.trie),
  words: new Uint32Array(buffers.words),
});

/** The group of the longest prefix that holds `address`, 0 if there is none. At most two loads, and one for the default. */
export function lookup(image: FibImage, address: Ipv4Address): number {
  const { trie } = image;
  let slot = trie[address >>> 8];
  if (slot & BLOCK_FLAG) slot = trie[DIRECT_SLOTS + (slot & ~BLOCK_FLAG) * BLOCK_SLOTS + (address & 0xff)];
  return slot === 0 ? image.words[HEADER.defaultGroup] : slot;
}

export const readGeneration = (image: FibImage): number => Atomics.load(image.words, HEADER.generation);

/** Said by worker `index` at the start of each breath: nothing older than this generation is in its hands any more. */
export function acknowledge(image: FibImage, index: number, generation: number): void {
  Atomics.store(image.words, HEADER.ack + index, generation);
}

export const readAcknowledged = (image: FibImage, index: number): number => Atomics.load(image.words, HEADER.ack + index);

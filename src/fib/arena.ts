/**
 * The allocator of the image's records. Freed space is kept by size and used again only after a grace period: when every
 * worker has acknowledged a generation later than the one in which the record was replaced.
 */
import { ARENA } from "./layout.ts";

interface Retired {
  readonly offset: number;
  readonly words: number;
  readonly generation: number;
}

/** Sizes are rounded up, so that a group that grew by a member leaves space that its neighbor can use. */
const roundSize = (words: number): number => (words <= 8 ? 8 : 1 << (32 - Math.clz32(words - 1)));

export interface Arena {
  /** Offset of `words` free words, or undefined when the image is full. */
  allocate(words: number): number | undefined;
  /** The record at `offset` was replaced by what generation `generation` publishes. */
  retire(offset: number, words: number, generation: number): void;
  /** Every worker is at `generation` or later. */
  reclaim(generation: number): void;
  readonly usedWords: number;
}

export function createArena(totalWords: number): Arena {
  const free = new Map<number, number[]>();
  let retired: Retired[] = [];
  let next = ARENA;
  let used = 0;
  return {
    allocate(words) {
      const size = roundSize(words);
      const reused = free.get(size)?.pop();
      if (reused === undefined && next + size > totalWords) return undefined;
      used += size;
      if (reused !== undefined) return reused;
      next += size;
      return next - size;
    },
    retire(offset, words, generation) {
      retired.push({ offset, words: roundSize(words), generation });
    },
    reclaim(generation) {
      const kept: Retired[] = [];
      for (const record of retired) {
        if (record.generation > generation) {
          kept.push(record);
          continue;
        }
        used -= record.words;
        const list = free.get(record.words);
        if (list) list.push(record.offset);
        else free.set(record.words, [record.offset]);
      }
      retired = kept;
    },
    get usedWords() {
      return used;
    },
  };
}

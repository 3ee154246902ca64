/**
 * When each bucket of a group was last used, for selectors with timers (`Selector.timed`). Workers write the time of day of
 * the image's header into a bucket's word at each packet; here the words become ages. They are memory of their own beside the
 * group's record, because records are replaced and the past of a bucket is not.
 *
 *   header  clock, in tenths of a second from 1 on
 *   block   used 0 .. used count-1: the clock at the bucket's last packet; 0: none since the bucket moved
 *
 * As net/ipv4/nexthop.c has it, a bucket that was not used since it moved is idle.
 */
import type { BucketActivity, SelectionTable } from "../ecmp/table.ts";
import type { Arena } from "./arena.ts";
import { HEADER } from "./layout.ts";

export const CLOCK_TICK_MS = 100;
const TICKS_PER_SECOND = 1000 / CLOCK_TICK_MS;

interface Block {
  readonly offset: number;
  readonly buckets: number;
  /** Since when the table is uneven, as ticks; undefined: it is even. */
  unevenSince: number | undefined;
}

/** By a group's number. */
export interface Activity {
  /** The time, for the workers and for the ages. Called every CLOCK_TICK_MS. */
  tick(nowMs: number): void;
  /**
   * Where the words of this group's buckets are; made where there are none for so many, with the past of `from`, the group
   * that this one's flows come from. Undefined: the image is full.
   */
  blockOf(id: number, buckets: number, from: number | undefined): number | undefined;
  /** For a selector's `fill`: undefined of a group that has no words yet. */
  read(id: number): BucketActivity | undefined;
  /** Buckets whose owner is another than before have not been used by it; `isEven` starts or stops the time of unevenness. */
  note(id: number, before: SelectionTable | undefined, after: SelectionTable, isEven: boolean): void;
  isUneven(id: number): boolean;
  retire(id: number, generation: number): void;
}

export function createActivity(words: Uint32Array, arena: Arena): Activity {
  const blocks = new Map<number, Block>();
  const now = (): number => words[HEADER.clock];

  const drop = (id: number, generation: number): void => {
    const block = blocks.get(id);
    if (block) arena.retire(block.offset, block.buckets, generation);
    blocks.delete(id);
  };

  return {
    tick(nowMs) {
      Atomics.store(words, HEADER.clock, Math.floor(nowMs / CLOCK_TICK_MS) + 1);
    },
    blockOf(id, buckets, from) {
      const known = blocks.get(id);
      if (known?.buckets === buckets) return known.offset;
      const offset = arena.allocate(buckets);
      if (offset === undefined) return undefined;
      const past = from === undefined ? undefined : blocks.get(from);
      if (past?.buckets === buckets) words.copyWithin(offset, past.offset, past.offset + buckets);
      // What is not known to be idle is taken for busy.
      else words.fill(from === undefined ? 0 : now(), offset, offset + buckets);
      blocks.set(id, { offset, buckets, unevenSince: past?.buckets === buckets ? past.unevenSince : undefined });
      return offset;
    },
    read(id) {
      const block = blocks.get(id);
      if (!block) return undefined;
      const { offset, buckets, unevenSince } = block;
      const idleSeconds = Float64Array.from(words.subarray(offset, offset + buckets), (used) =>
        used === 0 ? Number.POSITIVE_INFINITY : Math.max(0, now() - used) / TICKS_PER_SECOND,
      );
      return { idleSeconds, unbalancedSeconds: unevenSince === undefined ? 0 : (now() - unevenSince) / TICKS_PER_SECOND };
    },
    note(id, before, after, isEven) {
      const block = blocks.get(id);
      if (!block) return;
      const ownerOf = (table: SelectionTable | undefined, bucket: number) => table?.members[table.owners[bucket]]?.address;
      if (before?.owners.length === after.owners.length) {
        for (let bucket = 0; bucket < block.buckets; bucket++) {
          if (ownerOf(before, bucket) !== ownerOf(after, bucket)) words[block.offset + bucket] = 0;
        }
      }
      if (isEven) block.unevenSince = undefined;
      else block.unevenSince ??= now();
    },
    isUneven: (id) => blocks.get(id)?.unevenSince !== undefined,
    retire: drop,
  };
}

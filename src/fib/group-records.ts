/**
 * The group records of the image (`layout.ts`): which next hops each bucket or range of a group leads to. For `fib.ts`. A record
 * is written whole, then the group's one word points to it, and the one before is left to the arena's grace period. It holds
 * its next hops for as long as it is in force, so that their indexes stay theirs.
 */
import type { Arena } from "./arena.ts";
import { GROUP_RECORD, GROUPS, REDUCTION } from "./layout.ts";
import type { Adjacency, NextHopName, NextHops } from "./next-hops.ts";

/** How a hash finds its owner, and what of it stands behind the owners. */
export interface Reduction {
  readonly reduction: number;
  readonly tail: ArrayLike<number>;
}
export const PLAIN_BUCKETS: Reduction = { reduction: REDUCTION.buckets, tail: [] };

export interface GroupContent {
  readonly names: readonly NextHopName[];
  /** What a next hop that no other group has is at first. */
  initial(name: NextHopName): Adjacency;
  /** For each bucket or range, which of the names. */
  readonly owners: ArrayLike<number>;
  readonly reduction: Reduction;
}

export interface GroupRecords {
  /** False when the image has no room: the group is what it was. */
  write(id: number, content: GroupContent): boolean;
  /** The group's word leads nowhere. */
  clear(id: number): void;
  /** Words written since the start, the groups' own included. */
  readonly wordsWritten: number;
}

export function createGroupRecords(
  words: Uint32Array,
  arena: Arena,
  nextHops: NextHops,
  nextGeneration: () => number,
): GroupRecords {
  const records = new Map<number, { offset: number; words: number; held: readonly NextHopName[] }>();
  let wordsWritten = 0;

  const retire = (id: number): void => {
    const record = records.get(id);
    if (!record) return;
    arena.retire(record.offset, record.words, nextGeneration());
    release(record.held);
    records.delete(id);
  };

  const release = (names: readonly NextHopName[]): void => {
    for (const name of names) nextHops.release(name);
  };

  /** Holds all of them or, when the image has no room, none. */
  const holdAll = ({ names, initial }: GroupContent): number[] | undefined => {
    const indexes: number[] = [];
    for (const name of names) {
      const index = nextHops.hold(name, initial(name));
      if (index === undefined) {
        release(names.slice(0, indexes.length));
        return undefined;
      }
      indexes.push(index);
    }
    return indexes;
  };

  return {
    write(id, content) {
      const { names, owners, reduction } = content;
      const indexes = holdAll(content);
      if (!indexes) return false;
      const tailAt = GROUP_RECORD.owners + owners.length;
      const size = tailAt + reduction.tail.length;
      const offset = arena.allocate(size);
      if (offset === undefined) {
        release(names);
        return false;
      }
      words[offset + GROUP_RECORD.reduction] = reduction.reduction;
      words[offset + GROUP_RECORD.count] = owners.length;
      for (let i = 0; i < owners.length; i++) words[offset + GROUP_RECORD.owners + i] = indexes[owners[i]];
      words.set(reduction.tail, offset + tailAt);
      Atomics.store(words, GROUPS + id, offset);
      wordsWritten += size + 1;
      retire(id);
      records.set(id, { offset, words: size, held: names });
      return true;
    },
    clear(id) {
      Atomics.store(words, GROUPS + id, 0);
      retire(id);
    },
    get wordsWritten() {
      return wordsWritten;
    },
  };
}

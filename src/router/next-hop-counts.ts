/**
 * What went to each next hop, by its name. Workers count by index, and a next hop that no group names for a while (its interface
 * is deleted, say, and made again) comes back with another index, or with its own after somebody else has had it. So what an
 * index counts is its last holder's, until another gets it: what was on its way when the holder let go of it is counted, too.
 */
import type { NextHopName } from "../fib/next-hops.ts";

export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** Next hops that are gone, and whose counts go on if they come back; of more, those that let go first begin at zero. */
const REMEMBERED = 0x4000;

const NOTHING: Count = { packets: 0, bytes: 0 };
const sum = (a: Count, b: Count): Count => ({ packets: a.packets + b.packets, bytes: a.bytes + b.bytes });
const difference = (a: Count, b: Count): Count => ({ packets: a.packets - b.packets, bytes: a.bytes - b.bytes });

export type NextHopCounts = ReturnType<typeof createNextHopCounts>;

/** `read`: what the workers have counted for an index since their start. */
export function createNextHopCounts(read: (index: number) => Count) {
  /** By index: who had it last, and from where on. */
  const holders = new Map<number, { readonly name: NextHopName; readonly base: Count }>();
  /** By name: under indexes that are others' now. */
  const before = new Map<NextHopName, Count>();
  const indexes = new Map<NextHopName, Set<number>>();

  const leave = (index: number): void => {
    const holder = holders.get(index);
    if (!holder) return;
    const { name, base } = holder;
    const counted = sum(before.get(name) ?? NOTHING, difference(read(index), base));
    before.delete(name);
    before.set(name, counted);
    const own = indexes.get(name);
    own?.delete(index);
    if (own?.size === 0) indexes.delete(name);
    if (before.size > REMEMBERED) before.delete(before.keys().next().value as NextHopName);
  };

  return {
    /** The next hop has this index from now on. */
    give(index: number, name: NextHopName): void {
      leave(index);
      holders.set(index, { name, base: read(index) });
      const own = indexes.get(name) ?? new Set();
      indexes.set(name, own.add(index));
    },

    of(name: NextHopName): Count {
      const own = Array.from(indexes.get(name) ?? [], (index) => difference(read(index), holders.get(index)?.base ?? NOTHING));
      return own.reduce(sum, before.get(name) ?? NOTHING);
    },
  };
}

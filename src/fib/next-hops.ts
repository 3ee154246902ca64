/**
 * The next-hop table of the image: each next hop has an index for as long as a group names it, and a record that is
 * replaced, never changed, when its neighbor is resolved, moves or goes. Groups keep indexes, so a MAC that moves costs one
 * word whatever the number of groups and prefixes behind it.
 */
import type { Address } from "../net/address.ts";
import { type Mac, macHigh, macLow } from "../net/mac.ts";
import type { Arena } from "./arena.ts";
import { MAXIMUM_NEXT_HOPS, NEXT_HOP_KIND, NEXT_HOP_RECORD, NEXT_HOP_RECORD_WORDS, NEXT_HOPS } from "./layout.ts";

/** What a packet to this next hop meets. */
export type Adjacency =
  | { readonly kind: "blackhole" | "local" | "unreachable" }
  | { readonly kind: "attached" | "incomplete"; readonly port: number }
  | { readonly kind: "reachable"; readonly port: number; readonly destination: Mac; readonly source: Mac; readonly mtu: number };

/** Next hops are named by their address, or by what they are where they have none ("local", "attached:0"). */
export type NextHopName = Address | `local` | `blackhole` | `unreachable` | `attached:${number}`;

export interface NextHops {
  /** The index of `name`, made with `initial` if new, and held until `release`. Undefined: the table or the image is full. */
  hold(name: NextHopName, initial: Adjacency): number | undefined;
  release(name: NextHopName): void;
  /** Gives a held next hop another adjacency; unknown names are not an error: nobody routes there. */
  set(name: NextHopName, adjacency: Adjacency): void;
  indexOf(name: NextHopName): number | undefined;
  nameOf(index: number): NextHopName | undefined;
  names(): Iterable<NextHopName>;
  reclaim(generation: number): void;
}

interface Entry {
  readonly index: number;
  holders: number;
  offset: number;
}

export function createNextHops(
  words: Uint32Array,
  arena: Arena,
  nextGeneration: () => number,
  onIndex: (index: number, name: NextHopName) => void = () => {},
): NextHops {
  const entries = new Map<NextHopName, Entry>();
  const namesByIndex: (NextHopName | undefined)[] = [];
  const freeIndexes: number[] = [];
  let retiredIndexes: { index: number; generation: number }[] = [];

  const writeRecord = (name: NextHopName, adjacency: Adjacency): number | undefined => {
    const offset = arena.allocate(NEXT_HOP_RECORD_WORDS);
    if (offset === undefined) return undefined;
    words.fill(0, offset, offset + NEXT_HOP_RECORD_WORDS);
    words[offset + NEXT_HOP_RECORD.kind] = NEXT_HOP_KIND[adjacency.kind];
    if (typeof name === "number") words[offset + NEXT_HOP_RECORD.address] = name;
    if ("port" in adjacency) words[offset + NEXT_HOP_RECORD.port] = adjacency.port;
    if (adjacency.kind === "reachable") {
      words[offset + NEXT_HOP_RECORD.destinationHigh] = macHigh(adjacency.destination);
      words[offset + NEXT_HOP_RECORD.destinationLow] = macLow(adjacency.destination);
      words[offset + NEXT_HOP_RECORD.sourceHigh] = macHigh(adjacency.source);
      words[offset + NEXT_HOP_RECORD.sourceLow] = macLow(adjacency.source);
      words[offset + NEXT_HOP_RECORD.mtu] = adjacency.mtu;
    }
    return offset;
  };

  const point = (index: number, offset: number): void => void Atomics.store(words, NEXT_HOPS + index, offset);

  return {
    hold(name, initial) {
      const known = entries.get(name);
      if (known) {
        known.holders++;
        return known.index;
      }
      const index = freeIndexes.pop() ?? (namesByIndex.length < MAXIMUM_NEXT_HOPS ? namesByIndex.length : undefined);
      const offset = index === undefined ? undefined : writeRecord(name, initial);
      if (index === undefined || offset === undefined) return undefined;
      namesByIndex[index] = name;
      onIndex(index, name);
      entries.set(name, { index, holders: 1, offset });
      point(index, offset);
      return index;
    },
    release(name) {
      const entry = entries.get(name);
      if (!entry || --entry.holders > 0) return;
      entries.delete(name);
      namesByIndex[entry.index] = undefined;
      arena.retire(entry.offset, NEXT_HOP_RECORD_WORDS, nextGeneration());
      retiredIndexes.push({ index: entry.index, generation: nextGeneration() });
    },
    set(name, adjacency) {
      const entry = entries.get(name);
      const offset = entry && writeRecord(name, adjacency);
      if (!entry || offset === undefined) return;
      arena.retire(entry.offset, NEXT_HOP_RECORD_WORDS, nextGeneration());
      entry.offset = offset;
      point(entry.index, offset);
    },
    indexOf: (name) => entries.get(name)?.index,
    nameOf: (index) => namesByIndex[index],
    names: () => entries.keys(),
    reclaim(generation) {
      for (const entry of retiredIndexes) if (entry.generation <= generation) freeIndexes.push(entry.index);
      retiredIndexes = retiredIndexes.filter((entry) => entry.generation > generation);
    },
  };
}

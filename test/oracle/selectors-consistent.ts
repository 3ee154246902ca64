/**
 * AnchorHash a second way, as the paper explains it before it makes it small: every removal keeps the whole set of places
 * that worked right after it, and a key draws from that set. Nothing of the product is imported but the mixer, which decides
 * nothing of the algorithm.
 */
import { scramble } from "#src/ecmp/select/scatter.ts";

export interface SlowAnchor {
  pick(key: number): number;
  add(): void;
  remove(place: number): void;
}

export function createSlowAnchor(capacity: number, count: number): SlowAnchor {
  let working = Array.from({ length: capacity }, (_, place) => place);
  const removals: { place: number; set: number[]; before: number[] }[] = [];
  /** The set after a removal: the removed place's seat is taken by the last of the set. */
  const remove = (place: number): void => {
    const before = working;
    const set = [...before];
    const last = set.pop() as number;
    if (last !== place) set[set.indexOf(place)] = last;
    working = set;
    removals.push({ place, set, before });
  };
  for (let place = capacity - 1; place >= count; place--) remove(place);
  return {
    pick(key) {
      let hash = scramble(key);
      let place = hash % capacity;
      for (;;) {
        const removal = removals.find((one) => one.place === place);
        if (!removal) return place;
        hash = scramble(hash ^ scramble(place + 1));
        place = removal.set[hash % removal.set.length];
      }
    },
    remove,
    add() {
      const last = removals.pop();
      if (last) working = last.before;
    },
  };
}

/** The rank of the first point on a circle at or after the hash; points may come in any order. */
export function slowRing(points: readonly { readonly at: number; readonly name: string }[], hash: number): string {
  const sorted = [...points].sort((a, b) => a.at - b.at);
  return (sorted.find(({ at }) => at >= hash) ?? sorted[0]).name;
}

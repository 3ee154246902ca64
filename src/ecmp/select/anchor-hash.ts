/**
 * AnchorHash (Mendelson, Vargaftik, Barabash, Lorenz, Keslassy and Orda, IEEE/ACM Transactions on Networking 2021): minimal
 * movement for departures in any order, from four arrays of numbers. There are `capacity` places; some work, the others have
 * been removed, in an order that is remembered. A key walks from place to place, each hash drawing among the places that
 * worked when the one before was removed, until it meets a working one. Adding takes back the place that was removed last.
 *
 *   removed[b]      how many places worked right after b was removed; 0 while b works
 *   working[i]      the working places, then the others in the order of removal
 *   whereIs[b]      where b stands in `working`
 *   successor[b]    who took over b's place in `working`
 *
 * The walk also tells whether a key is at risk: whether it would go elsewhere if some of the next `horizon` places were added.
 * That is all that JET needs to know (`experiment/tracking.ts`).
 */
import { scramble } from "./scatter.ts";

export interface AnchorHash {
  /** How many places work. */
  readonly count: number;
  /** The working place of a 32-bit key. */
  pick(key: number): number;
  /** Whether an addition among the next `horizon` could take the key away. */
  isAtRisk(key: number, horizon: number): boolean;
  /** Adds the place that was removed last, and returns it. */
  add(): number;
  remove(place: number): void;
}

/** Places 0 to `count` - 1 work at first; the others count as removed, the last one first. */
export function createAnchorHash(capacity: number, count: number): AnchorHash {
  const numbers = (): Uint32Array => Uint32Array.from({ length: capacity }, (_, place) => place);
  const [working, whereIs, successor] = [numbers(), numbers(), numbers()];
  const removed = Uint32Array.from({ length: capacity }, (_, place) => (place < count ? 0 : place));
  const removals = Array.from({ length: capacity - count }, (_, i) => capacity - 1 - i);
  let size = count;

  /** The place after `place` on a key's walk; `hash` is the key's so far. */
  const step = (place: number, hash: number): number => {
    let next = hash % removed[place];
    while (removed[next] >= removed[place]) next = successor[next];
    return next;
  };
  const rehash = (hash: number, place: number): number => scramble(hash ^ scramble(place + 1));

  return {
    get count() {
      return size;
    },
    pick(key) {
      let hash = scramble(key);
      let place = hash % capacity;
      while (removed[place] > 0) {
        hash = rehash(hash, place);
        place = step(place, hash);
      }
      return place;
    },
    isAtRisk(key, horizon) {
      let hash = scramble(key);
      let place = hash % capacity;
      while (removed[place] > 0) {
        if (removed[place] < size + horizon) return true;
        hash = rehash(hash, place);
        place = step(place, hash);
      }
      return false;
    },
    add() {
      const place = removals.pop();
      if (place === undefined) throw new RangeError(`Cannot add a place: all ${capacity} work`);
      removed[place] = 0;
      whereIs[working[size]] = size;
      working[whereIs[place]] = place;
      successor[place] = place;
      size++;
      return place;
    },
    remove(place) {
      if (size < 2 || removed[place] !== 0) throw new RangeError(`Cannot remove place ${place}: wanted a working one of several`);
      size--;
      removals.push(place);
      removed[place] = size;
      successor[place] = working[size];
      working[whereIs[place]] = working[size];
      whereIs[working[size]] = whereIs[place];
    },
  };
}

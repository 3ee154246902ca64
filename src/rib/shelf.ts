/**
 * Things that are found again by a hash of what they are: those of one hash hang together in a chain. The shelf of the paths
 * and of the sets in `path.ts`. A hash is no secret, so a peer may find many things of one; of those only the newest are
 * found, the others are just not shared, and a search never takes longer than that.
 */

export interface Shelved {
  hash: number;
  /** The next one of the same hash, for the shelf alone. */
  next: Shelved | undefined;
}

export interface Shelf<Item extends Shelved> {
  find(hash: number, isWanted: (item: Item) => boolean): Item | undefined;
  /** Its hash must not change as long as it is here. */
  add(item: Item): void;
  /** What is not here stays away. */
  remove(item: Item): void;
}

/** Chains of more than one are rare; a longer one than this is made on purpose. */
const LONGEST_CHAIN = 16;

export function createShelf<Item extends Shelved>(): Shelf<Item> {
  const chains = new Map<number, Item>();
  return {
    find(hash, isWanted) {
      for (let item = chains.get(hash); item; item = item.next as Item | undefined) if (isWanted(item)) return item;
      return undefined;
    },
    add(item) {
      item.next = chains.get(item.hash);
      chains.set(item.hash, item);
      let last: Shelved | undefined = item;
      for (let length = 1; last && length < LONGEST_CHAIN; length++) last = last.next;
      if (last) last.next = undefined;
    },
    remove(item) {
      const first = chains.get(item.hash);
      const { next } = item;
      item.next = undefined;
      if (first === item) {
        if (next) chains.set(item.hash, next as Item);
        else chains.delete(item.hash);
        return;
      }
      for (let before: Shelved | undefined = first; before; before = before.next) if (before.next === item) before.next = next;
    },
  };
}

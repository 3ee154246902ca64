/**
 * A table of numbers by number with room for so many, which forgets the least recently used: what a load balancer keeps its
 * connections in. A Map alone would do, were it not that its oldest key is found behind all keys that were deleted before.
 *
 *   oldest ─▶ slot ⇄ slot ⇄ slot ◀─ newest       unused slots are a list too, by `later`
 */
export interface RecentlyUsed {
  readonly size: number;
  /** Its value; the key counts as used now. */
  get(key: number): number | undefined;
  set(key: number, value: number): void;
  delete(key: number): void;
}

const NONE = -1;

export function createRecentlyUsed(capacity: number): RecentlyUsed {
  const slots = new Map<number, number>();
  const keys = new Float64Array(capacity);
  const values = new Float64Array(capacity);
  const earlier = new Int32Array(capacity).fill(NONE);
  const later = Int32Array.from({ length: capacity }, (_, slot) => (slot + 1 < capacity ? slot + 1 : NONE));
  let unused = 0;
  let oldest = NONE;
  let newest = NONE;

  const unlink = (slot: number): void => {
    if (earlier[slot] === NONE) oldest = later[slot];
    else later[earlier[slot]] = later[slot];
    if (later[slot] === NONE) newest = earlier[slot];
    else earlier[later[slot]] = earlier[slot];
  };
  const append = (slot: number): void => {
    earlier[slot] = newest;
    later[slot] = NONE;
    if (newest === NONE) oldest = slot;
    else later[newest] = slot;
    newest = slot;
  };
  const remove = (key: number): void => {
    const slot = slots.get(key);
    if (slot === undefined) return;
    slots.delete(key);
    unlink(slot);
    later[slot] = unused;
    unused = slot;
  };

  return {
    get size() {
      return slots.size;
    },
    get(key) {
      const slot = slots.get(key);
      if (slot === undefined) return undefined;
      unlink(slot);
      append(slot);
      return values[slot];
    },
    set(key, value) {
      remove(key);
      if (unused === NONE) remove(keys[oldest]);
      const slot = unused;
      unused = later[slot];
      keys[slot] = key;
      values[slot] = value;
      slots.set(key, slot);
      append(slot);
    },
    delete: remove,
  };
}

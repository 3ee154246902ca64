/**
 * Prefixes to numbers, for a million of them: IPv4 in an open-addressed table of two words a slot, at most three quarters
 * full, IPv6 in a Map. A Map for both costs ten times that. The number 0 stands for "not there".
 *
 *   slot:  address (32 bits) | number (26) length (6)     linear probing; a deletion shifts the rest of its run back
 *
 * What a lookup costs here is the cache line that it misses. So eight neighboring prefixes of one length, which often come in one
 * UPDATE, lie in one line; and the place of these eight is the upper end of their hash, so that a table of twice the size has
 * them in the same order, and is filled from one end to the other.
 */
import { isIpv4 } from "./address.ts";
import { type Prefix, prefixKey } from "./prefix.ts";

export interface PrefixTable {
  get(prefix: Prefix): number;
  /** 0 deletes. */
  set(prefix: Prefix, number: number): void;
  readonly size: number;
  /** In no order, those whose numbers are wanted. The numbers may be changed meanwhile; nothing may be deleted. */
  forEach(visit: (prefix: Prefix, number: number) => void, isWanted?: (number: number) => boolean): void;
  /** One at a time: the walk before ends here. */
  walk(): PrefixWalk;
}

/**
 * A way through all prefixes in pieces, between which the table may change as it likes; within one, as for `forEach`. Looks at so
 * many places, and says how many of them it did not need: 0, then there are more. What is there all the time is met at least once.
 */
export type PrefixWalk = (
  places: number,
  visit: (prefix: Prefix, number: number) => void,
  isWanted: (number: number) => boolean,
) => number;

const LARGEST_NUMBER = (1 << 26) - 1;

const SMALLEST_CAPACITY = 1024;
const NUMBER_SHIFT = 6;
const LENGTH_MASK = (1 << NUMBER_SHIFT) - 1;
const FREE = 0;
/** Eight slots. */
const LINE_SHIFT = 3;

export function createPrefixTable(): PrefixTable {
  const ipv6 = new Map<number | string, { readonly prefix: Prefix; number: number }>();
  let capacity = SMALLEST_CAPACITY;
  let used = 0;
  let words = new Uint32Array(2 * capacity);
  /** What the walk has not met yet lies from here on, as nothing ever lies before its home but around the end. */
  let cursor = 0;
  /** Of a hash, beyond those that say which line. */
  let unusedBits = Math.clz32(capacity - 1) + LINE_SHIFT;

  /** Where the slot begins in which a search for the prefix begins. */
  const home = (address: number, length: number): number => {
    const ordinal = length === 0 ? 0 : address >>> (32 - length);
    const line = (ordinal >>> LINE_SHIFT) ^ Math.imul(length, 0x85ebca6b);
    const mixed = Math.imul(line ^ (line >>> 16), 0x9e3779b1);
    return 2 * (((mixed >>> unusedBits) << LINE_SHIFT) | (ordinal & ((1 << LINE_SHIFT) - 1)));
  };

  const next = (slot: number): number => (slot + 2) & (2 * capacity - 1);

  /** The slot of the prefix, or the free one where it belongs. */
  const find = (address: number, length: number): number => {
    let slot = home(address, length);
    for (let held = words[slot + 1]; held !== FREE; held = words[slot + 1]) {
      if (words[slot] === address && (held & LENGTH_MASK) === length) break;
      slot = next(slot);
    }
    return slot;
  };

  const grow = (): void => {
    const before = words;
    capacity *= 2;
    unusedBits--;
    words = new Uint32Array(2 * capacity);
    // All lies elsewhere now, and some of it perhaps around the end.
    cursor = 0;
    for (let slot = 0; slot < before.length; slot += 2) {
      const held = before[slot + 1];
      if (held === FREE) continue;
      const to = find(before[slot], held & LENGTH_MASK);
      words[to] = before[slot];
      words[to + 1] = held;
    }
  };

  /** What probed past the hole moves into it, so that no search ends too early. */
  const closeHole = (start: number): void => {
    let hole = start;
    for (let slot = next(hole); words[slot + 1] !== FREE; slot = next(slot)) {
      const distance = (slot - home(words[slot], words[slot + 1] & LENGTH_MASK)) & (2 * capacity - 1);
      if (distance < ((slot - hole) & (2 * capacity - 1))) continue;
      words[hole] = words[slot];
      words[hole + 1] = words[slot + 1];
      if (hole < cursor && slot >= cursor) cursor = hole;
      hole = slot;
    }
    words[hole + 1] = FREE;
  };

  const setIpv4 = (address: number, length: number, number: number): void => {
    const slot = find(address, length);
    const isNew = words[slot + 1] === FREE;
    if (number === 0) {
      if (isNew) return;
      used--;
      closeHole(slot);
      return;
    }
    words[slot] = address;
    words[slot + 1] = (number << NUMBER_SHIFT) | length;
    if (isNew && ++used * 4 > capacity * 3) grow();
  };

  return {
    get({ address, length }) {
      if (isIpv4(address)) return words[find(address, length) + 1] >>> NUMBER_SHIFT;
      return ipv6.get(prefixKey({ address, length }))?.number ?? 0;
    },
    set(prefix, number) {
      const { address, length } = prefix;
      if (number > LARGEST_NUMBER) throw new RangeError(`prefix table: the number ${number}, at most ${LARGEST_NUMBER} wanted`);
      if (isIpv4(address)) return setIpv4(address, length, number);
      const held = ipv6.get(prefixKey(prefix));
      if (number === 0) ipv6.delete(prefixKey(prefix));
      else if (held) held.number = number;
      // What came from the wire may have more to it than a prefix.
      else ipv6.set(prefixKey(prefix), { prefix: { address, length }, number });
    },
    get size() {
      return used + ipv6.size;
    },
    forEach(visit, isWanted = () => true) {
      for (let slot = 0; slot < words.length; slot += 2) {
        const number = words[slot + 1] >>> NUMBER_SHIFT;
        if (number === 0 || !isWanted(number)) continue;
        visit({ address: words[slot], length: words[slot + 1] & LENGTH_MASK }, number);
      }
      for (const { prefix, number } of ipv6.values()) if (isWanted(number)) visit(prefix, number);
    },
    walk() {
      cursor = 0;
      const others = ipv6.values();
      return (places, visit, isWanted) => {
        let left = places;
        for (; cursor < words.length && left > 0; left--) {
          const [address, held] = [words[cursor], words[cursor + 1]];
          cursor += 2;
          const number = held >>> NUMBER_SHIFT;
          if (number !== 0 && isWanted(number)) visit({ address, length: held & LENGTH_MASK }, number);
        }
        for (; left > 0; left--) {
          const { done, value } = others.next();
          if (done) break;
          if (isWanted(value.number)) visit(value.prefix, value.number);
        }
        return left;
      };
    },
  };
}

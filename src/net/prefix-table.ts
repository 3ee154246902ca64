/**
 * Prefixes to numbers, for a million of them: IPv4 in rows of eight neighbors of one length, which often come in one UPDATE,
 * IPv6 in a Map. A Map for both costs ten times that. The number 0 stands for "not there".
 *
 *   prefix:   its number in the tree of all prefixes, 2^length + the bits of the address: 0/0 is 1, 0/1 2, 128/1 3, 0/2 4 ...
 *   name:     that number without its last three bits, which are the place in the row
 *   slots:    name --hash, linear probing--> row; at most half of them are taken, and a deletion shifts the rest of a run back
 *   rows:     eight numbers each, in order of arrival; one that is empty is used again
 *
 * What is looked up costs the cache lines that it misses, so the row of the last one is remembered. A prefix among neighbors
 * costs 6 bytes, one that is alone in its row 44. Where rows lie is by a seed, as peers could otherwise name prefixes that all
 * begin their search in one slot.
 */
import { isIpv4 } from "./address.ts";
import { type Prefix, prefixKey } from "./prefix.ts";
import { entropySeed } from "./random.ts";

export interface PrefixTable {
  get(prefix: Prefix): number;
  /** 0 deletes. */
  set(prefix: Prefix, number: number): void;
  readonly size: number;
  /** In no order, those whose numbers are wanted. The numbers may be changed meanwhile. */
  forEach(visit: (prefix: Prefix, number: number) => void, isWanted?: (number: number) => boolean): void;
  walk(): PrefixWalk;
}

/**
 * A way through all prefixes in pieces, within and between which the table may change as it likes. Looks at so many places, and
 * says how many of them it did not need: 0, then there are more. What is there all the time is met once.
 */
export type PrefixWalk = (
  places: number,
  visit: (prefix: Prefix, number: number) => void,
  isWanted: (number: number) => boolean,
) => number;

const LARGEST_NUMBER = 0xffffffff;

const SMALLEST_CAPACITY = 128;
/** Bits of a place in a row of eight. */
const ROW_SHIFT = 3;
const ROW_SIZE = 1 << ROW_SHIFT;
/** Holds nothing, so that what has no row has the number 0. */
const NO_ROW = 0;
const NO_NAME = -1;

/** Of the prefix's bits, those of `length`. */
const nameOf = (bits: number, length: number): number =>
  length < ROW_SHIFT ? 0 : (1 << (length - ROW_SHIFT)) | (bits >>> ROW_SHIFT);

const placeOf = (bits: number, length: number): number => (length < ROW_SHIFT ? (1 << length) | bits : bits & (ROW_SIZE - 1));

function prefixAt(name: number, place: number): Prefix {
  const length = name === 0 ? 31 - Math.clz32(place) : 31 - Math.clz32(name) + ROW_SHIFT;
  // What is shifted out is the one in front.
  return { address: length === 0 ? 0 : (((name << ROW_SHIFT) | place) << (32 - length)) >>> 0, length };
}

export function createPrefixTable(seed = entropySeed()): PrefixTable {
  const ipv6 = new Map<number | string, { readonly prefix: Prefix; number: number }>();
  let size = 0;
  /** Rows that there is room for, and those that were ever in use. */
  let capacity = SMALLEST_CAPACITY;
  let rows = NO_ROW + 1;
  let names = new Uint32Array(capacity);
  let numbers = new Uint32Array(ROW_SIZE * capacity);
  let slots = new Uint32Array(2 * capacity);
  const emptyRows: number[] = [];
  let lastName = NO_NAME;
  let lastRow = NO_ROW;

  const homeOf = (name: number): number => {
    let mixed = Math.imul(name ^ seed, 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) & (slots.length - 1);
  };

  const next = (slot: number): number => (slot + 1) & (slots.length - 1);

  /** The slot of the row of that name, or the free one where it belongs. */
  const slotOf = (name: number): number => {
    let slot = homeOf(name);
    for (let row = slots[slot]; row !== NO_ROW && names[row] !== name; row = slots[slot]) slot = next(slot);
    return slot;
  };

  const rowOf = (name: number): number => {
    if (name === lastName) return lastRow;
    lastName = name;
    lastRow = slots[slotOf(name)];
    return lastRow;
  };

  const grow = (): void => {
    capacity *= 2;
    const [namesBefore, numbersBefore] = [names, numbers];
    names = new Uint32Array(capacity);
    names.set(namesBefore);
    numbers = new Uint32Array(ROW_SIZE * capacity);
    numbers.set(numbersBefore);
    slots = new Uint32Array(2 * capacity);
    // None of them is empty: then there would have been room.
    for (let row = NO_ROW + 1; row < rows; row++) slots[slotOf(names[row])] = row;
  };

  const addRow = (name: number): number => {
    if (emptyRows.length === 0 && rows === capacity) grow();
    const row = emptyRows.pop() ?? rows++;
    names[row] = name;
    slots[slotOf(name)] = row;
    lastName = name;
    lastRow = row;
    return row;
  };

  /** What probed past the hole moves into it, so that no search ends too early. */
  const removeRow = (row: number): void => {
    let hole = slotOf(names[row]);
    for (let slot = next(hole); slots[slot] !== NO_ROW; slot = next(slot)) {
      const distance = (slot - homeOf(names[slots[slot]])) & (slots.length - 1);
      if (distance < ((slot - hole) & (slots.length - 1))) continue;
      slots[hole] = slots[slot];
      hole = slot;
    }
    slots[hole] = NO_ROW;
    emptyRows.push(row);
    lastName = NO_NAME;
  };

  const isEmpty = (row: number): boolean => {
    for (let at = ROW_SIZE * row; at < ROW_SIZE * (row + 1); at++) if (numbers[at] !== 0) return false;
    return true;
  };

  const setIpv4 = (address: number, length: number, number: number): void => {
    const bits = length === 0 ? 0 : address >>> (32 - length);
    const name = nameOf(bits, length);
    let row = rowOf(name);
    if (row === NO_ROW) {
      if (number === 0) return;
      row = addRow(name);
    }
    const at = ROW_SIZE * row + placeOf(bits, length);
    const isNew = numbers[at] === 0;
    numbers[at] = number;
    if (number !== 0) size += Number(isNew);
    else if (!isNew) {
      size--;
      if (isEmpty(row)) removeRow(row);
    }
  };

  const getIpv4 = (address: number, length: number): number => {
    const bits = length === 0 ? 0 : address >>> (32 - length);
    return numbers[ROW_SIZE * rowOf(nameOf(bits, length)) + placeOf(bits, length)];
  };

  const walk = (): PrefixWalk => {
    let at = ROW_SIZE * (NO_ROW + 1);
    const others = ipv6.values();
    return (places, visit, isWanted) => {
      let left = places;
      for (; at < ROW_SIZE * rows && left > 0; left--, at++) {
        const number = numbers[at];
        if (number !== 0 && isWanted(number)) visit(prefixAt(names[at >>> ROW_SHIFT], at & (ROW_SIZE - 1)), number);
      }
      for (; left > 0; left--) {
        const { done, value } = others.next();
        if (done) break;
        if (isWanted(value.number)) visit(value.prefix, value.number);
      }
      return left;
    };
  };

  return {
    get({ address, length }) {
      if (isIpv4(address)) return getIpv4(address, length);
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
      return size + ipv6.size;
    },
    forEach: (visit, isWanted = () => true) => void walk()(Number.POSITIVE_INFINITY, visit, isWanted),
    walk,
  };
}

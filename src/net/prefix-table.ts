/**
 * Prefixes to numbers, for a million of them: IPv4 in an open-addressed table of typed arrays (nine bytes a slot, at most
 * three quarters full), IPv6 in a Map. A Map for both costs ten times that. The number 0 stands for "not there".
 *
 *   slot:  address (4) | length (1) | number (4)          linear probing; a deletion shifts the rest of its run back
 */
import { isIpv4 } from "./address.ts";
import { type Prefix, prefixKey } from "./prefix.ts";

export interface PrefixTable {
  get(prefix: Prefix): number;
  /** 0 deletes. */
  set(prefix: Prefix, number: number): void;
  readonly size: number;
  /** In no order. The numbers may be changed meanwhile; nothing may be deleted. */
  forEach(visit: (prefix: Prefix, number: number) => void): void;
}

const SMALLEST_CAPACITY = 1024;

export function createPrefixTable(): PrefixTable {
  const ipv6 = new Map<number | string, { readonly prefix: Prefix; number: number }>();
  let capacity = SMALLEST_CAPACITY;
  let used = 0;
  let addresses = new Uint32Array(capacity);
  let lengths = new Uint8Array(capacity);
  let numbers = new Uint32Array(capacity);

  const home = (address: number, length: number): number => {
    const mixed = Math.imul(address ^ Math.imul(length, 0x9e3779b9), 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & (capacity - 1);
  };

  /** The slot of the prefix, or the free one where it belongs. */
  const find = (address: number, length: number): number => {
    let slot = home(address, length);
    while (numbers[slot] !== 0 && (addresses[slot] !== address || lengths[slot] !== length)) slot = (slot + 1) & (capacity - 1);
    return slot;
  };

  const write = (slot: number, address: number, length: number, number: number): void => {
    addresses[slot] = address;
    lengths[slot] = length;
    numbers[slot] = number;
  };

  const grow = (): void => {
    const before = { addresses, lengths, numbers };
    capacity *= 2;
    addresses = new Uint32Array(capacity);
    lengths = new Uint8Array(capacity);
    numbers = new Uint32Array(capacity);
    for (const [slot, number] of before.numbers.entries()) {
      if (number === 0) continue;
      const [address, length] = [before.addresses[slot], before.lengths[slot]];
      write(find(address, length), address, length, number);
    }
  };

  /** What probed past the hole moves into it, so that no search ends too early. */
  const closeHole = (hole: number): void => {
    for (let slot = (hole + 1) & (capacity - 1); numbers[slot] !== 0; slot = (slot + 1) & (capacity - 1)) {
      const wanted = home(addresses[slot], lengths[slot]);
      const distance = (slot - wanted) & (capacity - 1);
      if (distance < ((slot - hole) & (capacity - 1))) continue;
      write(hole, addresses[slot], lengths[slot], numbers[slot]);
      hole = slot;
    }
    numbers[hole] = 0;
  };

  const setIpv4 = (address: number, length: number, number: number): void => {
    const slot = find(address, length);
    const isNew = numbers[slot] === 0;
    if (number === 0) {
      if (isNew) return;
      used--;
      closeHole(slot);
      return;
    }
    write(slot, address, length, number);
    if (isNew && ++used * 4 > capacity * 3) grow();
  };

  return {
    get({ address, length }) {
      if (isIpv4(address)) return numbers[find(address, length)];
      return ipv6.get(prefixKey({ address, length }))?.number ?? 0;
    },
    set(prefix, number) {
      const { address, length } = prefix;
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
    forEach(visit) {
      for (let slot = 0; slot < capacity; slot++) {
        if (numbers[slot] !== 0) visit({ address: addresses[slot], length: lengths[slot] }, numbers[slot]);
      }
      for (const { prefix, number } of ipv6.values()) visit(prefix, number);
    },
  };
}

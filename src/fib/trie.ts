/**
 * Prefix to group, IPv4: a table of DIR-24-8 shape (Gupta, Lin, McKeown, INFOCOM 1998) in shared memory, and beside it, for
 * the writer alone, which prefix length each slot has its value from. Every slot goes from its old to its new value in one
 * store, so a lookup sees the table before or after a change, never a hole in between.
 */
import type { Ipv4Address } from "../net/address.ts";
import { ipv4Mask } from "../net/prefix.ts";
import { createPrefixTable } from "../net/prefix-table.ts";
import { BLOCK_FLAG, BLOCK_SLOTS, DIRECT_SLOTS, MAXIMUM_BLOCKS } from "./layout.ts";

/** Depth of a slot: the length of the prefix that filled it, plus one; 0 for none. */
const depthOf = (length: number): number => length + 1;

export interface Trie {
  /** Maps the prefix to `group` (1..32767), or to nothing with 0. False when the table has no block left: nothing was changed. */
  set(address: Ipv4Address, length: number, group: number): boolean;
  get(address: Ipv4Address, length: number): number;
  /** Blocks that fell out of use can be used again once every worker has passed the generation of this call. */
  retireBlocks(generation: number): void;
  reclaim(generation: number): void;
  /** 16-bit words written since the start: the cost of changes, for those who count it. */
  readonly wordsWritten: number;
  readonly size: number;
}

export function createTrie(slots: Uint16Array): Trie {
  const groups = createPrefixTable();
  const directDepth = new Uint8Array(DIRECT_SLOTS);
  const blockDepth: (Uint8Array | undefined)[] = [];
  const freeBlocks: number[] = [];
  let emptied: number[] = [];
  let retired: { block: number; generation: number }[] = [];
  let nextBlock = 0;
  let wordsWritten = 0;

  /** Atomic, so that whatever the value leads to (a block, a group's record) is visible before the value is (arm64). */
  const write = (index: number, value: number): void => {
    Atomics.store(slots, index, value);
    wordsWritten++;
  };

  /** The longest prefix shorter than `length` that covers the address: what shows through when that one goes. */
  const coveringLength = (address: Ipv4Address, length: number): number => {
    for (let shorter = length - 1; shorter > 0; shorter--) {
      if (groups.get({ address: (address & ipv4Mask(shorter)) >>> 0, length: shorter }) !== 0) return shorter;
    }
    return 0;
  };

  /**
   * Gives every slot of the range that has depth `from` or less (a new prefix), or exactly `from` (one that goes), its new value.
   */
  const fillRange = (base: number, count: number, depths: Uint8Array, depthBase: number, change: Change): void => {
    for (let i = 0; i < count; i++) {
      const depth = depths[depthBase + i];
      if (change.removing ? depth !== change.depth : depth > change.depth) continue;
      write(base + i, change.value);
      depths[depthBase + i] = change.newDepth;
    }
  };

  /** The block behind a direct slot, made from the slot's value if need be; undefined when there is none left. */
  const openBlock = (slot: number): number | undefined => {
    if (slots[slot] & BLOCK_FLAG) return slots[slot] & ~BLOCK_FLAG;
    const block = freeBlocks.pop() ?? (nextBlock < MAXIMUM_BLOCKS ? nextBlock++ : undefined);
    if (block === undefined) return undefined;
    const base = DIRECT_SLOTS + block * BLOCK_SLOTS;
    for (let i = 0; i < BLOCK_SLOTS; i++) write(base + i, slots[slot]);
    blockDepth[block] = new Uint8Array(BLOCK_SLOTS).fill(directDepth[slot]);
    write(slot, BLOCK_FLAG | block);
    return block;
  };

  /** A block whose slots all come from one prefix of 24 bits or less is a direct slot again. */
  const closeBlock = (slot: number, block: number): void => {
    const depths = blockDepth[block] as Uint8Array;
    if (depths.some((depth) => depth > depthOf(24))) return;
    directDepth[slot] = depths[0];
    write(slot, slots[DIRECT_SLOTS + block * BLOCK_SLOTS]);
    blockDepth[block] = undefined;
    emptied.push(block);
  };

  const setLong = (address: Ipv4Address, length: number, change: Change): boolean => {
    const slot = address >>> 8;
    const block = openBlock(slot);
    if (block === undefined) return false;
    const first = address & 0xff;
    fillRange(DIRECT_SLOTS + block * BLOCK_SLOTS + first, 1 << (32 - length), blockDepth[block] as Uint8Array, first, change);
    if (change.removing) closeBlock(slot, block);
    return true;
  };

  const setShort = (address: Ipv4Address, length: number, change: Change): boolean => {
    const first = address >>> 8;
    for (let slot = first; slot < first + (1 << (24 - length)); slot++) {
      if (!(slots[slot] & BLOCK_FLAG)) {
        fillRange(slot, 1, directDepth, slot, change);
        continue;
      }
      const block = slots[slot] & ~BLOCK_FLAG;
      fillRange(DIRECT_SLOTS + block * BLOCK_SLOTS, BLOCK_SLOTS, blockDepth[block] as Uint8Array, 0, change);
    }
    return true;
  };

  return {
    set(address, length, group) {
      if (groups.get({ address, length }) === group) return true;
      const removing = group === 0;
      const covering = removing ? coveringLength(address, length) : 0;
      const change: Change = removing
        ? {
            removing,
            depth: depthOf(length),
            value: covering > 0 ? groups.get({ address: (address & ipv4Mask(covering)) >>> 0, length: covering }) : 0,
            newDepth: covering > 0 ? depthOf(covering) : 0,
          }
        : { removing, depth: depthOf(length), value: group, newDepth: depthOf(length) };
      if (!(length > 24 ? setLong(address, length, change) : setShort(address, length, change))) return false;
      groups.set({ address, length }, group);
      return true;
    },
    get: (address, length) => groups.get({ address, length }),
    retireBlocks(generation) {
      for (const block of emptied) retired.push({ block, generation });
      emptied = [];
    },
    reclaim(generation) {
      for (const entry of retired) if (entry.generation <= generation) freeBlocks.push(entry.block);
      retired = retired.filter((entry) => entry.generation > generation);
    },
    get wordsWritten() {
      return wordsWritten;
    },
    get size() {
      return groups.size;
    },
  };
}

interface Change {
  readonly removing: boolean;
  readonly depth: number;
  readonly value: number;
  readonly newDepth: number;
}

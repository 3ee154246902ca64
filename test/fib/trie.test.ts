import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lookup } from "#src/fib/image.ts";
import { DIRECT_SLOTS, GROUPS, MAXIMUM_BLOCKS, TRIE_BYTES } from "#src/fib/layout.ts";
import { createTrie } from "#src/fib/trie.ts";
import { ipv4Mask } from "#src/net/prefix.ts";
import { createSlowTrie } from "../oracle/fib.ts";

// One pair of tables for all runs, emptied after each: 48 MiB of slots are not made a hundred times.
const slots = new Uint16Array(new SharedArrayBuffer(TRIE_BYTES));
const trie = createTrie(slots);
const image = { trie: slots, trie6: new Uint32Array(0), words: new Uint32Array(GROUPS) };
const find = (address: number): number => lookup(image, address);

/** Few networks and many lengths, so that prefixes lie in each other. */
const prefix = fc
  .record({
    network: fc.constantFrom(0x0a000000, 0x0a000100, 0x0a010000, 0xc6336400),
    low: fc.nat(0xffff),
    length: fc.integer({ min: 8, max: 32 }),
  })
  .map(({ network, low, length }) => ({ address: ((network | low) & ipv4Mask(length)) >>> 0, length }));
const change = fc.record({ prefix, group: fc.nat(5) });

describe("the trie", () => {
  it("agrees with a list of prefixes after any changes, at the edges of every prefix", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const slow = createSlowTrie();
        const probes = new Set<number>();
        for (const {
          prefix: { address, length },
          group,
        } of changes) {
          expect(trie.set(address, length, group)).toBe(true);
          slow.set(address, length, group);
          const last = (address | ~ipv4Mask(length)) >>> 0;
          for (const probe of [address, last, address - 1, last + 1]) probes.add(probe >>> 0);
        }
        for (const probe of probes) expect([probe, find(probe)]).toEqual([probe, slow.lookup(probe)]);
        expect(trie.size).toBe(slow.keys().length);
        for (const [address, length] of slow.keys()) trie.set(address, length, 0);
        trie.retireBlocks(1);
        trie.reclaim(1);
        for (const probe of probes) expect(find(probe)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it("never shows a hole: while a prefix changes or goes, a lookup finds the old or the new", () => {
    trie.set(0x14000000, 16, 1);
    trie.set(0x14000500, 24, 2);
    trie.set(0x14000580, 25, 3);
    const seen = new Set<number>();
    const original = Atomics.store;
    // Looks after every single store, which is all a reader on another thread can do.
    Atomics.store = ((array: Uint16Array, index: number, value: number) => {
      const result = original(array, index, value);
      seen.add(find(0x14000590));
      return result;
    }) as typeof Atomics.store;
    try {
      trie.set(0x14000580, 25, 4);
      expect([...seen].sort()).toEqual([3, 4]);
      seen.clear();
      trie.set(0x14000580, 25, 0);
      expect([...seen].sort()).toEqual([2, 4]);
    } finally {
      Atomics.store = original;
    }
    for (const [address, length] of [
      [0x14000000, 16],
      [0x14000500, 24],
    ])
      trie.set(address, length, 0);
  });

  it("uses a block again only after its generation is over", () => {
    const own = createTrie(slots);
    const block = (): number => slots[0x1e0000] & 0x7fff;
    own.set(0x1e000000, 32, 1);
    const first = block();
    own.set(0x1e000000, 32, 0);
    own.retireBlocks(5);
    own.set(0x1e000001, 32, 1);
    expect(block()).not.toBe(first);
    own.set(0x1e000001, 32, 0);
    own.reclaim(5);
    own.set(0x1e000002, 32, 1);
    expect(block()).toBe(first);
    own.set(0x1e000002, 32, 0);
  });

  it("says no, and changes nothing, when the last block is taken", () => {
    const own = createTrie(slots);
    for (let i = 0; i < MAXIMUM_BLOCKS; i++) own.set((0x28000000 + i * 256) >>> 0, 32, 1);
    expect(own.set(0x50000000, 32, 1)).toBe(false);
    expect(own.set(0x50000000, 24, 1)).toBe(true);
    expect([find(0x50000000), find(0x28000000), slots[DIRECT_SLOTS]]).toEqual([1, 1, 1]);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createArena } from "#src/fib/arena.ts";
import { createImage, lookup6, openImage } from "#src/fib/image.ts";
import { HEADER, MAXIMUM_NODES6 } from "#src/fib/layout.ts";
import { createTrie6 } from "#src/fib/trie6.ts";
import { formatAddress, type Ipv6Address } from "#src/net/address.ts";
import { maskAddress } from "#src/net/prefix.ts";
import { slowLookup } from "../oracle/lookup.ts";

function makeTable(arenaWords = 1 << 16) {
  const image = openImage(createImage(arenaWords));
  const arena = createArena(image.words.length);
  const trie = createTrie6(image.trie6, image.words, arena, () => 1);
  const find = (address: Ipv6Address): number =>
    lookup6(
      image,
      Uint32Array.from(address.match(/.{8}/g) ?? [], (word) => Number.parseInt(word, 16)),
      0,
    );
  return { image, arena, trie, find };
}
const table = makeTable();

const address = (start: string, end = ""): Ipv6Address => start + "0".repeat(32 - start.length - end.length) + end;
/** Few networks and many lengths, so that prefixes lie in each other, part late, and part early. */
const prefix = fc
  .record({
    network: fc.constantFrom("20010db8", "20010db800010002", "20010db8000100020003", "2a00", "fd00"),
    low: fc.array(fc.constantFrom(..."0018f"), { minLength: 32, maxLength: 32 }).map((digits) => digits.join("")),
    length: fc.oneof(fc.integer({ min: 1, max: 128 }), fc.constantFrom(15, 16, 17, 24, 48, 64, 127, 128)),
  })
  .map(({ network, low, length }) => ({
    address: maskAddress(network + low.slice(network.length), length) as Ipv6Address,
    length,
  }));
const change = fc.record({ prefix, group: fc.nat(5) });

/** The last address of a prefix, and the ones around the prefix, where they exist. */
function edges(first: Ipv6Address, length: number): Ipv6Address[] {
  const start = BigInt(`0x${first}`);
  const end = start + (1n << BigInt(128 - length)) - 1n;
  const inside = [start - 1n, start, end, end + 1n].filter((value) => value >= 0n && value < 1n << 128n);
  return inside.map((value) => value.toString(16).padStart(32, "0"));
}

describe("the IPv6 trie", () => {
  it("agrees with a list of prefixes after any changes, at the edges of every prefix", () => {
    const { trie, find, arena } = table;
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const routes = new Map<string, { prefix: { address: Ipv6Address; length: number }; group: number }>();
        const probes = new Set<Ipv6Address>();
        for (const { prefix, group } of changes) {
          expect(trie.set(prefix.address, prefix.length, group)).toBe(true);
          const text = `${formatAddress(prefix.address)}/${prefix.length}`;
          if (group === 0) routes.delete(text);
          else routes.set(text, { prefix, group });
          for (const probe of edges(prefix.address, prefix.length)) probes.add(probe);
        }
        for (const probe of probes) {
          const best = slowLookup(routes.keys(), formatAddress(probe));
          expect([probe, find(probe)]).toEqual([probe, best === undefined ? 0 : routes.get(best)?.group]);
        }
        expect(trie.size).toBe(routes.size);
        for (const { prefix } of routes.values()) trie.set(prefix.address, prefix.length, 0);
        trie.retireNodes(1);
        trie.reclaim(1);
        arena.reclaim(1);
        for (const probe of probes) expect(find(probe)).toBe(0);
        expect([trie.size, arena.usedWords]).toEqual([0, 0]);
      }),
      { numRuns: 100 },
    );
  });

  it("never shows a hole: after every store a lookup finds the old or the new", () => {
    const { trie, find } = table;
    const probe = address("20010db8000100020003", "1");
    const seen = new Set<number>();
    const original = Atomics.store;
    Atomics.store = ((array: Uint32Array, index: number, value: number) => {
      const result = original(array, index, value);
      seen.add(find(probe));
      return result;
    }) as typeof Atomics.store;
    const during = (change: () => void): number[] => {
      seen.clear();
      change();
      return [...seen].sort();
    };
    try {
      trie.set(address("20010db8"), 32, 1);
      expect(during(() => trie.set(probe, 128, 2))).toEqual([1, 2]);
      // A neighbor that makes the leaf a chain of nodes, down to the last byte.
      expect(during(() => trie.set(address("20010db8000100020003", "2"), 128, 3))).toEqual([2]);
      expect(during(() => trie.set(address("20010db80001"), 48, 4))).toEqual([2]);
      expect(during(() => trie.set(probe, 128, 0))).toEqual([4]);
      expect(during(() => trie.set(address("20010db8"), 47, 5))).toEqual([4]);
      expect(during(() => trie.set(address("20010db80001"), 48, 0))).toEqual([5]);
    } finally {
      Atomics.store = original;
    }
    for (const [one, length] of [
      [address("20010db8"), 32],
      [address("20010db8"), 47],
      [address("20010db8000100020003", "2"), 128],
    ] as const)
      trie.set(one, length, 0);
  });

  it("takes one leaf for a host and no node, wherever the host is alone", () => {
    const { trie, arena } = makeTable();
    const before = arena.usedWords;
    for (let i = 0; i < 100; i++) trie.set(address((0x2000 + i).toString(16), "1"), 128, 1);
    expect([arena.usedWords - before, trie.wordsWritten]).toEqual([800, 100 * 7]);
  });

  it("answers with ::/0 where nothing else does", () => {
    const { image, trie, find } = makeTable();
    image.words[HEADER.defaultGroup6] = 9;
    trie.set(address("20010db8", "1"), 128, 1);
    expect([find(address("20010db8", "1")), find(address("20010db8", "2")), find(address("3000"))]).toEqual([1, 9, 9]);
  });

  it("says no, and changes nothing, when the last node or the last record is taken", () => {
    const { trie, find } = makeTable(1 << 20);
    const pair = (i: number, last: string): Ipv6Address => address((0x2000 + i).toString(16), last);
    // Two hosts that differ in the last byte only: a chain of fourteen nodes.
    const chains = Math.floor(MAXIMUM_NODES6 / 14);
    for (let i = 0; i < chains; i++) {
      expect(trie.set(pair(i, "1"), 128, 1)).toBe(true);
      expect(trie.set(pair(i, "2"), 128, 2)).toBe(true);
    }
    expect(trie.set(pair(chains, "1"), 128, 1)).toBe(true);
    expect(trie.set(pair(chains, "2"), 128, 2)).toBe(false);
    expect([find(pair(chains, "1")), find(pair(chains, "2")), find(pair(7, "2"))]).toEqual([1, 0, 2]);
    const small = makeTable(64);
    const taken = Array.from({ length: 9 }, (_, i) => small.trie.set(address((0x2000 + i).toString(16), "1"), 128, 1));
    expect(taken).toEqual([true, true, true, true, true, true, true, true, false]);
    expect(small.find(address("2008", "1"))).toBe(0);
  });

  it("uses a node again only after its generation is over", () => {
    const { trie, image } = makeTable();
    const below = (): number => image.trie6[0x2000 * 2 + 1];
    const hosts = [address("20000001", "1"), address("20000001", "2")];
    const fill = (group: number): void => {
      for (const host of hosts) trie.set(host, 128, group);
    };
    fill(1);
    const first = below();
    fill(0);
    trie.retireNodes(5);
    fill(1);
    expect(below()).toBeGreaterThan(first);
    fill(0);
    trie.retireNodes(6);
    trie.reclaim(5);
    fill(1);
    expect(below()).toBeLessThanOrEqual(14);
  });
});

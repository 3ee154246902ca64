/**
 * Prefix to group, IPv6: a multibit trie (Srinivasan and Varghese, 1999) in shared memory: 16 bits at the root, then 8 a node.
 * A slot has two words: the group of the longest prefix that ends in this node, and what lies below, where prefixes are longer.
 * Below a slot with one longer prefix only there is no chain of nodes but a leaf that holds the prefix, so a host's route costs
 * eight words. A lookup goes down and remembers the last group it saw. Every change that a lookup can see is one store: to a
 * slot's group, to a leaf's, or of something complete below a slot. Beside it, for the writer alone, is where each slot's group
 * comes from.
 *
 *   slot  group: 0 = none, 1..32767 │ below: 0 = nothing, n = node n - 1, LEAF6 + offset = a leaf in the words
 */
import { bitsOf, type Ipv6Address } from "../net/address.ts";
import { maskAddress } from "../net/prefix.ts";
import type { Arena } from "./arena.ts";
import { LEAF6, LEAF6_RECORD, LEAF6_RECORD_WORDS, MAXIMUM_NODES6, NODE6_SLOTS, ROOT6_SLOTS } from "./layout.ts";

const ROOT_BITS = 16;
const NODE_BITS = 8;

export interface Trie6 {
  /** Maps the prefix (of at least one bit) to `group`, or to nothing with 0. False when there is no room: nothing was changed. */
  set(address: Ipv6Address, length: number, group: number): boolean;
  /** Nodes that fell out of use can be used again once every worker has passed the generation of this call. */
  retireNodes(generation: number): void;
  reclaim(generation: number): void;
  /** Words written since the start, those of leaves included. */
  readonly wordsWritten: number;
  readonly size: number;
}

interface Leaf {
  readonly address: Ipv6Address;
  readonly length: number;
  readonly group: number;
  readonly offset: number;
}

/** The writer's side of a piece of the table that decides by the bits from `start` to `end`. */
interface Node {
  /** -1: the root. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** For each slot the length of the prefix that its group comes from; 0 for none. */
  readonly lengths: Uint8Array;
  readonly below: Map<number, Node | Leaf>;
  /** Prefixes that end in this node or below. */
  prefixes: number;
}

interface Route {
  readonly address: Ipv6Address;
  readonly length: number;
  readonly group: number;
}

const isNode = (one: Node | Leaf): one is Node => "below" in one;

const keyOf = (address: Ipv6Address, length: number): string => `${address}/${length}`;

const slotOf = (node: Node, { address }: Route): number => bitsOf(address, node.start, node.end);

export function createTrie6(slots: Uint32Array, words: Uint32Array, arena: Arena, nextGeneration: () => number): Trie6 {
  const groups = new Map<string, number>();
  const freeNodes: number[] = [];
  let emptied: number[] = [];
  let retired: { index: number; generation: number }[] = [];
  let nextNode = 0;
  let wordsWritten = 0;

  const makeNode = (index: number, start: number, end: number): Node => ({
    index,
    start,
    end,
    lengths: new Uint8Array(2 ** (end - start)),
    below: new Map(),
    prefixes: 0,
  });
  const root = makeNode(-1, 0, ROOT_BITS);

  /** Atomic, so that whatever the value leads to is visible before the value is (arm64). */
  const write = (node: Node, slot: number, word: 0 | 1, value: number): void => {
    const base = node.index < 0 ? 0 : ROOT6_SLOTS + node.index * NODE6_SLOTS;
    Atomics.store(slots, (base + slot) * 2 + word, value);
    wordsWritten++;
  };

  const writeBelow = (node: Node, slot: number, below: Node | Leaf): void => {
    node.below.set(slot, below);
    write(node, slot, 1, isNode(below) ? below.index + 1 : (LEAF6 | below.offset) >>> 0);
  };

  const openNode = (start: number): Node | undefined => {
    const index = freeNodes.pop() ?? (nextNode < MAXIMUM_NODES6 ? nextNode++ : undefined);
    if (index === undefined) return undefined;
    const node = makeNode(index, start, start + NODE_BITS);
    for (let slot = 0; slot < NODE6_SLOTS; slot++) {
      write(node, slot, 0, 0);
      write(node, slot, 1, 0);
    }
    return node;
  };

  const writeLeaf = ({ address, length, group }: Route): Leaf | undefined => {
    const offset = arena.allocate(LEAF6_RECORD_WORDS);
    if (offset === undefined) return undefined;
    for (let i = 0; i < 4; i++) words[offset + LEAF6_RECORD.address + i] = bitsOf(address, i * 32, i * 32 + 32);
    words[offset + LEAF6_RECORD.length] = length;
    words[offset + LEAF6_RECORD.group] = group;
    wordsWritten += LEAF6_RECORD_WORDS;
    return { address, length, group, offset };
  };

  const close = (below: Node | Leaf): void => {
    if (!isNode(below)) return arena.retire(below.offset, LEAF6_RECORD_WORDS, nextGeneration());
    for (const one of below.below.values()) close(one);
    emptied.push(below.index);
  };

  /** The route ends in `node`: the slots that had their group from a prefix that `gives` way to it have it from this one. */
  const fill = (node: Node, route: Route, gives: (length: number) => boolean, from: Route): void => {
    const first = slotOf(node, route);
    for (let slot = first; slot < first + 2 ** (node.end - route.length); slot++) {
      if (!gives(node.lengths[slot])) continue;
      node.lengths[slot] = from.length;
      write(node, slot, 0, from.group);
    }
  };

  /** A route that was not there; false when there is no room. */
  const add = (node: Node, route: Route): boolean => {
    if (route.length <= node.end) fill(node, route, (length) => length < route.length, route);
    else if (!addBelow(node, slotOf(node, route), route)) return false;
    node.prefixes++;
    return true;
  };

  const addBelow = (node: Node, slot: number, route: Route): boolean => {
    const below = node.below.get(slot);
    if (below && isNode(below)) return add(below, route);
    const made = below ? join(node.end, below, route) : writeLeaf(route);
    if (!made) return false;
    writeBelow(node, slot, made);
    if (below) close(below);
    return true;
  };

  /** A node with two routes in it, complete before it can be seen. */
  const join = (start: number, one: Route, other: Route): Node | undefined => {
    const node = openNode(start);
    if (!node) return undefined;
    if (add(node, one) && add(node, other)) return node;
    close(node);
    return undefined;
  };

  /** A route that is there goes to another group. */
  const change = (node: Node, route: Route): void => {
    if (route.length <= node.end) return fill(node, route, (length) => length === route.length, route);
    const slot = slotOf(node, route);
    const below = node.below.get(slot) as Node | Leaf;
    if (isNode(below)) return change(below, route);
    node.below.set(slot, { ...below, group: route.group });
    Atomics.store(words, below.offset + LEAF6_RECORD.group, route.group);
    wordsWritten++;
  };

  /** Of the prefixes that end in `node`, the longest that covers the route: what its slots show when it goes. */
  const findCovering = (node: Node, { address, length }: Route): Route => {
    for (let shorter = length - 1; shorter > node.start; shorter--) {
      const network = maskAddress(address, shorter) as Ipv6Address;
      const group = groups.get(keyOf(network, shorter));
      if (group !== undefined) return { address: network, length: shorter, group };
    }
    return { address, length: 0, group: 0 };
  };

  const remove = (node: Node, route: Route): void => {
    node.prefixes--;
    if (route.length <= node.end) return fill(node, route, (length) => length === route.length, findCovering(node, route));
    const slot = slotOf(node, route);
    const below = node.below.get(slot) as Node | Leaf;
    if (isNode(below)) {
      remove(below, route);
      if (below.prefixes > 0) return;
    }
    node.below.delete(slot);
    write(node, slot, 1, 0);
    close(below);
  };

  return {
    set(address, length, group) {
      const key = keyOf(address, length);
      const before = groups.get(key) ?? 0;
      const route = { address, length, group };
      if (before === group) return true;
      if (group === 0) remove(root, route);
      else if (before !== 0) change(root, route);
      else if (!add(root, route)) return false;
      if (group === 0) groups.delete(key);
      else groups.set(key, group);
      return true;
    },
    retireNodes(generation) {
      for (const index of emptied) retired.push({ index, generation });
      emptied = [];
    },
    reclaim(generation) {
      for (const entry of retired) if (entry.generation <= generation) freeNodes.push(entry.index);
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

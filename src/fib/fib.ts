/**
 * The FIB: route changes in, one published image out. It owns the shared memory's writing side; workers own nothing but
 * their acknowledgement. The router calls `apply`, `own`, `attach`, `setNeighbor`, then `publish` once.
 *
 *   RouteChange[] -> groups.plan -> records (arena) -> one word a group -> slots of the trie -> generation
 */
import { SELECTORS } from "../ecmp/selector.ts";
import { memberShares, type SelectorOptions } from "../ecmp/table.ts";
import { type Address, addressToBytes, compareAddresses, formatAddress, isIpv4, readIpv4 } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { comparePrefixes, formatPrefix, hostPrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import type { RouteChange } from "../rib/route.ts";
import { createArena } from "./arena.ts";
import { createGroupTable, type Group } from "./groups.ts";
import { type FibImage, type ImageBuffers, openImage, readAcknowledged, readGeneration } from "./image.ts";
import { GROUP_RECORD, GROUPS, HEADER, MAXIMUM_GROUPS, MAXIMUM_OWN_IPV6, REDUCTION } from "./layout.ts";
import { type Adjacency, createNextHops, type NextHopName } from "./next-hops.ts";
import type { FibState, GroupState, HashState } from "./state.ts";
import { createTrie } from "./trie.ts";

export interface FibOptions {
  readonly buffers: ImageBuffers;
  /** A row of SELECTORS. */
  readonly selector: string;
  readonly selectorOptions: SelectorOptions;
  /** Only kept for the record; the workers hash. */
  readonly hash: HashState;
  readonly workers: number;
}

/** A subnet that is on a port: its next hops and hosts are resolved there. */
export interface AttachedSubnet {
  readonly prefix: Prefix;
  readonly port: number;
}

/** Words that changes cost, since the start: what "independent of the number of prefixes" is asserted on. */
export interface WriteCounts {
  readonly trie: number;
  readonly records: number;
}

export type Fib = ReturnType<typeof createFib>;

export function createFib(options: FibOptions) {
  const image: FibImage = openImage(options.buffers);
  const { words } = image;
  const arena = createArena(words.length);
  const trie = createTrie(image.trie);
  const nextGeneration = (): number => readGeneration(image) + 1;
  const nextHops = createNextHops(words, arena, nextGeneration);
  const groups = createGroupTable(SELECTORS[options.selector], options.selectorOptions, MAXIMUM_GROUPS);
  const records = new Map<number, { offset: number; words: number; held: NextHopName[] }>();
  const attached: AttachedSubnet[] = [];
  const special = new Map<string, number>();
  const hosts = new Map<Address, number>();
  let retiredIds: { id: number; generation: number }[] = [];
  let recordWords = 0;

  const portOf = (address: Address): number | undefined => attached.find(({ prefix }) => prefixContains(prefix, address))?.port;

  const initialAdjacency = (address: Address): Adjacency => {
    const port = portOf(address);
    return port === undefined ? { kind: "unreachable" } : { kind: "incomplete", port };
  };

  /** Writes a record of owners (and bounds) and lets the group's word point to it. */
  const writeRecord = (id: number, owners: ArrayLike<number>, bounds: Uint32Array | undefined, held: NextHopName[]): void => {
    const count = owners.length;
    const size = GROUP_RECORD.owners + count * (bounds ? 2 : 1);
    const offset = arena.allocate(size);
    if (offset === undefined) throw new RangeError(`Cannot write a group of ${count} buckets as the image is full`);
    words[offset + GROUP_RECORD.reduction] = bounds ? REDUCTION.bounds : REDUCTION.buckets;
    words[offset + GROUP_RECORD.count] = count;
    words.set(Array.from(owners), offset + GROUP_RECORD.owners);
    if (bounds) words.set(bounds, offset + GROUP_RECORD.owners + count);
    Atomics.store(words, GROUPS + id, offset);
    recordWords += size + 1;
    dropRecord(id);
    records.set(id, { offset, words: size, held });
  };

  const dropRecord = (id: number): void => {
    const record = records.get(id);
    if (!record) return;
    arena.retire(record.offset, record.words, nextGeneration());
    for (const name of record.held) nextHops.release(name);
    records.delete(id);
  };

  const hold = (name: NextHopName, initial: Adjacency): number => {
    const index = nextHops.hold(name, initial);
    if (index === undefined) throw new RangeError("Cannot add a next hop as the image is full");
    return index;
  };

  const writeGroup = (group: Group): void => {
    const { table, members } = group;
    const held = members.map((member) => member.address);
    const indexes = held.map((address) => hold(address, initialAdjacency(address)));
    const owners = Uint32Array.from(table.owners, (member) => indexes[member]);
    writeRecord(group.id, owners, table.reduction === "bounds" ? table.bounds : undefined, held);
  };

  /** Groups of one next hop that no route names: for the router itself, for attached subnets and for resolved hosts. */
  const singleGroup = (name: NextHopName, initial: Adjacency): number => {
    const known = special.get(String(name));
    if (known !== undefined) return known;
    const id = groups.reserveId();
    writeRecord(id, [hold(name, initial)], undefined, [name]);
    special.set(String(name), id);
    return id;
  };

  const point = (prefix: Prefix, id: number): void => {
    if (!isIpv4(prefix.address)) return;
    if (prefix.length === 0) Atomics.store(words, HEADER.defaultGroup, id);
    else if (!trie.set(prefix.address, prefix.length, id)) {
      throw new RangeError(`Cannot route ${formatPrefix(prefix)} as the trie has no block left`);
    }
  };

  /** What a prefix without a route shows: the host behind it, if one is resolved. */
  const underlay = (prefix: Prefix): number => (prefix.length === 32 ? (hosts.get(prefix.address) ?? 0) : 0);

  const retireId = (id: number): void => {
    Atomics.store(words, GROUPS + id, 0);
    dropRecord(id);
    retiredIds.push({ id, generation: nextGeneration() });
  };

  return {
    image,

    /** Routes as the RIB has them now. Throws a RangeError when the image is full: what had a place before keeps it. */
    apply(changes: readonly RouteChange[]): void {
      const plan = groups.plan(changes);
      for (const group of plan.refilled) writeGroup(group);
      for (const { prefix, group } of plan.pointed) point(prefix, group?.id ?? underlay(prefix));
      for (const group of plan.emptied) retireId(group.id);
    },

    /** An address of the router itself: packets to it are left to the kernel. */
    own(address: Address): void {
      if (isIpv4(address)) return point(hostPrefix(address), singleGroup("local", { kind: "local" }));
      const count = words[HEADER.ownIpv6Count];
      if (count === MAXIMUM_OWN_IPV6) return;
      const bytes = addressToBytes(address);
      for (let i = 0; i < 4; i++) words[HEADER.ownIpv6 + count * 4 + i] = readIpv4(bytes, i * 4);
      Atomics.store(words, HEADER.ownIpv6Count, count + 1);
    },

    /** A subnet on a port. */
    attach(subnet: AttachedSubnet): void {
      attached.push(subnet);
      const name = `attached:${subnet.port}` as const;
      point(subnet.prefix, singleGroup(name, { kind: "attached", port: subnet.port }));
    },

    /** What is known of a neighbor now. A host that can be reached gets a route of its own, under those of the RIB. */
    setNeighbor(address: Address, port: number, resolved: { mac: Mac; source: Mac; mtu: number } | undefined): void {
      const adjacency: Adjacency = resolved
        ? { kind: "reachable", port, destination: resolved.mac, source: resolved.source, mtu: resolved.mtu }
        : { kind: "incomplete", port };
      if (resolved && !hosts.has(address)) {
        hosts.set(address, singleGroup(address, adjacency));
        if (!groups.groupOf(hostPrefix(address))) point(hostPrefix(address), hosts.get(address) as number);
      }
      nextHops.set(address, adjacency);
    },

    /** The host is forgotten: its packets are resolved anew. */
    forgetNeighbor(address: Address): void {
      const id = hosts.get(address);
      if (id === undefined) return;
      hosts.delete(address);
      special.delete(String(address));
      if (!groups.groupOf(hostPrefix(address))) point(hostPrefix(address), 0);
      retireId(id);
    },

    portOf,

    /** Addresses that routes point to: what has to be resolved. */
    nextHopAddresses(): Address[] {
      const addresses = new Set<Address>();
      for (const group of groups.all()) for (const member of group.members) addresses.add(member.address);
      return [...addresses].sort(compareAddresses);
    },

    nextHopName: (index: number): NextHopName | undefined => nextHops.nameOf(index),
    nextHopIndex: (name: NextHopName): number | undefined => nextHops.indexOf(name),

    /** One word: from here on workers may rely on everything written before. Returns the generation. */
    publish(): number {
      const generation = nextGeneration();
      trie.retireBlocks(generation);
      Atomics.store(words, HEADER.generation, generation);
      return generation;
    },

    /** The oldest generation that a worker may still be looking at; frees what only older ones used. */
    reclaim(): number {
      let oldest = readGeneration(image);
      for (let worker = 0; worker < options.workers; worker++) oldest = Math.min(oldest, readAcknowledged(image, worker));
      arena.reclaim(oldest);
      trie.reclaim(oldest);
      nextHops.reclaim(oldest);
      for (const entry of retiredIds) if (entry.generation <= oldest) groups.releaseId(entry.id);
      retiredIds = retiredIds.filter((entry) => entry.generation > oldest);
      return oldest;
    },

    groupIdOf: (prefix: Prefix): number | undefined => groups.groupOf(prefix)?.id,

    writeCounts: (): WriteCounts => ({ trie: trie.wordsWritten, records: recordWords }),

    state: (): FibState => ({
      hash: options.hash,
      selector: { name: options.selector, ...options.selectorOptions },
      groups: [...groups.all()].sort((a, b) => a.id - b.id).map(describeGroup),
    }),
  };
}

function describeGroup(group: Group): GroupState {
  const { table } = group;
  const shares = memberShares(table);
  const members = group.members.map(({ address, weight }, i) => ({ address: formatAddress(address), weight, share: shares[i] }));
  return {
    id: group.id,
    prefixes: [...group.prefixes.values()].sort(comparePrefixes).map(formatPrefix),
    members,
    reduction: table.reduction,
    owners: Array.from(table.owners),
    ...(table.reduction === "bounds" ? { bounds: Array.from(table.bounds) } : {}),
  };
}

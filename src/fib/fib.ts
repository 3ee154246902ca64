/**
 * The FIB: route changes in, one published image out. It owns the writing side of the shared memory; workers own nothing but
 * their acknowledgement. The router calls `apply`, `own`, `attach`, `setNeighbor`, then `publish` once. More than 300 lines:
 * what groups, next hops, records and tries each do stands in files of their own, and here is the order in which they are used.
 *
 *   RouteChange[] -> groups.plan -> records (arena) -> one word a group -> slots of the trie -> generation
 */
import type { MemberOrder } from "../ecmp/member-order.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import type { SelectorOptions } from "../ecmp/table.ts";
import { type Address, compareAddresses, isIpv4, isLinkLocal, zoneOf } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { formatPrefix, hostPrefix, makePrefix, maximumLength, type Prefix, prefixContains, prefixKey } from "../net/prefix.ts";
import { addressesWithin } from "../net/prefix-cover.ts";
import type { RouteChange } from "../rib/route.ts";
import { createActivity } from "./activity.ts";
import { createArena } from "./arena.ts";
import { describeDirect, describeGroup, measureGroup } from "./describe.ts";
import { createGroupRecords, PLAIN_BUCKETS, type Reduction } from "./group-records.ts";
import { createGroupTable, type Group, type GroupOrigin } from "./groups.ts";
import { type FibImage, type ImageBuffers, openImage, readAcknowledged, readGeneration } from "./image.ts";
import { HEADER, MAXIMUM_GROUPS, REDUCTION } from "./layout.ts";
import { type Adjacency, createNextHops, type NextHopName } from "./next-hops.ts";
import { createRouteActions } from "./route-actions.ts";
import type { FibState, HashState } from "./state.ts";
import { createTrie } from "./trie.ts";
import { createTrie6 } from "./trie6.ts";

export interface FibOptions {
  readonly buffers: ImageBuffers;
  /** A row of SELECTORS. */
  readonly selector: string;
  readonly selectorOptions: SelectorOptions;
  /** By address, unless told. */
  readonly memberOrder?: MemberOrder;
  /** Only kept for the record; the workers hash. */
  readonly hash: HashState;
  readonly workers: number;
  /** The interfaces by their ports: there, and without a subnet, are link-local next hops. */
  readonly links?: readonly string[];
  /** An index was given to a next hop, perhaps not for the first time: what was counted for it until now was another's. */
  onNextHop?(index: number, name: NextHopName): void;
  /** A group is such, from now on, that the selector cannot serve it: it goes by the hash's remainder. */
  onRefusal?(group: number, because: string): void;
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
  const trie6 = createTrie6(image.trie6, words, arena, nextGeneration);
  const nextHops = createNextHops(words, arena, nextGeneration, options.onNextHop);
  const records = createGroupRecords(words, arena, nextHops, nextGeneration);
  const selector = SELECTORS[options.selector];
  const activity = createActivity(words, arena);
  const { selectorOptions, memberOrder = "address" } = options;
  const groups = createGroupTable({
    selector,
    selectorOptions,
    memberOrder,
    maximumGroups: MAXIMUM_GROUPS,
    activityOf: activity.read,
  });
  const attached: AttachedSubnet[] = [];
  const own = new Set<Address>();
  const special = new Map<string, number>();
  const hosts = new Map<Address, number>();
  const actions = createRouteActions();
  let retiredIds: { id: number; generation: number }[] = [];

  const portOf = (address: Address): number | undefined => {
    if (!isLinkLocal(address)) return attached.find(({ prefix }) => prefixContains(prefix, address))?.port;
    const port = options.links?.indexOf(zoneOf(address) ?? "") ?? -1;
    return port < 0 ? undefined : port;
  };

  const initialAdjacency = (address: Address): Adjacency => {
    const port = portOf(address);
    return port === undefined ? { kind: "unreachable" } : { kind: "incomplete", port };
  };

  /** A group of one. */
  const writeSingle = (id: number, name: NextHopName, initial: Adjacency): boolean =>
    records.write(id, { names: [name], initial: () => initial, owners: [0], reduction: PLAIN_BUCKETS });

  /** How the table is reduced to, with what stands behind its owners; undefined when there is no room for that. */
  const reductionOf = ({ id, table }: Group, from: number | undefined): Reduction | undefined => {
    if (table.reduction === "bounds") return { reduction: REDUCTION.bounds, tail: table.bounds };
    if (!selector.timed) return PLAIN_BUCKETS;
    const block = activity.blockOf(id, table.owners.length, from);
    return block === undefined ? undefined : { reduction: REDUCTION.agedBuckets, tail: [block] };
  };

  /** `from`: the group whose buckets these were, under that table; itself, unless it is new. */
  const writeGroup = (group: Group, from: Pick<Group, "id" | "table"> | undefined): boolean => {
    const { id, table, members } = group;
    if (table.refusal !== undefined && from?.table.refusal === undefined) options.onRefusal?.(id, table.refusal);
    // A selector may give nobody anything (members that are in no bank): such packets have nowhere to go.
    if (table.owners.length === 0) return writeSingle(id, "blackhole", { kind: "blackhole" });
    const names = members.map(({ address }) => address);
    const initial = (name: NextHopName) => initialAdjacency(name as Address);
    const reduction = reductionOf(group, from?.id);
    if (!reduction || !records.write(id, { names, initial, owners: table.owners, reduction })) return false;
    if (selector.timed) activity.note(id, from?.table, table, groups.isEven(group));
    return true;
  };

  const predecessorOf = ({ id }: Group, origin: GroupOrigin) =>
    origin.before ? { id, table: origin.before.table } : origin.from;

  /** Groups of one next hop that no route names: for the router itself, for attached subnets and for resolved hosts. */
  const singleGroup = (name: NextHopName, initial: Adjacency): number | undefined => {
    const known = special.get(String(name));
    if (known !== undefined) return known;
    const id = groups.reserveId();
    if (id === undefined) return undefined;
    if (!writeSingle(id, name, initial)) {
      groups.releaseId(id);
      return undefined;
    }
    special.set(String(name), id);
    return id;
  };

  /** False when the trie has no room left. */
  const point = ({ address, length }: Prefix, id: number): boolean => {
    if (length > 0) return isIpv4(address) ? trie.set(address, length, id) : trie6.set(address, length, id);
    Atomics.store(words, isIpv4(address) ? HEADER.defaultGroup : HEADER.defaultGroup6, id);
    return true;
  };

  /** For what the router itself needs, at its start, when there is room. */
  const require = (prefix: Prefix, id: number | undefined): void => {
    if (id === undefined || !point(prefix, id)) throw new RangeError(`Cannot route ${formatPrefix(prefix)} as the image is full`);
  };

  /** What a prefix without a group of next hops shows: nothing on purpose, or the host behind it, if one is resolved. */
  const underlay = (prefix: Prefix): number => {
    const action = actions.of(prefix);
    if (action !== undefined) return singleGroup(action, { kind: action }) ?? 0;
    const host = prefix.length === maximumLength(prefix.address) ? hosts.get(prefix.address) : undefined;
    return host === undefined || isRouted(prefix.address) ? 0 : host;
  };

  /** Whether a route to a part of its subnet decides about the host: who is known there is not reached around it. */
  const isRouted = (host: Address): boolean => {
    const subnets = attached.filter(({ prefix }) => prefixContains(prefix, host));
    const longest = Math.max(0, ...subnets.map(({ prefix }) => prefix.length));
    for (let length = maximumLength(host) - 1; length > longest; length--) {
      const prefix = makePrefix(host, length);
      if (groups.groupOf(prefix) || actions.of(prefix)) return true;
    }
    return false;
  };

  const isWithinSubnet = ({ address, length }: Prefix): boolean =>
    length < maximumLength(address) && attached.some(({ prefix }) => length > prefix.length && prefixContains(prefix, address));

  /** Routes to parts of subnets came or went: to the hosts there a route of their own is shown, or not any more. */
  const showHosts = (changed: readonly (readonly Prefix[])[]): void => {
    if (hosts.size === 0) return;
    const parts = changed.flatMap((prefixes) => prefixes.filter(isWithinSubnet));
    for (const host of addressesWithin(parts, hosts.keys())) {
      const prefix = hostPrefix(host);
      if (!groups.groupOf(prefix)) point(prefix, underlay(prefix));
    }
  };

  const describeAll = (): FibState["groups"] => {
    const prefixes = groups.prefixesOf(new Set(groups.all()));
    return [...prefixes]
      .sort(([a], [b]) => a.id - b.id)
      .map(([group, own]) => describeGroup(group, own, activity.read(group.id)));
  };

  const retireId = (id: number): void => {
    records.clear(id);
    activity.retire(id, nextGeneration());
    retiredIds.push({ id, generation: nextGeneration() });
  };

  return {
    image,

    /**
     * Routes as the RIB has them now. Returns the prefixes that the image has no room for: those have no route at all, except
     * where a group as a whole found no room for its new members; that one stays as it was.
     */
    apply(changes: readonly RouteChange[]): Prefix[] {
      const plan = groups.plan(changes);
      const turned = actions.take(changes);
      const refused = [...plan.refused];
      for (const { group, origin } of plan.refilled) {
        if (writeGroup(group, predecessorOf(group, origin))) continue;
        for (const prefix of groups.prefixesOf(new Set([group])).get(group) ?? []) refused.push(prefix);
        groups.revert(group, origin.before);
        if (!origin.before) groups.releaseId(group.id);
      }
      for (const { prefixes, group } of plan.pointed) {
        for (const prefix of prefixes) {
          const id = group && groups.groupOf(prefix) === group ? group.id : underlay(prefix);
          if (point(prefix, id)) continue;
          refused.push(prefix);
          const emptied = groups.refuse(prefix);
          if (emptied) retireId(emptied.id);
          point(prefix, 0);
        }
      }
      for (const prefix of turned) if (!groups.groupOf(prefix) && !point(prefix, underlay(prefix))) refused.push(prefix);
      showHosts([...plan.pointed.map(({ prefixes }) => prefixes), turned]);
      for (const group of plan.emptied) retireId(group.id);
      return refused;
    },

    /**
     * These next hops are gone, whatever the routes will be: no group that has another one goes there any more. One record a
     * group, and no word of the trie; to be published. Where there is no room for it the group stays until `apply`.
     */
    withdraw(addresses: ReadonlySet<Address>): void {
      for (const { group, origin } of groups.withdraw(addresses))
        if (!writeGroup(group, predecessorOf(group, origin))) groups.revert(group, origin.before);
    },

    /** Whether time alone may move buckets: then `tick` is wanted every CLOCK_TICK_MS, and `settle` now and then. */
    isTimed: selector.timed === true,
    tick: activity.tick,

    /** Moves the buckets whose timers allow it now; returns how many. To be published. */
    settle(): number {
      let moved = 0;
      for (const group of groups.all()) {
        const before = activity.isUneven(group.id) ? groups.settle(group) : undefined;
        if (!before) continue;
        if (writeGroup(group, { id: group.id, table: before }))
          moved += before.owners.reduce((sum, owner, i) => sum + Number(owner !== group.table.owners[i]), 0);
        else groups.revert(group, { members: group.members, table: before });
      }
      return moved;
    },

    /** An address of the router itself: packets to it are left to the kernel. */
    own(address: Address): void {
      require(hostPrefix(address), singleGroup("local", { kind: "local" }));
      own.add(address);
    },

    /** A subnet on a port. */
    attach(subnet: AttachedSubnet): void {
      attached.push(subnet);
      const name = `attached:${subnet.port}` as const;
      require(subnet.prefix, singleGroup(name, { kind: "attached", port: subnet.port }));
    },

    /** It is another's address now, or nobody's. */
    disown(address: Address): void {
      own.delete(address);
      const prefix = hostPrefix(address);
      point(prefix, groups.groupOf(prefix)?.id ?? underlay(prefix));
    },

    /** The subnet is on no port any more. */
    detach({ prefix, port }: AttachedSubnet): void {
      const index = attached.findIndex((one) => one.port === port && prefixKey(one.prefix) === prefixKey(prefix));
      if (index >= 0) attached.splice(index, 1);
      point(prefix, groups.groupOf(prefix)?.id ?? underlay(prefix));
    },

    /**
     * What is known of a neighbor now. A host that can be reached gets a route of its own, under those of the RIB to it or to a
     * part of its subnet; a link-local one does not: nothing to it is forwarded.
     */
    setNeighbor(address: Address, port: number, resolved: { mac: Mac; source: Mac; mtu: number } | undefined): void {
      const adjacency: Adjacency = resolved
        ? { kind: "reachable", port, destination: resolved.mac, source: resolved.source, mtu: resolved.mtu }
        : initialAdjacency(address);
      // Where there is no room for a route of its own the host is resolved packet by packet, slowly but rightly.
      const id = resolved && !isLinkLocal(address) && !hosts.has(address) ? singleGroup(address, adjacency) : undefined;
      if (id !== undefined) {
        hosts.set(address, id);
        if (!groups.groupOf(hostPrefix(address))) point(hostPrefix(address), underlay(hostPrefix(address)));
      }
      nextHops.set(address, adjacency);
    },

    /** The host is forgotten: its packets are resolved anew. */
    forgetNeighbor(address: Address): void {
      const id = hosts.get(address);
      if (id === undefined) return;
      hosts.delete(address);
      special.delete(String(address));
      if (!groups.groupOf(hostPrefix(address))) point(hostPrefix(address), underlay(hostPrefix(address)));
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
      trie6.retireNodes(generation);
      Atomics.store(words, HEADER.generation, generation);
      return generation;
    },

    /** The oldest generation that a worker may still be looking at; frees what only older ones used. */
    reclaim(): number {
      let oldest = readGeneration(image);
      for (let worker = 0; worker < options.workers; worker++) oldest = Math.min(oldest, readAcknowledged(image, worker));
      arena.reclaim(oldest);
      trie.reclaim(oldest);
      trie6.reclaim(oldest);
      nextHops.reclaim(oldest);
      for (const entry of retiredIds) if (entry.generation <= oldest) groups.releaseId(entry.id);
      retiredIds = retiredIds.filter((entry) => entry.generation > oldest);
      return oldest;
    },

    groupIdOf: (prefix: Prefix): number | undefined => groups.groupOf(prefix)?.id,

    writeCounts: (): WriteCounts => ({ trie: trie.wordsWritten + trie6.wordsWritten, records: records.wordsWritten }),

    /** The size of each group, for those who ask often: `state` names every prefix. */
    groupSizes: () => [...groups.all()].map(measureGroup),

    state: (): FibState => ({
      hash: options.hash,
      selector: { name: options.selector, ...selectorOptions },
      memberOrder,
      groups: describeAll(),
      ...actions.state(),
      ...(own.size + attached.length > 0 && { direct: describeDirect(own, attached) }),
    }),
  };
}

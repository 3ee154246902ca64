/**
 * The image that a replay forwards by: the tables of a restored FIB as they are, bucket for bucket, so that a packet goes
 * where `explain` says its flow goes, a resilient group's history included. Nobody else reads it while it is written.
 *
 * Offline there are no neighbors: every next hop counts as reachable, at a made-up MAC that ends in its address, and no
 * packet is too long for it, because captures hold what offloads make of packets. Hosts of attached subnets are none of its next
 * hops: what goes to them meets a router that has yet to ask for them.
 */
import { createArena } from "../fib/arena.ts";
import { createImage, type ImageBuffers, openImage } from "../fib/image.ts";
import { GROUP_RECORD, GROUPS, HEADER, MAXIMUM_GROUPS, REDUCTION } from "../fib/layout.ts";
import { type Adjacency, createNextHops, type NextHopName } from "../fib/next-hops.ts";
import { createTrie } from "../fib/trie.ts";
import { createTrie6 } from "../fib/trie6.ts";
import { type Address, compareAddresses, isIpv4 } from "../net/address.ts";
import { MADE_UP_ROUTER_MAC, madeUpMac } from "../net/made-up-mac.ts";
import { formatPrefix } from "../net/prefix.ts";
import { type Direct, type LookupRoutes, listMatches } from "./lookup.ts";
import type { RestoredGroup } from "./restore.ts";

const NO_LIMIT = 0xffffffff;

export interface ReplayImage {
  readonly buffers: ImageBuffers;
  /** By next-hop index: what the core writes into a row that it forwards. In order of address. */
  readonly nextHops: readonly Address[];
}

/** Throws a RangeError where the image has no room. `port`: by which all packets leave. */
export function createReplayImage(routes: LookupRoutes, port: number): ReplayImage {
  const buffers = createImage();
  const image = openImage(buffers);
  const { words } = image;
  const arena = createArena(words.length);
  const trie = createTrie(image.trie);
  const trie6 = createTrie6(image.trie6, words, arena, () => 0);
  const table = createNextHops(words, arena, () => 0);
  const members = routes.groups.flatMap((group) => group.table.members.map(({ address }) => address));
  const nextHops = [...new Set(members)].sort(compareAddresses);
  const hold = (name: NextHopName, adjacency: Adjacency): number => {
    const index = table.hold(name, adjacency);
    if (index === undefined) throw new RangeError(`Cannot replay over ${nextHops.length} next hops as the image is full`);
    return index;
  };
  for (const address of nextHops) {
    const macs = { destination: madeUpMac(address), source: MADE_UP_ROUTER_MAC };
    hold(address, { kind: "reachable", port, ...macs, mtu: NO_LIMIT });
  }

  let groups = 0;
  const openGroup = (): number => {
    if (++groups < MAXIMUM_GROUPS) return groups;
    throw new RangeError(`Cannot replay over more than ${MAXIMUM_GROUPS - 1} groups`);
  };

  const writeTable = ({ owners, members, ...table }: RestoredGroup["table"], id: number): void => {
    const bounds = table.reduction === "bounds" ? table.bounds : [];
    const record = arena.allocate(GROUP_RECORD.owners + owners.length + bounds.length);
    if (record === undefined) throw new RangeError(`Cannot write a group of ${owners.length} buckets as the image is full`);
    const indexes = members.map(({ address }) => nextHops.indexOf(address));
    words[record + GROUP_RECORD.reduction] = REDUCTION[table.reduction];
    words[record + GROUP_RECORD.count] = owners.length;
    words.set(
      Array.from(owners, (owner) => indexes[owner]),
      record + GROUP_RECORD.owners,
    );
    words.set(bounds, record + GROUP_RECORD.owners + owners.length);
    words[GROUPS + id] = record;
  };

  const writeSingle = (owner: number, id: number): void => {
    const record = arena.allocate(GROUP_RECORD.owners + 1);
    if (record === undefined) throw new RangeError("Cannot write a group of one as the image is full");
    words.set([REDUCTION.buckets, 1, owner], record);
    words[GROUPS + id] = record;
  };

  const ids = new Map<RestoredGroup | Direct, number>();
  const idOf = (way: RestoredGroup | Direct): number => {
    const known = ids.get(way);
    if (known !== undefined) return known;
    const id = openGroup();
    ids.set(way, id);
    if (typeof way === "string") writeSingle(hold(...directNextHop(way, port)), id);
    // Without members it has no record, and its prefixes lead nowhere.
    else if (way.table.owners.length > 0) writeTable(way.table, id);
    else if (way.table.members.length > 0) writeSingle(hold("blackhole", { kind: "blackhole" }), id);
    return id;
  };

  for (const { prefix, group, direct } of listMatches(routes)) {
    const { address, length } = prefix;
    const id = idOf(group ?? direct);
    if (length === 0) words[isIpv4(address) ? HEADER.defaultGroup : HEADER.defaultGroup6] = id;
    else if (!(isIpv4(address) ? trie.set(address, length, id) : trie6.set(address, length, id)))
      throw new RangeError(`Cannot route ${formatPrefix(prefix)} as the trie is full`);
  }
  return { buffers, nextHops };
}

/** As the FIB has them. */
const directNextHop = (direct: Direct, port: number): [name: NextHopName, adjacency: Adjacency] =>
  direct === "attached" ? [`attached:${port}`, { kind: "attached", port }] : [direct, { kind: direct }];

/**
 * The map of the FIB image: shared memory that the main thread writes and every worker reads. One writer (the main thread)
 * for every word but `ack`, of which each worker writes its own, and the last uses of buckets, which all of them write.
 *
 *   trie  (Uint16)   direct: 2^24 slots by the first 24 bits │ blocks: 256 slots each by the last 8 bits
 *                    slot: 0 = no route │ 1..32767 = group │ 0x8000 + n = block n
 *   trie6 (Uint32)   root: 2^16 slots by the first 16 bits │ nodes: 256 slots each by eight bits more; a slot is two words:
 *                    the group of a prefix that ends here │ what lies below: 0 = nothing │ n = node n - 1 │ LEAF6 + offset of a leaf
 *   words (Uint32)   header │ groups: id → record │ nextHops: index → record │ arena: the records
 *
 *   group record     reduction │ count │ owner 0 .. count-1 (next-hop index) │ bound 0 .. count-1, if bounds; block of last uses, if aged
 *   leaf record      IPv6 address (4 words) │ prefix length │ group: the one word of a record that changes
 *   next-hop record  kind │ port │ destination MAC high, low │ source MAC high, low │ MTU │ IPv4 address
 *
 * A record is never changed once it can be reached: a change writes a new record and then the one word that points to it,
 * so a packet sees the old or the new one and never a mixture. The old record is used again only when every worker has
 * acknowledged a later generation. Readers use plain loads: the pointer's load orders the record's (address dependency).
 */
export const DIRECT_SLOTS = 1 << 24;
export const BLOCK_SLOTS = 256;
export const MAXIMUM_BLOCKS = 0x8000;
export const BLOCK_FLAG = 0x8000;
export const ROOT6_SLOTS = 1 << 16;
export const NODE6_SLOTS = 256;
export const MAXIMUM_NODES6 = 1 << 15;
export const LEAF6 = 0x80000000;
export const MAXIMUM_GROUPS = 0x8000;
export const MAXIMUM_NEXT_HOPS = 0x4000;
export const MAXIMUM_WORKERS = 32;

export const TRIE_BYTES = (DIRECT_SLOTS + MAXIMUM_BLOCKS * BLOCK_SLOTS) * 2;
export const TRIE6_BYTES = (ROOT6_SLOTS + MAXIMUM_NODES6 * NODE6_SLOTS) * 8;

/** Words of the header. */
export const HEADER = {
  /** Counts publications. Workers look at it once a breath. */
  generation: 0,
  /** The group of 0.0.0.0/0, 0 if none: the default route is one word, not 2^24 slots. */
  defaultGroup: 1,
  /** The same of ::/0. */
  defaultGroup6: 2,
  /** The time of day for buckets with ages (`activity.ts`). */
  clock: 3,
  /** Worker w writes ack + w: the generation that its last breath began with. */
  ack: 16,
} as const;

export const GROUPS = HEADER.ack + MAXIMUM_WORKERS;
export const NEXT_HOPS = GROUPS + MAXIMUM_GROUPS;
export const ARENA = NEXT_HOPS + MAXIMUM_NEXT_HOPS;
export const DEFAULT_ARENA_WORDS = 1 << 22;

export const GROUP_RECORD = { reduction: 0, count: 1, owners: 2 } as const;
/** `agedBuckets`: behind the owners stands where the words of the buckets' last uses are, the one thing that workers write. */
export const REDUCTION = { buckets: 0, bounds: 1, agedBuckets: 2 } as const;

export const LEAF6_RECORD = { address: 0, length: 4, group: 5 } as const;
export const LEAF6_RECORD_WORDS = 6;

export const NEXT_HOP_RECORD = {
  kind: 0,
  port: 1,
  destinationHigh: 2,
  destinationLow: 3,
  sourceHigh: 4,
  sourceLow: 5,
  mtu: 6,
  address: 7,
} as const;
export const NEXT_HOP_RECORD_WORDS = 8;

/**
 * What to do with a packet that a next hop was picked for. `local`: it is for the router itself. `attached`: the subnet is
 * on the port, the packet's own destination has to be resolved. `incomplete`: the next hop's MAC is not known yet.
 */
export const NEXT_HOP_KIND = { blackhole: 0, local: 1, attached: 2, incomplete: 3, reachable: 4, unreachable: 5 } as const;

/**
 * A selection table turns a hash into a member: the hash is reduced to a bucket or a range, and that has one owner. All
 * policy lies in the filling (a `Selector`, one file each in `select/`), which happens on a change; picking is a reduction
 * and a look. Tables are values: a change makes a new one.
 *
 *   buckets   hash % 8 = 5                    bounds   0x40000000 < hash <= 0x9fffffff
 *   owners    0 1 2 3 0 1 2 3                 bounds   3fffffff  9fffffff  ffffffff
 *                       ^ member 1            owners       0         1         2
 */
import type { Address } from "../net/address.ts";

export interface Member {
  /** Who the member is: no two of one table share it. */
  readonly address: Address;
  /** A whole number from 1 to MAXIMUM_WEIGHT. */
  readonly weight: number;
}

/** The most that a configuration may give, and that shares times weights may come to: a table may have an owner for each. */
export const MAXIMUM_WEIGHT = 256;

export const haveEqualWeights = (members: readonly Member[]): boolean =>
  members.every(({ weight }) => weight === members[0].weight);

/** 10.0.0.1 and so on, for members that nobody named. */
export const equalMembers = (count: number): Member[] =>
  Array.from({ length: count }, (_, i) => ({ address: 0x0a000001 + i, weight: 1 }));

/**
 * `buckets`: the hash's remainder by the number of buckets picks a bucket. `bounds`: the first bound that is >= the hash
 * picks (RFC 2992). Either way `owners[i]` is the index of the member that owns bucket or range i.
 */
export type SelectionTable = {
  readonly members: readonly Member[];
  readonly owners: Uint16Array;
  /** What a stateful selector has to know for the next change and cannot read off the owners. */
  readonly memory?: SelectorMemory;
  /** Why the selector has not filled it: then the hash's remainder picks. */
  readonly refusal?: string;
} & ({ readonly reduction: "buckets" } | { readonly reduction: "bounds"; readonly bounds: Uint32Array });

/** Named lists of numbers and addresses: plain JSON, so that a saved state brings it back. */
export type SelectorMemory = Readonly<Record<string, readonly (number | Address)[]>>;

/** What a selector can be told. Each reads what it knows and ignores the rest; the defaults are its own. */
export interface SelectorOptions {
  /** Size of the table, for selectors that fix it. */
  readonly buckets?: number | undefined;
  /** For selectors that scatter: another seed, another layout. */
  readonly seed?: number | undefined;
  /** ring: points on the circle for each unit of weight. */
  readonly replicas?: number | undefined;
  /** anchor: how many places for members there are, taken or not. arista-recmp: the most members there may be. */
  readonly capacity?: number | undefined;
  /** arista-recmp: how many slots each member has when all are there. */
  readonly redundancy?: number | undefined;
  /** sonic-fgnhg: who shares a bank with whom; whoever is in none gets nothing. Absent: one bank of all. */
  readonly banks?: readonly (readonly Address[])[] | undefined;
  /** Groups with timers: how long a bucket must have been unused to move without need. */
  readonly idleTimerSeconds?: number | undefined;
  /** Groups with timers: how long a table may stay uneven before busy buckets move too; 0 for ever. */
  readonly unbalancedTimerSeconds?: number | undefined;
  /** maglev-cilium: the cluster's seed, 12 bytes in base64. */
  readonly hashSeed?: string | undefined;
  /** maglev-cilium: a backend is hashed by its name, which has a port. */
  readonly backendPort?: number | undefined;
}

/** The present as a selector with timers sees it: ages, not times, because nothing here reads a clock. */
export interface BucketActivity {
  /** For each bucket, how long ago its last packet was. */
  readonly idleSeconds: ArrayLike<number>;
  /** How long the table has been uneven. */
  readonly unbalancedSeconds: number;
}

/**
 * What a change may move, besides what it must (the flows of members that depart or lose weight):
 * `minimal`: nothing, and whoever arrives is the only one to receive; `bounded`: little, the selector's file says how much;
 * `any`: whatever the arithmetic gives.
 */
export type Movement = "minimal" | "bounded" | "any";

/**
 * How near a first fill comes to what the weights entitle to. `exact`: within one bucket, or one hash. `turns`: within a
 * bucket for each member, and within one when the weights are equal. `sampled`: as near as drawing each bucket by lot would.
 * `points`: as near as throwing points on a circle would. `first-turn`: of equal weights as `turns`, of others no nearer to
 * equal shares than the greatest weight.
 */
export type Evenness = "exact" | "turns" | "sampled" | "points" | "first-turn";

export interface Selector {
  readonly name: string;
  /** Stateful selectors start from the table in force; the others do not look at it. */
  readonly stateful: boolean;
  /** Whether the order of the members decides anything. */
  readonly ordered: boolean;
  /** Ages of buckets decide too: whoever has a clock calls `fill` again now and then, with the same members and `activity`. */
  readonly timed?: true;
  readonly movement: Movement;
  readonly evenness: Evenness;
  /**
   * Weights count in every group, unless the source itself departs from that: then why the weights of these members make hardly
   * a difference, as what follows the selector's name; undefined where they count, or are equal.
   */
  readonly ignoresWeights?: (members: readonly Member[]) => string | undefined;
  /** Of tables of bounds: how many bits of hash they are drawn over. */
  readonly hashBits?: number;
  /** `activity` is for selectors with timers; without it no timer has run out. Throws a RangeError for what it cannot fill. */
  fill(
    members: readonly Member[],
    options: SelectorOptions,
    previous?: SelectionTable,
    activity?: BucketActivity,
  ): SelectionTable;
}

/** Of one table: 2^20, so that a table of 655373 is possible. The shared image has room for four of them. */
export const MAXIMUM_BUCKETS = 1 << 20;

/** An owner is 16 bits, and one value is free to mean that nobody is. */
export const MAXIMUM_MEMBERS = 0xffff;

/** The index of the member that `hash` (unsigned, 32 bits) picks, -1 of an empty table. The slow, plain form. */
export function select(table: SelectionTable, hash: number): number {
  if (table.owners.length === 0) return -1;
  return table.owners[bucketOf(table, hash)];
}

/** The bucket or range that `hash` falls into; the table must not be empty. */
export function bucketOf(table: SelectionTable, hash: number): number {
  if (table.reduction === "buckets") return hash % table.owners.length;
  let low = 0;
  let high = table.bounds.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (hash <= table.bounds[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** For each member, how many buckets, or how many of the 2^32 hashes, are its own. */
export function memberShares(table: SelectionTable): number[] {
  const shares = new Array<number>(table.members.length).fill(0);
  table.owners.forEach((owner, i) => {
    if (table.reduction === "buckets") shares[owner]++;
    else shares[owner] += table.bounds[i] - (i === 0 ? -1 : table.bounds[i - 1]);
  });
  return shares;
}

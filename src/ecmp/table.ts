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
  /** A whole number from 1. */
  readonly weight: number;
}

/**
 * `buckets`: the hash's remainder by the number of buckets picks a bucket. `bounds`: the first bound that is >= the hash
 * picks (RFC 2992). Either way `owners[i]` is the index of the member that owns bucket or range i.
 */
export type SelectionTable = { readonly members: readonly Member[]; readonly owners: Uint16Array } & (
  | { readonly reduction: "buckets" }
  | { readonly reduction: "bounds"; readonly bounds: Uint32Array }
);

export interface SelectorOptions {
  /** Size of the table, for selectors that fix it. */
  readonly buckets?: number;
}

export interface Selector {
  readonly name: string;
  /** Stateful selectors start from the table in force; the others do not look at it. */
  readonly stateful: boolean;
  fill(members: readonly Member[], options: SelectorOptions, previous?: SelectionTable): SelectionTable;
}

/** What `owners` and the shared image have room for. */
export const MAXIMUM_BUCKETS = 65536;

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

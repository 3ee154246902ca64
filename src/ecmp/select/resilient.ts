/**
 * Resilient hashing: a fixed number of buckets, and a change moves as few of them as it can. Who leaves gives its buckets to
 * those that stay, and nothing else moves; who arrives, or gains weight, takes what it needs from those that have too much.
 * The next table follows from the table in force and the new members, and from nothing else.
 *
 *   members 0 1 2, 8 buckets     0 1 2 0 1 2 0 1
 *   member 1 leaves              0 2 2 0 0 2 0 2     (the members are now numbered 0 2, written as before)
 *
 * A first fill deals the buckets in order, each to the member that lacks most: round robin for equal weights; otherwise the
 * heavier ones first, until all lack the same. This is the bucket table of Linux resilient groups and of switches, without
 * their timers: a bucket moves at once, busy or idle.
 */
import type { Member, SelectionTable, Selector } from "../table.ts";
import { checkBuckets, emptyTable, keep, onlyDepartures, shareOut, usable, VACANT } from "./share-out.ts";

export const DEFAULT_RESILIENT_BUCKETS = 128;

export const resilient: Selector = {
  name: "resilient",
  stateful: true,
  ordered: true,
  movement: "minimal",
  evenness: "exact",
  fill: (members, options, previous) => {
    const buckets = options.buckets ?? DEFAULT_RESILIENT_BUCKETS;
    checkBuckets("resilient", buckets, members);
    return fillResilient(members, buckets, previous);
  },
};

/** For selectors that are this one but for the number of buckets, or for what they add. */
export function fillResilient(members: readonly Member[], buckets: number, previous?: SelectionTable): SelectionTable {
  if (members.length === 0) return emptyTable();
  const before = usable(previous, buckets);
  const owners = before ? keep(before, members) : new Int32Array(buckets).fill(VACANT);
  shareOut(members, owners, before !== undefined && onlyDepartures(before, members));
  return { members, reduction: "buckets", owners: Uint16Array.from(owners) };
}

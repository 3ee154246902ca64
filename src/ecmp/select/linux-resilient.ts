/**
 * A resilient next-hop group of Linux 5.13 and later, in the very order in which net/ipv4/nexthop.c takes its steps: a fixed
 * number of buckets, and a bucket moves only from a member that has too many to one that has too few, and only when it is
 * idle, or when the table has been uneven for too long. Who has lost its member moves at once.
 *
 *   members 1 2 3, 8 buckets     3 3 3 2 2 1 1 1       wanted 3 2 3; who comes last in the group is served first
 *   member 2 is removed          3 3 3 3 1 1 1 1       orphans move, in bucket order
 *
 * While all buckets are busy nothing else moves. Idle ones also move between members that stay, where rounding gives one of
 * them a bucket more and another a bucket less than before.
 *
 * The kernel does this upon a change, and again when a timer says so: that is a fill with the same members and a later
 * activity. A bucket that was not used since it moved counts as idle there: `idleSeconds` is infinite.
 */
import type { BucketActivity, Member, SelectionTable, Selector, SelectorOptions } from "../table.ts";
import { DEFAULT_RESILIENT_BUCKETS } from "./resilient.ts";
import { emptyTable, keep, usable, VACANT } from "./share-out.ts";

export const linuxResilient: Selector = {
  name: "linux-resilient",
  stateful: true,
  ordered: true,
  timed: true,
  movement: "minimal",
  evenness: "exact",
  fill,
};

const DEFAULT_IDLE_TIMER_SECONDS = 120;
/** Never: a bucket in use stays. */
const DEFAULT_UNBALANCED_TIMER_SECONDS = 0;
/** The netlink attribute has 16 bits. */
const MAXIMUM_LINUX_BUCKETS = 0xffff;

function fill(
  members: readonly Member[],
  options: SelectorOptions,
  previous?: SelectionTable,
  activity?: BucketActivity,
): SelectionTable {
  const { buckets = DEFAULT_RESILIENT_BUCKETS } = options;
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > MAXIMUM_LINUX_BUCKETS)
    throw new RangeError(`Cannot fill a linux-resilient table: ${buckets} buckets, wanted 1 to ${MAXIMUM_LINUX_BUCKETS}`);
  if (members.length === 0) return emptyTable();
  const before = usable(previous, buckets);
  const owners = before ? keep(before, members) : new Int32Array(buckets).fill(VACANT);
  migrate(owners, countSurplus(members, owners), mayMove(options, activity));
  return { members, reduction: "buckets", owners: Uint16Array.from(owners) };
}

/** For each member its buckets less those it should have: its weight's share, as running sums rounded to the nearest. */
function countSurplus(members: readonly Member[], owners: Int32Array): number[] {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  let weights = 0;
  let before = 0;
  const surplus = members.map(({ weight }) => {
    weights += weight;
    const bound = Math.floor((owners.length * weights + Math.floor(total / 2)) / total);
    const wanted = bound - before;
    before = bound;
    return -wanted;
  });
  for (const owner of owners) if (owner !== VACANT) surplus[owner]++;
  return surplus;
}

/** May a bucket of a member that has too many move? */
function mayMove(options: SelectorOptions, activity: BucketActivity | undefined): (bucket: number) => boolean {
  if (!activity) return () => false;
  const { idleTimerSeconds = DEFAULT_IDLE_TIMER_SECONDS, unbalancedTimerSeconds = DEFAULT_UNBALANCED_TIMER_SECONDS } = options;
  const overdue = unbalancedTimerSeconds > 0 && activity.unbalancedSeconds > unbalancedTimerSeconds;
  return (bucket) => overdue || activity.idleSeconds[bucket] >= idleTimerSeconds;
}

function migrate(owners: Int32Array, surplus: number[], isFree: (bucket: number) => boolean): void {
  for (let bucket = 0; bucket < owners.length; bucket++) {
    const owner = owners[bucket];
    if (owner !== VACANT && (surplus[owner] <= 0 || !isFree(bucket))) continue;
    // As the kernel counts, it puts each member that lacks buckets at the head of a list: the last one leads.
    const taker = surplus.findLastIndex((amount) => amount < 0);
    if (owner !== VACANT) surplus[owner]--;
    surplus[taker]++;
    owners[bucket] = taker;
  }
}

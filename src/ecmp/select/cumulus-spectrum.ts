/**
 * Resilient hashing on Cumulus switches with Spectrum chips (Cumulus Linux 3.7 and 5, "Equal Cost Multipath Load Sharing"):
 * 64 buckets by default; a removed next hop's buckets go to the remaining ones at once; an *added* one gets nothing until a
 * bucket has seen no packet for the active timer (120 s), and then takes that bucket; a second timer, off by default, forces
 * a rebalance that moves busy buckets too.
 *
 * The timers are `idleTimerSeconds` and `unbalancedTimerSeconds`. No clock is in here: whoever has one calls `fill` again with
 * the same members and the ages of the buckets. Without ages no timer has run out. Our reading: an idle bucket moves from a
 * member that has more than its due to the one that lacks most, if that makes the two more even.
 */
import type { BucketActivity, Selector } from "../table.ts";
import {
  checkBuckets,
  createLacking,
  deal,
  emptyTable,
  indexOfGreatest,
  keep,
  type Lacking,
  level,
  move,
  usable,
  VACANT,
} from "./share-out.ts";

const DEFAULT_SPECTRUM_BUCKETS = 64;
const DEFAULT_ACTIVE_TIMER_SECONDS = 120;

export const cumulusSpectrum: Selector = {
  name: "cumulus-spectrum",
  stateful: true,
  ordered: true,
  timed: true,
  movement: "minimal",
  evenness: "exact",
  fill: (members, options, previous, activity) => {
    const { buckets = DEFAULT_SPECTRUM_BUCKETS, unbalancedTimerSeconds = 0 } = options;
    checkBuckets("cumulus-spectrum", buckets, members);
    if (members.length === 0) return emptyTable();
    const before = usable(previous, buckets);
    const owners = before ? keep(before, members) : new Int32Array(buckets).fill(VACANT);
    const lacking = createLacking(members, owners);
    deal(owners, lacking);
    if (activity) {
      moveIdle(owners, lacking, activity, options.idleTimerSeconds ?? DEFAULT_ACTIVE_TIMER_SECONDS);
      if (unbalancedTimerSeconds > 0 && activity.unbalancedSeconds >= unbalancedTimerSeconds) level(owners, lacking);
    }
    return { members, reduction: "buckets", owners: Uint16Array.from(owners) };
  },
};

function moveIdle(owners: Int32Array, lacking: Lacking, { idleSeconds }: BucketActivity, timerSeconds: number): void {
  const { amounts, oneBucket } = lacking;
  for (let bucket = 0; bucket < owners.length; bucket++) {
    if (idleSeconds[bucket] < timerSeconds) continue;
    const giver = owners[bucket];
    const taker = indexOfGreatest(amounts);
    if (amounts[giver] >= 0 || amounts[taker] - amounts[giver] <= oneBucket) continue;
    owners[bucket] = taker;
    move(lacking, giver, taker);
  }
}

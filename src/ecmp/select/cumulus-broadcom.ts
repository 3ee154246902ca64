/**
 * Resilient hashing on Cumulus switches with Broadcom chips (Cumulus Linux 3.7, "Equal Cost Multipath Load Sharing"): 64, 128
 * (default), 256, 512 or 1024 buckets a group; a removed next hop's buckets go to the remaining ones and no other moves; an
 * added one is given *some* buckets of the others at once, busy or not; shares are as near to equal as can be, and buckets
 * are assigned at random "to minimize the chance of systemic imbalance".
 *
 * Our reading: it is `resilient` on buckets in a shuffled order that the seed decides. Which buckets a chip draws is not
 * published. Other numbers of buckets are allowed, for experiments.
 */
import type { SelectionTable, Selector } from "../table.ts";
import { fillResilient } from "./resilient.ts";
import { shuffledNumbers } from "./scatter.ts";
import { checkBuckets, emptyTable, usable } from "./share-out.ts";

const DEFAULT_BROADCOM_BUCKETS = 128;

export const cumulusBroadcom: Selector = {
  name: "cumulus-broadcom",
  stateful: true,
  ordered: true,
  movement: "minimal",
  evenness: "exact",
  fill: (members, { buckets = DEFAULT_BROADCOM_BUCKETS, seed = 0 }, previous) => {
    checkBuckets("cumulus-broadcom", buckets, members);
    if (members.length === 0) return emptyTable();
    const order = shuffledNumbers(buckets, seed);
    const before = usable(previous, buckets);
    const inOrder = before && withOwners(before, (rank) => before.owners[order[rank]]);
    const table = fillResilient(members, buckets, inOrder);
    const rankOf = new Int32Array(buckets);
    order.forEach((bucket, rank) => {
      rankOf[bucket] = rank;
    });
    return withOwners(table, (bucket) => table.owners[rankOf[bucket]]);
  },
};

const withOwners = (table: SelectionTable, ownerOf: (bucket: number) => number): SelectionTable => ({
  ...table,
  owners: table.owners.map((_, bucket) => ownerOf(bucket)),
});

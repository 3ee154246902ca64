/**
 * Persistent load balancing with auto-recovery (Cisco 8000 and other IOS XR routers: "resilient hashing and flow
 * auto-recovery"): when a path fails only its buckets move, and when it comes back it takes *its own* buckets back, so that
 * the original distribution is restored. The plain resilient selector gives a returning member other buckets than it had.
 *
 *   homes, members a b c         a b c a b c a b
 *   b departs                    a c c a a c a c
 *   b returns                    a b c a b c a b
 *
 * The homes are the table's memory. Our reading of what is not published: who is new, or has another weight, changes the
 * original; the table that results is the new home of all its buckets, and those that are away then are forgotten.
 */
import type { Address } from "../../net/address.ts";
import type { Member, SelectionTable, Selector } from "../table.ts";
import { fillResilient } from "./resilient.ts";
import { checkBuckets, emptyTable, keep, shareOut, usable, VACANT } from "./share-out.ts";

const DEFAULT_RECOVERY_BUCKETS = 128;

export const autoRecovery: Selector = {
  name: "auto-recovery",
  stateful: true,
  ordered: true,
  movement: "minimal",
  evenness: "exact",
  fill: (members, { buckets = DEFAULT_RECOVERY_BUCKETS }, previous) => {
    checkBuckets("auto-recovery", buckets, members);
    const homes = homesOf(previous, buckets);
    // Even without anybody left the homes are known: all may return.
    if (members.length === 0) return homes ? { ...emptyTable(), memory: { homes } } : emptyTable();
    if (previous && homes && members.every((member) => isKnown(member, previous, homes))) {
      return recover(members, previous, homes);
    }
    const table = fillResilient(members, buckets, previous);
    return { ...table, memory: { homes: Array.from(table.owners, (owner) => members[owner].address) } };
  },
};

function homesOf(table: SelectionTable | undefined, buckets: number): readonly Address[] | undefined {
  const homes = table?.memory?.homes;
  return homes?.length === buckets ? homes : undefined;
}

const isKnown = ({ address, weight }: Member, { members }: SelectionTable, homes: readonly Address[]): boolean =>
  homes.includes(address) && members.every((old) => old.address !== address || old.weight === weight);

function recover(members: readonly Member[], previous: SelectionTable, homes: readonly Address[]): SelectionTable {
  const before = usable(previous, homes.length);
  const owners = before ? keep(before, members) : new Int32Array(homes.length).fill(VACANT);
  const indexOf = new Map(members.map(({ address }, index) => [address, index]));
  homes.forEach((home, bucket) => {
    owners[bucket] = indexOf.get(home) ?? owners[bucket];
  });
  shareOut(members, owners, true);
  return { members, reduction: "buckets", owners: Uint16Array.from(owners), memory: { homes } };
}

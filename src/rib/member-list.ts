/**
 * Lists of next hops, in the order in which the FIB is told: whether two are the same, and one list for all routes that go the
 * same way, so that many routes are told to the FIB as one change. It remembers lists to be found again, and knows of none
 * whether it is in use.
 */
import { hashValue, mixHash } from "../net/value.ts";
import type { RouteNextHop } from "./route.ts";

export interface MemberLists {
  /** The list that says the same, if it is remembered. */
  keep(nextHops: readonly RouteNextHop[]): readonly RouteNextHop[];
}

/** To be remembered; routes go few ways. */
const MAXIMUM_LISTS = 4096;

export function createMemberLists(): MemberLists {
  const byHash = new Map<number, readonly RouteNextHop[]>();
  return {
    keep(nextHops) {
      let hash = nextHops.length;
      for (const { address, weight } of nextHops) hash = mixHash(hashValue(address, hash), weight);
      const known = byHash.get(hash);
      if (known && sameNextHops(known, nextHops)) return known;
      if (byHash.size === MAXIMUM_LISTS) byHash.clear();
      byHash.set(hash, nextHops);
      return nextHops;
    },
  };
}

export function sameNextHops(a: readonly RouteNextHop[], b: readonly RouteNextHop[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every(({ address, weight }, i) => address === b[i].address && weight === b[i].weight);
}

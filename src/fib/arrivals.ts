/**
 * In which order a router has first heard of its next hops: what the member order `announced` is made of. It is one order for
 * all groups, so that the same members are the same group whatever each prefix has been through, and it is how FRR's zebra does
 * it: it numbers next hops as it meets them and hands a kernel each group in the order of these numbers.
 */
import type { Address } from "../net/address.ts";
import { MAXIMUM_NEXT_HOPS } from "./layout.ts";

/** Places of next hops that no group has are kept, for who returns, as long as there is room. */
const MAXIMUM_PLACES = 4 * MAXIMUM_NEXT_HOPS;

/** The place of a next hop, a new one's behind all others. `inUse`: those that groups have. */
export function createArrivals(inUse: () => ReadonlySet<Address>, maximumPlaces = MAXIMUM_PLACES): (address: Address) => number {
  const places = new Map<Address, number>();
  let next = 0;
  const forgetUnused = (): void => {
    const used = inUse();
    for (const address of places.keys()) if (!used.has(address)) places.delete(address);
  };
  return (address) => {
    const known = places.get(address);
    if (known !== undefined) return known;
    if (places.size >= maximumPlaces) forgetUnused();
    places.set(address, next);
    return next++;
  };
}

/**
 * In which order a group has its members. Selectors that deal by place (`Selector.ordered`) answer otherwise in another order,
 * so it is a choice of its own: routers differ in it as they do in hashes. Groups, scenarios and configurations ask here.
 *
 *   address      ascending, whatever was said: the same group on every router that hears of the same next hops
 *   configured   as the route gives them: a static route's as they are written, which is what a kernel keeps to; learned ones
 *                by address
 *   announced    as the router first heard of them, those of one change by address; who returns has its old place
 */
import { type Address, compareAddresses } from "../net/address.ts";

export const MEMBER_ORDERS = ["address", "configured", "announced"] as const;
export type MemberOrder = (typeof MEMBER_ORDERS)[number];

interface Named {
  readonly address: Address;
}

/** `given`: as the route has them; `placeOf`: a next hop's place among all that were heard of, a new one's behind all others. */
export function orderMembers<Member extends Named>(
  order: MemberOrder,
  given: readonly Member[],
  placeOf: (address: Address) => number,
): readonly Member[] {
  if (order === "configured") return given;
  const ascending = isAscending(given) ? given : given.toSorted((a, b) => compareAddresses(a.address, b.address));
  if (order === "address") return ascending;
  // All have a place before any two are compared.
  const places = new Map(ascending.map(({ address }) => [address, placeOf(address)]));
  return ascending.toSorted((a, b) => Number(places.get(a.address)) - Number(places.get(b.address)));
}

const isAscending = (members: readonly Named[]): boolean =>
  members.every(({ address }, i) => i === 0 || compareAddresses(members[i - 1].address, address) < 0);

/**
 * In which order a group has its members. Selectors that deal by place (`Selector.ordered`) answer otherwise in another order,
 * so it is a choice of its own: routers differ in it as they do in hashes. Groups, scenarios and configurations ask here.
 *
 *   address      ascending, whatever was said: the same group on every router that hears of the same next hops
 *   configured   as the route gives them: a static route's as they are written, learned ones by address, as FRR's zebra hands
 *                them to a kernel, which keeps the order it is given
 *   announced    as they came: who is there keeps its place, who arrives goes to the end, a returner too
 */
import { type Address, compareAddresses } from "../net/address.ts";

export const MEMBER_ORDERS = ["address", "configured", "announced"] as const;
export type MemberOrder = (typeof MEMBER_ORDERS)[number];

interface Named {
  readonly address: Address;
}

/** `given`: as the route has them; `previous`: in their order, those that the group has had until now. */
export function orderMembers<Member extends Named>(
  order: MemberOrder,
  given: readonly Member[],
  previous: readonly Named[] = [],
): readonly Member[] {
  if (order === "configured") return given;
  if (order === "address") return isAscending(given) ? given : given.toSorted((a, b) => compareAddresses(a.address, b.address));
  const places = new Map(previous.map(({ address }, place) => [address, place]));
  const placeOf = ({ address }: Named): number => places.get(address) ?? previous.length;
  return given.toSorted((a, b) => placeOf(a) - placeOf(b));
}

const isAscending = (members: readonly Named[]): boolean =>
  members.every(({ address }, i) => i === 0 || compareAddresses(members[i - 1].address, address) < 0);

/**
 * Hash-threshold as Linux does it, for multipath routes (`fib_rebalance`, net/ipv4/fib_semantics.c; `rt6_upper_bound_set`,
 * net/ipv6/route.c) and next-hop groups (`nh_hthr_group_rebalance`, net/ipv4/nexthop.c) alike: for hashes of 31 bits, each bound
 * the weights' share of 2^31 rounded to the nearest, less one. Other selectors of the kind round down and use 32 bits.
 *
 *   weights 1 1 1     bounds 2aaaaaaa 55555554 7fffffff
 */
import type { Member, SelectionTable, Selector } from "../table.ts";

export const linuxThreshold: Selector = {
  name: "linux-threshold",
  stateful: false,
  ordered: true,
  movement: "any",
  evenness: "exact",
  hashBits: 31,
  fill,
};

function fill(members: readonly Member[]): SelectionTable {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const bounds = new Uint32Array(members.length);
  let sum = 0;
  members.forEach(({ weight }, index) => {
    sum += weight;
    bounds[index] = Math.floor((sum * 2 ** 31 + Math.floor(total / 2)) / total) - 1;
  });
  return { members, reduction: "bounds", owners: Uint16Array.from(members.keys()), bounds };
}

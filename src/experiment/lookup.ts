/**
 * Longest-prefix match over a restored FIB: one look for each length that occurs, longest first. The packet path has a trie;
 * this is the plain form, right for both families.
 */
import { type Address, isIpv4 } from "../net/address.ts";
import { makePrefix, type Prefix, prefixKey } from "../net/prefix.ts";
import type { RestoredGroup } from "./restore.ts";

/** A route found: the prefix that matched, and its group. */
export interface Match {
  readonly prefix: Prefix;
  readonly group: RestoredGroup;
}

export function createLookup(groups: readonly RestoredGroup[]): (address: Address) => Match | undefined {
  const matches = new Map<number | string, Match>();
  for (const group of groups) for (const prefix of group.prefixes) matches.set(prefixKey(prefix), { prefix, group });
  const prefixes = groups.flatMap((group) => group.prefixes);
  const lengthsOf = (ipv4: boolean): number[] => {
    const lengths = prefixes.filter(({ address }) => isIpv4(address) === ipv4).map(({ length }) => length);
    return [...new Set(lengths)].sort((a, b) => b - a);
  };
  const ipv4Lengths = lengthsOf(true);
  const ipv6Lengths = lengthsOf(false);
  return (address) => {
    for (const length of isIpv4(address) ? ipv4Lengths : ipv6Lengths) {
      const match = matches.get(prefixKey(makePrefix(address, length)));
      if (match) return match;
    }
    return undefined;
  };
}

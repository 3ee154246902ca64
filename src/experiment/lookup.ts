/**
 * Longest-prefix match over a restored FIB: one look for each length that occurs, longest first. The packet path has a trie;
 * this is the plain form, right for both families.
 */
import { type Address, isIpv4 } from "../net/address.ts";
import { maskAddress, type Prefix } from "../net/prefix.ts";
import type { RestoredGroup } from "./restore.ts";

/** A route found: the prefix that matched, and its group. */
export interface Match {
  readonly prefix: Prefix;
  readonly group: RestoredGroup;
}

type Lookup = (address: Address) => Match | undefined;

export function createLookup(groups: readonly RestoredGroup[]): Lookup {
  const matches = groups.flatMap((group) => group.prefixes.map((prefix) => ({ prefix, group })));
  const lookupIpv4 = createFamilyLookup(matches.filter(({ prefix }) => isIpv4(prefix.address)));
  const lookupIpv6 = createFamilyLookup(matches.filter(({ prefix }) => !isIpv4(prefix.address)));
  return (address) => (isIpv4(address) ? lookupIpv4(address) : lookupIpv6(address));
}

function createFamilyLookup(matches: readonly Match[]): Lookup {
  const byLength = new Map<number, Map<Address, Match>>();
  for (const match of matches) {
    const { address, length } = match.prefix;
    const table = byLength.get(length) ?? new Map<Address, Match>();
    byLength.set(length, table.set(address, match));
  }
  const tables = [...byLength].sort(([a], [b]) => b - a);
  return (address) => {
    for (const [length, table] of tables) {
      const match = table.get(maskAddress(address, length));
      if (match) return match;
    }
    return undefined;
  };
}

/**
 * Longest-prefix match over a restored FIB: one look for each length that occurs, longest first. The packet path has a trie;
 * this is the plain form, right for both families. Prefixes of groups and those that have something else in place of one are
 * in one table, so that a longer one of either kind goes before.
 */
import type { ActionState } from "../fib/state.ts";
import { type Address, isIpv4 } from "../net/address.ts";
import { hostPrefix, maskAddress, type Prefix, prefixKey } from "../net/prefix.ts";
import type { RestoredFib, RestoredGroup } from "./restore.ts";

/** What packets meet that no group sends to a next hop: the router itself, their own destination on a port's subnet, nothing. */
export type Direct = "local" | "attached" | ActionState["action"];

/** A route found: the prefix that matched, and its group or what is there in place of one. */
export type Match =
  | { readonly prefix: Prefix; readonly group: RestoredGroup; readonly direct?: undefined }
  | { readonly prefix: Prefix; readonly group?: undefined; readonly direct: Direct };

export type LookupRoutes = Pick<RestoredFib, "groups" | "actions" | "direct">;

type Lookup = (address: Address) => Match | undefined;

/** Everything that a packet may meet, each prefix once: of two, a group goes before, and what is ours before what is thrown away. */
export function listMatches({ groups, actions, direct }: LookupRoutes): Match[] {
  const all: readonly Match[] = [
    ...actions.map(({ prefix, action }) => ({ prefix, direct: action })),
    ...direct.attached.map((prefix) => ({ prefix, direct: "attached" as const })),
    ...direct.local.map((address) => ({ prefix: hostPrefix(address), direct: "local" as const })),
    ...groups.flatMap((group) => group.prefixes.map((prefix) => ({ prefix, group }))),
  ];
  return [...new Map(all.map((match) => [prefixKey(match.prefix), match])).values()];
}

export function createLookup(routes: LookupRoutes): Lookup {
  const matches = listMatches(routes);
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

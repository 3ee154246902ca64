/**
 * Whether the selector can serve the groups that a configuration makes or allows, asked of the selector itself: static routes
 * as they are written, and, where it was put together by hand, as many next hops as BGP may bring. A profile is a router's own
 * size: what is beyond that happens to the real one too, and is a state of the group (`ecmp/fill.ts`).
 */
import { tryFill } from "../ecmp/fill.ts";
import type { MemberOrder } from "../ecmp/member-order.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { equalMembers, type Member, type SelectionTable, type SelectorOptions } from "../ecmp/table.ts";
import { describeUnbanked, describeUnevenness } from "../ecmp/unevenness.ts";
import type { Address } from "../net/address.ts";

/** What of a configuration it takes. */
export interface Served {
  readonly ecmp: {
    readonly hash: { readonly profile?: string | undefined };
    readonly selector: { readonly name: string } & SelectorOptions;
    readonly memberOrder: MemberOrder;
  };
  readonly bgp?: { readonly maximumPaths: number; readonly maximumPathsIbgp?: number | undefined } | undefined;
  readonly routes: readonly { readonly nextHops: readonly Member[] }[];
}

/** More is a mistake by itself, and nothing to fill a table for. */
export const MOST_PATHS = 512;

interface Finding {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Mistakes. */
export function findUnserved({ ecmp, bgp, routes }: Served): Finding[] {
  const { name, ...options } = ecmp.selector;
  const path = ["ecmp", "selector"];
  const alone = refusalOf(ecmp.selector, equalMembers(1));
  if (alone !== undefined) return [{ path, message: alone }];
  // Many routes, and few ways to go.
  const known = new Map<string, string | undefined>();
  const findings = routes.flatMap(({ nextHops }, i) => {
    // It has an action in their place.
    if (nextHops.length === 0) return [];
    const key = JSON.stringify(nextHops);
    if (!known.has(key)) known.set(key, refusalOf(ecmp.selector, nextHops));
    const message = known.get(key);
    return message === undefined ? [] : [{ path: ["routes", i, "nextHops"], message: `${message} (selector ${name})` }];
  });
  const most = Math.max(bgp?.maximumPaths ?? 0, bgp?.maximumPathsIbgp ?? 0);
  const unserved =
    ecmp.hash.profile === undefined && most > 0 && most <= MOST_PATHS ? refusalOf(ecmp.selector, equalMembers(most)) : undefined;
  if (unserved !== undefined) findings.push({ path, message: `${unserved} (bgp.maximumPaths allows ${most} members)` });
  return [...findings, ...findUnbanked(options, bgp === undefined && routes.length > 0, routes)];
}

/** Members are known where routes name them and no neighbor may bring others. */
function findUnbanked({ banks }: SelectorOptions, isKnown: boolean, routes: Served["routes"]): Finding[] {
  if (!banks) return [];
  const banked = new Set(banks.flat());
  const named = new Set(routes.flatMap(({ nextHops }) => nextHops.map(({ address }) => address)));
  const findings: Finding[] = [];
  routes.forEach(({ nextHops }, i) => {
    if (nextHops.length > 0 && nextHops.every(({ address }) => !banked.has(address)))
      findings.push({ path: ["routes", i, "nextHops"], message: "wanted at least one next hop that is in a bank" });
  });
  const isUnknown = (address: Address): boolean => isKnown && !named.has(address);
  banks.forEach((bank, i) => {
    bank.forEach((address, j) => {
      if (isUnknown(address))
        findings.push({ path: ["ecmp", "selector", "banks", i, j], message: "wanted a next hop of some route" });
    });
  });
  return findings;
}

/** Not mistakes, but hardly what is wanted: one text a line. */
export function findWarnings(served: Served): string[] {
  return [...findUneven(served), ...findUnbankedHops(served)];
}

function findUnbankedHops({ ecmp, routes }: Served): string[] {
  return routes.flatMap(({ nextHops }, i) => {
    if (nextHops.length === 0) return [];
    const unbanked = describeUnbanked(ecmp.selector, nextHops);
    return unbanked === undefined ? [] : [`routes[${i}]: ${unbanked}`];
  });
}

/** One text a group, at the first place that makes it. */
function findUneven({ ecmp, bgp, routes }: Served): string[] {
  const { name, ...options } = ecmp.selector;
  const most = Math.max(bgp?.maximumPaths ?? 0, bgp?.maximumPathsIbgp ?? 0);
  const groups = [
    ...routes.flatMap(({ nextHops }, i) => (nextHops.length === 0 ? [] : [{ where: `routes[${i}]`, members: nextHops }])),
    ...(most > 0 ? [{ where: "bgp.maximumPaths", members: equalMembers(most) }] : []),
  ];
  const first = new Map(groups.toReversed().map((group) => [JSON.stringify(group.members), group]));
  return [...first.values()].toReversed().flatMap(({ where, members }) => {
    const table = fill(ecmp.selector, members);
    if (typeof table === "string") return [`${where}: ${members.length} members go by the hash's remainder: ${table}`];
    const uneven = describeUnevenness(SELECTORS[name], options, table);
    return uneven === undefined ? [] : [`${where}: ${uneven}`];
  });
}

const fill = ({ name, ...options }: Served["ecmp"]["selector"], members: readonly Member[]): SelectionTable | string =>
  tryFill(SELECTORS[name], members, options);

/** As a mistake says it: "wanted" and what. */
function refusalOf(selector: Served["ecmp"]["selector"], members: readonly Member[]): string | undefined {
  const table = fill(selector, members);
  return typeof table === "string" ? table.replace(/^Cannot fill a[^:]*: (.*), wanted (.*)$/s, "wanted $2; here $1") : undefined;
}

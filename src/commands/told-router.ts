/**
 * The router that `--config` or `--state` tells of beside a capture, for `balance` and `disrupt`: its routes say which packets are
 * forwarded at all, and its hash, selector, member order and next hops are those that are judged wherever no flag says otherwise.
 */
import type { HashOptions } from "../ecmp/flow-hash.ts";
import type { MemberOrder } from "../ecmp/member-order.ts";
import type { Member, SelectionTable } from "../ecmp/table.ts";
import type { LookupRoutes } from "../experiment/lookup.ts";
import { type RestoredGroup, restoreFib } from "../experiment/restore.ts";
import type { SelectorChoice } from "../experiment/scenario.ts";
import { formatAddress } from "../net/address.ts";
import { formatPrefix } from "../net/prefix.ts";
import { CommandError } from "./output.ts";
import { loadConfiguredState, loadSavedState } from "./state-file.ts";

export interface ToldRouter {
  readonly file: string;
  readonly routes: LookupRoutes;
  readonly hash: HashOptions;
  readonly selector: SelectorChoice;
  readonly memberOrder: MemberOrder;
}

/** Undefined: no file tells of one. */
export function loadRouter({ config, state }: { config?: string; state?: string }): ToldRouter | undefined {
  const file = state ?? config;
  if (file === undefined) return undefined;
  const saved = state === undefined ? loadConfiguredState(file) : loadSavedState(file);
  try {
    const routes = restoreFib(saved);
    const { hash, selectorName, selectorOptions, memberOrder } = routes;
    return { file, routes, hash, selector: { name: selectorName, options: selectorOptions }, memberOrder };
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message}`);
  }
}

/** More are not worth being read. */
const NAMED_GROUPS = 5;

/** All groups have the same, or it is not known which are meant. In their order. */
export function membersOfRouter({ file, routes }: ToldRouter): readonly Member[] {
  const groups = [...new Map(withMembers(routes).map((group) => [nameMembers(group.table.members), group])).values()];
  if (groups.length === 0) throw new CommandError(`${file}: no route to next hops, wanted one, or --members`);
  if (groups.length > 1)
    throw new CommandError(
      `${file}: ${groups.length} groups of next hops, wanted one, or --members: ${groups.slice(0, NAMED_GROUPS).map(describeGroup).join("; ")}${groups.length > NAMED_GROUPS ? "; and others" : ""}`,
    );
  return groups[0].table.members;
}

export const hasMembers = ({ routes }: ToldRouter, members: readonly Member[]): boolean =>
  withMembers(routes).some(({ table }) => nameMembers(table.members) === nameMembers(members));

export const isSelectorOf = ({ selector }: ToldRouter, choice: SelectorChoice): boolean =>
  nameValue(selector) === nameValue(choice);

/**
 * As the router has it, whatever changes it has been through: if that is one and the same table for all that it forwards, and
 * would be filled in this way, by the selector with members in the group's order. Undefined: it is to be filled anew.
 */
export function tableOfRouter(
  router: ToldRouter,
  choice: SelectorChoice,
  memberOrder: MemberOrder,
  members: readonly Member[],
): SelectionTable | undefined {
  const [only, ...others] = withMembers(router.routes);
  if (only === undefined || others.length > 0 || memberOrder !== router.memberOrder) return undefined;
  return isSelectorOf(router, choice) && nameValue(only.table.members) === nameValue(members) ? only.table : undefined;
}

const withMembers = ({ groups }: LookupRoutes): RestoredGroup[] => groups.filter(({ table }) => table.members.length > 0);

/** Whatever their order. */
const nameMembers = (members: readonly Member[]): string => members.map(nameValue).sort().join();

/** Equal values have equal names, whatever the order of their keys; what is undefined is not there. */
export const nameValue = (value: unknown): string =>
  JSON.stringify(value, (_, one) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );

const describeGroup = ({ prefixes, table }: RestoredGroup): string =>
  `${prefixes.length > 0 ? formatPrefix(prefixes[0]) : "no prefix"} over ${table.members.map(({ address }) => formatAddress(address)).join(", ")}`;

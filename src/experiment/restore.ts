/**
 * A FIB brought back from its state: the JSON that a router printed becomes the writer, the hash and the tables that decide
 * as that router did. Everything offline starts here. The state may come from a file, so all of it is checked, and what is
 * wrong is said with its place.
 */
import { z } from "zod";
import { hashStateSchema, memberOrderSchema, selectorStateSchema } from "../config/ecmp-schema.ts";
import { flattenIssues, formatPath } from "../config/read.ts";
import { address, prefix } from "../config/scalar.ts";
import { compileFlowHash, type FlowHash, type HashOptions } from "../ecmp/flow-hash.ts";
import type { MemberOrder } from "../ecmp/member-order.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import {
  type BucketActivity,
  MAXIMUM_WEIGHT,
  type Member,
  memberShares,
  type SelectionTable,
  type Selector,
  type SelectorMemory,
  type SelectorOptions,
} from "../ecmp/table.ts";

import type { ActionState, ActivityState, FibState, GroupState, MemberState } from "../fib/state.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixKey } from "../net/prefix.ts";

export interface RestoredFib extends Pick<FlowHash, "hashFields" | "writeKey"> {
  readonly algorithm: string;
  readonly hash: HashOptions;
  readonly selectorName: string;
  readonly selector: Selector;
  readonly selectorOptions: SelectorOptions;
  readonly memberOrder: MemberOrder;
  readonly groups: readonly RestoredGroup[];
  readonly actions: readonly { readonly prefix: Prefix; readonly action: ActionState["action"] }[];
  readonly direct: RestoredDirect;
}

/** As `DirectState`; nothing, where the state does not know. */
export interface RestoredDirect {
  readonly local: readonly Address[];
  readonly attached: readonly Prefix[];
}

export interface RestoredGroup {
  readonly prefixes: readonly Prefix[];
  readonly table: SelectionTable;
  readonly activity?: BucketActivity;
}

/** What `where` holds is not what is wanted. */
function refuse(where: string, value: unknown, wanted: string): never {
  throw new Error(`Cannot use the state: ${where} is ${JSON.stringify(value)}, wanted ${wanted}`);
}

/** All of a state but its groups, which have a shape that no schema has words for. */
const stateSchema = z.strictObject(
  {
    hash: hashStateSchema,
    selector: selectorStateSchema,
    memberOrder: memberOrderSchema,
    groups: z.unknown(),
    actions: z.array(z.strictObject({ prefix, action: z.enum(["blackhole", "unreachable"]) })).default([]),
    direct: z.strictObject({ local: z.array(address), attached: z.array(prefix) }).default({ local: [], attached: [] }),
  },
  { error: 'wanted an object with "hash", "selector", "memberOrder" and "groups"' },
);

export function restoreFib(state: FibState): RestoredFib {
  const result = stateSchema.safeParse(state);
  if (!result.success) {
    const [{ path, wanted }] = flattenIssues(result.error);
    refuse(formatPath(path) || "its top", valueAt(state, path), wanted);
  }
  const { hash, selector, memberOrder, actions, direct } = result.data;
  const { name: _, ...selectorOptions } = selector;
  const largestHash = 2 ** (SELECTORS[selector.name].hashBits ?? 32) - 1;
  const restored = list(state.groups, "groups").map((group, i) =>
    restoreGroup(group, `groups[${i}]`, largestHash, selector.banks !== undefined),
  );
  refuseRepeats(restored);
  return {
    algorithm: hash.algorithm,
    hash,
    selectorName: selector.name,
    ...compileFlowHash(hash, SELECTORS[selector.name].hashBits),
    selector: SELECTORS[selector.name],
    selectorOptions,
    memberOrder,
    groups: restored,
    actions,
    direct,
  };
}

/** The type says so, the file may not. Without `keys` they are the caller's. */
function object<T extends object>(value: T, where: string, keys?: Readonly<Record<keyof T, true>>): T {
  if (typeof value !== "object" || value === null) refuse(where, value, "an object");
  const unknown = keys && Object.entries(value).find(([key]) => !Object.hasOwn(keys, key));
  return unknown === undefined ? value : refuse(`${where}.${unknown[0]}`, unknown[1], "no such key here");
}

const GROUP_KEYS: Readonly<Record<keyof GroupState, true>> = {
  id: true,
  prefixes: true,
  members: true,
  reduction: true,
  owners: true,
  bounds: true,
  memory: true,
  refusal: true,
  activity: true,
};

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((node, key) => (node as Record<PropertyKey, unknown> | undefined)?.[key], value);

/** `largestHash`: where the last range has to end. */
function restoreGroup(group: GroupState, where: string, largestHash: number, mayOwnNothing: boolean): RestoredGroup {
  object(group, where, GROUP_KEYS);
  const prefixes = list(group.prefixes, `${where}.prefixes`).map(
    (text, i) => parsePrefix(textOf(text)) ?? refuse(`${where}.prefixes[${i}]`, text, 'a prefix such as "198.51.100.0/24"'),
  );
  const members = list(group.members, `${where}.members`).map((member, i) => restoreMember(member, `${where}.members[${i}]`));
  const addresses = new Set(members.map(({ address }) => address));
  if (addresses.size < members.length) refuse(`${where}.members`, group.members, "every address once");
  // Members that are in no bank own nothing.
  if (list(group.owners, `${where}.owners`).length === 0 && members.length > 0 && !mayOwnNothing)
    refuse(`${where}.owners`, group.owners, "an owner for each bucket");
  group.owners.forEach((owner, i) => {
    if (isWhole(owner, 0, members.length - 1)) return;
    refuse(`${where}.owners[${i}]`, owner, `the index of one of ${members.length} members`);
  });
  const owners = Uint16Array.from(group.owners);
  const memory = group.memory === undefined ? {} : { memory: restoreMemory(group.memory, `${where}.memory`) };
  if (group.refusal !== undefined && typeof group.refusal !== "string") refuse(`${where}.refusal`, group.refusal, "a text");
  const refusal = group.refusal === undefined ? {} : { refusal: group.refusal };
  const activity =
    group.activity === undefined ? {} : { activity: restoreActivity(group.activity, owners.length, `${where}.activity`) };
  const table = restoreTable(group, where, largestHash, { members, owners, ...memory, ...refusal });
  memberShares(table).forEach((share, i) => {
    const said = group.members[i].share;
    if (said !== share) refuse(`${where}.members[${i}].share`, said, `${share}, what its owners add up to`);
  });
  return { prefixes, table, ...activity };
}

function restoreTable(
  group: GroupState,
  where: string,
  largestHash: number,
  parts: Pick<SelectionTable, "members" | "owners" | "memory" | "refusal">,
): SelectionTable {
  if (group.reduction === "buckets") return { ...parts, reduction: "buckets" };
  if (group.reduction !== "bounds") refuse(`${where}.reduction`, group.reduction, '"buckets" or "bounds"');
  return { ...parts, reduction: "bounds", bounds: restoreBounds(group, `${where}.bounds`, largestHash) };
}

/** Lists of small whole numbers and addresses; which lists there have to be, the selector knows. */
function restoreMemory(memory: SelectorMemory, where: string): SelectorMemory {
  for (const [name, entries] of Object.entries(object(memory, where))) {
    list(entries, `${where}.${name}`).forEach((entry, i) => {
      const isSound = typeof entry === "number" ? isWhole(entry, 0, 0xffffffff) : /^[0-9a-f]{32}$/.test(textOf(entry));
      if (!isSound) refuse(`${where}.${name}[${i}]`, entry, "a whole number from 0 to 4294967295, or 32 hex digits");
    });
  }
  return memory;
}

function restoreActivity(activity: ActivityState, buckets: number, where: string): BucketActivity {
  const { idleSeconds, unbalancedSeconds } = object(activity, where, { idleSeconds: true, unbalancedSeconds: true });
  const ages = list(idleSeconds, `${where}.idleSeconds`);
  if (ages.length !== buckets) refuse(`the length of ${where}.idleSeconds`, ages.length, `${buckets}, one for each bucket`);
  const restored = ages.map((age, i) => {
    if (age === null) return Number.POSITIVE_INFINITY;
    return isAge(age) ? age : refuse(`${where}.idleSeconds[${i}]`, age, "seconds from 0, or null");
  });
  if (!isAge(unbalancedSeconds)) refuse(`${where}.unbalancedSeconds`, unbalancedSeconds, "seconds from 0");
  return { idleSeconds: restored, unbalancedSeconds };
}

const isAge = (value: unknown): value is number => typeof value === "number" && value >= 0;

function restoreMember(member: MemberState, where: string): Member {
  const { address, weight } = object(member, where, { address: true, weight: true, share: true });
  const parsed = parseAddress(textOf(address)) ?? refuse(`${where}.address`, address, "an address");
  if (!isWhole(weight, 1, MAXIMUM_WEIGHT)) refuse(`${where}.weight`, weight, `a whole number from 1 to ${MAXIMUM_WEIGHT}`);
  return { address: parsed, weight };
}

/** A prefix in two groups would go two ways. */
function refuseRepeats(groups: readonly RestoredGroup[]): void {
  const seen = new Set<number | string>();
  for (const prefix of groups.flatMap((group) => group.prefixes)) {
    if (seen.has(prefixKey(prefix))) refuse("groups", formatPrefix(prefix), "every prefix in one group only");
    seen.add(prefixKey(prefix));
  }
}

function restoreBounds({ bounds: upper, owners }: GroupState, where: string, largestHash: number): Uint32Array {
  const bounds = list(upper, where);
  if (bounds.length !== owners.length) refuse(`the length of ${where}`, bounds.length, `${owners.length}, one for each owner`);
  bounds.forEach((bound, i) => {
    const least = i === 0 ? 0 : bounds[i - 1];
    if (!isWhole(bound, least, 0xffffffff)) refuse(`${where}[${i}]`, bound, `a whole number from ${least} to 4294967295`);
  });
  if (bounds.length > 0 && bounds.at(-1) !== largestHash) refuse(`the last of ${where}`, bounds.at(-1), String(largestHash));
  return Uint32Array.from(bounds);
}

/** Anything but a text is none: not every object can be made one. */
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

const isWhole = (value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

function list<T>(value: readonly T[] | undefined, where: string): readonly T[] {
  return Array.isArray(value) ? value : refuse(where, value, "a list");
}

/**
 * Groups: sets of next hops that prefixes share. The table says which prefix uses which group, and turns a batch of route
 * changes into as few changes of groups as possible:
 *
 *   every prefix of a group goes to the same new next hops   ->  the group itself changes; no prefix is touched
 *   some prefixes of a group do, or the few that it has, where
 *   another group is already what it would become            ->  those move to that group, or a new one
 *
 * The first is what a node's loss looks like, and why its cost does not depend on the number of prefixes behind it. Before
 * the routes are even decided anew, `withdraw` takes the node out of every group that has others. A pure table: it knows
 * nothing of shared memory; `fib.ts` writes down what `plan` and `withdraw` return.
 */
import { fillAnyway } from "../ecmp/fill.ts";
import { type MemberOrder, orderMembers } from "../ecmp/member-order.ts";
import type { BucketActivity, Member, SelectionTable, Selector, SelectorOptions } from "../ecmp/table.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { createPrefixTable } from "../net/prefix-table.ts";
import { sameValue } from "../net/value.ts";
import type { RouteChange } from "../rib/route.ts";
import { createArrivals } from "./arrivals.ts";
import { sortOut, type Wanted } from "./moves.ts";

export interface Group {
  readonly id: number;
  /** How many it has. */
  prefixes: number;
  members: readonly Member[];
  /** Of the members, as text. */
  key: string;
  table: SelectionTable;
}

/** What a group was before it was filled anew. */
export type GroupPast = Pick<Group, "members" | "table">;

/**
 * What a group's table follows from: what the group itself was (`before`), or, of one that is made now, the group that its
 * first prefixes come from, if they had one.
 */
export type GroupOrigin =
  | { readonly before: GroupPast }
  | { readonly before?: undefined; readonly from: Pick<Group, "id" | "table"> | undefined };

export interface Refill {
  readonly group: Group;
  readonly origin: GroupOrigin;
}

/** What the writer has to do, in this order: refill or make groups, then point prefixes, then drop empty groups. */
export interface GroupPlan {
  readonly refilled: readonly Refill[];
  readonly pointed: readonly { readonly prefixes: readonly Prefix[]; readonly group: Group | undefined }[];
  readonly emptied: readonly Group[];
  /** Pointed nowhere, because there is no number left for their group. */
  readonly refused: readonly Prefix[];
}

export interface GroupTable {
  plan(changes: readonly RouteChange[]): GroupPlan;
  /** Takes these members out of all groups that have others beside them. */
  withdraw(addresses: ReadonlySet<Address>): readonly Refill[];
  /** A refilled group found no room: it is again what it was before, or, if it is new, nothing. */
  revert(group: Group, before: GroupPast | undefined): void;
  /** A pointed prefix found no room: it has no group. Returns the group if that was its last prefix. */
  refuse(prefix: Prefix): Group | undefined;
  groupOf(prefix: Prefix): Group | undefined;
  /** A walk over all prefixes, for any number of groups. */
  prefixesOf(groups: ReadonlySet<Group>): Map<Group, Prefix[]>;
  /** Fills the group's table again as the ages of its buckets now allow; the table before, or nothing if no bucket moved. */
  settle(group: Group): SelectionTable | undefined;
  /** Whether no bucket would move, even if all might. */
  isEven(group: Group): boolean;
  all(): Iterable<Group>;
  /** A number for a group that is not of this table; it comes back, as those of `emptied` groups do, with `releaseId`. */
  reserveId(): number | undefined;
  releaseId(id: number): void;
}

/** A table that comes UPDATE by UPDATE moves so from one group to the next: the last few follow the others. */
const MAXIMUM_JOINED = 1024;

/** Not if anything in the table would be another thing there: whose a bucket is, and what the next change knows of. */
const mayJoin = (group: Group, other: Group | undefined, table: SelectionTable): boolean =>
  other !== undefined && group.prefixes <= MAXIMUM_JOINED && sameValue(other.table, table);

const membersKey = (members: readonly Member[]): string =>
  members.map((member) => `${formatAddress(member.address)}*${member.weight}`).join(" ");

/** Every timer has run out. */
const allIdle = (buckets: number): BucketActivity => ({
  idleSeconds: new Float64Array(buckets).fill(Number.POSITIVE_INFINITY),
  unbalancedSeconds: Number.POSITIVE_INFINITY,
});

const isSame = (a: SelectionTable, b: SelectionTable): boolean =>
  a.owners.length === b.owners.length && a.owners.every((owner, bucket) => owner === b.owners[bucket]);

export interface GroupTableOptions {
  readonly selector: Selector;
  readonly selectorOptions: SelectorOptions;
  readonly memberOrder: MemberOrder;
  readonly maximumGroups: number;
  /** By a group's number, for selectors with timers. */
  activityOf(id: number): BucketActivity | undefined;
}

export function createGroupTable({
  selector,
  selectorOptions,
  memberOrder,
  maximumGroups,
  activityOf,
}: GroupTableOptions): GroupTable {
  const groups = new Set<Group>();
  const byMembers = new Map<string, Group>();
  const byId: (Group | undefined)[] = [];
  const idOf = createPrefixTable();
  const freeIds: number[] = [];
  let nextId = 1;

  const fill = (
    members: readonly Member[],
    previous: SelectionTable | undefined,
    activity?: BucketActivity | undefined,
  ): SelectionTable => fillAnyway(selector, members, selectorOptions, previous, activity);

  const groupOf = (prefix: Prefix): Group | undefined => byId[idOf.get(prefix)];

  const forget = (group: Group): void => {
    if (byMembers.get(group.key) === group) byMembers.delete(group.key);
  };

  const remove = (group: Group): void => {
    forget(group);
    groups.delete(group);
    byId[group.id] = undefined;
  };

  const reserveId = (): number | undefined => freeIds.pop() ?? (nextId < maximumGroups ? nextId++ : undefined);

  const become = (group: Group, members: readonly Member[], table: SelectionTable): void => {
    forget(group);
    group.members = members;
    group.key = membersKey(members);
    group.table = table;
    if (!byMembers.has(group.key)) byMembers.set(group.key, group);
  };

  const refill = (
    group: Group,
    members: readonly Member[],
    table = fill(members, group.table, activityOf(group.id)),
  ): GroupOrigin => {
    const before = { members: group.members, table: group.table };
    become(group, members, table);
    return { before };
  };

  const open = (members: readonly Member[], key: string, from: Group | undefined): Group | undefined => {
    const id = reserveId();
    if (id === undefined) return undefined;
    const table = fill(members, from?.table, from && activityOf(from.id));
    const group: Group = { id, prefixes: 0, members, key, table };
    groups.add(group);
    byMembers.set(key, group);
    byId[id] = group;
    return group;
  };

  const addressesInUse = (): Set<Address> => new Set([...groups].flatMap(({ members }) => members.map(({ address }) => address)));
  const placeOf = createArrivals(addressesInUse);

  /** The members that these next hops make of a group. */
  const wantedOf = (nextHops: readonly Member[]): Wanted => {
    const members = orderMembers(memberOrder, nextHops, placeOf);
    return { members, key: membersKey(members) };
  };

  const point = (prefixes: readonly Prefix[], from: Group | undefined, to: Group | undefined): void => {
    for (const prefix of prefixes) idOf.set(prefix, to?.id ?? 0);
    if (from) from.prefixes -= prefixes.length;
    if (to) to.prefixes += prefixes.length;
  };

  const prefixesOf = (wanted: ReadonlySet<Group>): Map<Group, Prefix[]> => {
    const found = new Map(Array.from(wanted, (group): [Group, Prefix[]] => [group, []]));
    const idsWanted = new Map(Array.from(wanted, (group) => [group.id, found.get(group)]));
    idOf.forEach((prefix, id) => void idsWanted.get(id)?.push(prefix));
    return found;
  };

  return {
    plan(changes) {
      const refilled = new Map<Group, GroupOrigin>();
      const pointed: { prefixes: readonly Prefix[]; group: Group | undefined }[] = [];
      const refused: Prefix[] = [];
      const touched = new Set<Group>();
      for (const [from, moves] of sortOut(changes, groupOf, wantedOf)) {
        for (const [wanted, { members, prefixes }] of moves) {
          if (from && wanted !== "" && prefixes.length === from.prefixes) {
            const table = fill(members, from.table, activityOf(from.id));
            if (!mayJoin(from, byMembers.get(wanted), table)) {
              refilled.set(from, refill(from, members, table));
              continue;
            }
          }
          let to: Group | undefined;
          if (wanted !== "") {
            to = byMembers.get(wanted);
            if (!to) {
              to = open(members, wanted, from);
              if (to) refilled.set(to, { from: from && { id: from.id, table: from.table } });
              else for (const prefix of prefixes) refused.push(prefix);
            }
          }
          point(prefixes, from, to);
          pointed.push({ prefixes, group: to });
          if (from) touched.add(from);
        }
      }
      const emptied = [...touched].filter((group) => group.prefixes === 0);
      for (const group of emptied) {
        remove(group);
        refilled.delete(group);
      }
      return {
        refilled: Array.from(refilled, ([group, origin]) => ({ group, origin })),
        pointed,
        emptied,
        refused,
      };
    },
    withdraw(addresses) {
      const refilled: Refill[] = [];
      for (const group of groups) {
        const left = group.members.filter(({ address }) => !addresses.has(address));
        if (left.length > 0 && left.length < group.members.length) refilled.push({ group, origin: refill(group, left) });
      }
      return refilled;
    },
    revert(group, before) {
      if (before) become(group, before.members, before.table);
      else {
        remove(group);
        for (const prefix of prefixesOf(new Set([group])).get(group) ?? []) idOf.set(prefix, 0);
        group.prefixes = 0;
      }
    },
    refuse(prefix) {
      const group = groupOf(prefix);
      if (!group) return undefined;
      point([prefix], group, undefined);
      if (group.prefixes > 0) return undefined;
      remove(group);
      return group;
    },
    groupOf,
    prefixesOf,
    settle(group) {
      const before = group.table;
      const after = fill(group.members, before, activityOf(group.id));
      if (isSame(before, after)) return undefined;
      group.table = after;
      return before;
    },
    isEven: ({ members, table }) => isSame(table, fill(members, table, allIdle(table.owners.length))),
    all: () => groups,
    reserveId,
    releaseId: (id) => void freeIds.push(id),
  };
}

/**
 * Groups: sets of next hops that prefixes share. The table says which prefix uses which group, and turns a batch of route
 * changes into as few changes of groups as possible:
 *
 *   every prefix of a group goes to the same new next hops   ->  the group itself changes; no prefix is touched
 *   some prefixes of a group do                              ->  those move to another group, old or new
 *
 * The first is what a node's loss looks like, and why its cost does not depend on the number of prefixes behind it. A pure
 * table: it knows nothing of shared memory; `fib.ts` writes down what `plan` returns.
 */
import type { BucketActivity, Member, SelectionTable, Selector, SelectorOptions } from "../ecmp/table.ts";
import { formatAddress } from "../net/address.ts";
import { type Prefix, prefixKey } from "../net/prefix.ts";
import type { RouteChange } from "../rib/route.ts";

export interface Group {
  readonly id: number;
  readonly prefixes: Map<number | string, Prefix>;
  members: readonly Member[];
  table: SelectionTable;
}

/**
 * What a group's table follows from: what the group itself was (`before`), or, of one that is made now, the group that its
 * first prefixes come from, if they had one.
 */
export type GroupOrigin =
  | { readonly before: Pick<Group, "members" | "table"> }
  | { readonly before?: undefined; readonly from: Pick<Group, "id" | "table"> | undefined };

/** What the writer has to do, in this order: refill or make groups, then point prefixes, then drop empty groups. */
export interface GroupPlan {
  readonly refilled: readonly { readonly group: Group; readonly origin: GroupOrigin }[];
  readonly pointed: readonly { readonly prefix: Prefix; readonly group: Group | undefined }[];
  readonly emptied: readonly Group[];
  /** Pointed nowhere, because there is no number left for their group. */
  readonly refused: readonly Prefix[];
}

export interface GroupTable {
  plan(changes: readonly RouteChange[]): GroupPlan;
  /** A refilled group found no room: it is again what it was before, or, if it is new, nothing. */
  revert(group: Group, before: Pick<Group, "members" | "table"> | undefined): void;
  /** A pointed prefix found no room: it has no group. Returns the group if that was its last prefix. */
  refuse(prefix: Prefix): Group | undefined;
  groupOf(prefix: Prefix): Group | undefined;
  /** Fills the group's table again as the ages of its buckets now allow; the table before, or nothing if no bucket moved. */
  settle(group: Group): SelectionTable | undefined;
  /** Whether no bucket would move, even if all might. */
  isEven(group: Group): boolean;
  all(): Iterable<Group>;
  /** A number for a group that is not of this table; it comes back, as those of `emptied` groups do, with `releaseId`. */
  reserveId(): number | undefined;
  releaseId(id: number): void;
}

const membersKey = (members: readonly Member[]): string =>
  members.map((member) => `${formatAddress(member.address)}*${member.weight}`).join(" ");

/** Every timer has run out. */
const allIdle = (buckets: number): BucketActivity => ({
  idleSeconds: new Float64Array(buckets).fill(Number.POSITIVE_INFINITY),
  unbalancedSeconds: Number.POSITIVE_INFINITY,
});

const isSame = (a: SelectionTable, b: SelectionTable): boolean =>
  a.owners.length === b.owners.length && a.owners.every((owner, bucket) => owner === b.owners[bucket]);

/** `activityOf`: by a group's number, for selectors with timers. */
export function createGroupTable(
  selector: Selector,
  options: SelectorOptions,
  maximumGroups: number,
  activityOf: (id: number) => BucketActivity | undefined = () => undefined,
): GroupTable {
  const groups = new Set<Group>();
  const byMembers = new Map<string, Group>();
  const byPrefix = new Map<number | string, Group>();
  const freeIds: number[] = [];
  let nextId = 1;

  const fill = (
    members: readonly Member[],
    previous: SelectionTable | undefined,
    activity?: BucketActivity | undefined,
  ): SelectionTable => selector.fill(members, options, selector.stateful ? previous : undefined, activity);

  const forget = (group: Group): void => {
    const key = membersKey(group.members);
    if (byMembers.get(key) === group) byMembers.delete(key);
  };

  const reserveId = (): number | undefined => freeIds.pop() ?? (nextId < maximumGroups ? nextId++ : undefined);

  const become = (group: Group, members: readonly Member[], table: SelectionTable): void => {
    forget(group);
    group.members = members;
    group.table = table;
    if (!byMembers.has(membersKey(members))) byMembers.set(membersKey(members), group);
  };

  const open = (members: readonly Member[], from: Group | undefined): Group | undefined => {
    const id = reserveId();
    if (id === undefined) return undefined;
    const table = fill(members, from?.table, from && activityOf(from.id));
    const group: Group = { id, prefixes: new Map(), members, table };
    groups.add(group);
    byMembers.set(membersKey(members), group);
    return group;
  };

  /** Changes that really change something, the last word for each prefix, by the group they leave and the members they want. */
  const sortOut = (changes: readonly RouteChange[]): Map<Group | undefined, Map<string, RouteChange[]>> => {
    const last = new Map(changes.map((change) => [prefixKey(change.prefix), change]));
    const sorted = new Map<Group | undefined, Map<string, RouteChange[]>>();
    for (const [key, change] of last) {
      const from = byPrefix.get(key);
      const wanted = membersKey(change.nextHops);
      if (wanted === (from ? membersKey(from.members) : "")) continue;
      const moves = sorted.get(from) ?? new Map<string, RouteChange[]>();
      sorted.set(from, moves);
      const list = moves.get(wanted);
      if (list) list.push(change);
      else moves.set(wanted, [change]);
    }
    return sorted;
  };

  const leave = (change: RouteChange, from: Group | undefined): void => {
    from?.prefixes.delete(prefixKey(change.prefix));
    byPrefix.delete(prefixKey(change.prefix));
  };

  return {
    plan(changes) {
      const refilled = new Map<Group, GroupOrigin>();
      const pointed: { prefix: Prefix; group: Group | undefined }[] = [];
      const refused: Prefix[] = [];
      const touched = new Set<Group>();
      for (const [from, moves] of sortOut(changes)) {
        for (const [wanted, list] of moves) {
          const members = list[0].nextHops;
          if (from && wanted !== "" && list.length === from.prefixes.size) {
            const before = { members: from.members, table: from.table };
            become(from, members, fill(members, from.table, activityOf(from.id)));
            refilled.set(from, { before });
            continue;
          }
          let to: Group | undefined;
          if (wanted !== "") {
            to = byMembers.get(wanted);
            if (!to) {
              to = open(members, from);
              if (to) refilled.set(to, { from: from && { id: from.id, table: from.table } });
              else refused.push(...list.map(({ prefix }) => prefix));
            }
          }
          for (const change of list) {
            leave(change, from);
            to?.prefixes.set(prefixKey(change.prefix), change.prefix);
            if (to) byPrefix.set(prefixKey(change.prefix), to);
            pointed.push({ prefix: change.prefix, group: to });
          }
          if (from) touched.add(from);
        }
      }
      const emptied = [...touched].filter((group) => group.prefixes.size === 0);
      for (const group of emptied) {
        forget(group);
        groups.delete(group);
        refilled.delete(group);
      }
      return {
        refilled: Array.from(refilled, ([group, origin]) => ({ group, origin })),
        pointed,
        emptied,
        refused,
      };
    },
    revert(group, before) {
      if (before) become(group, before.members, before.table);
      else {
        forget(group);
        groups.delete(group);
        for (const key of group.prefixes.keys()) byPrefix.delete(key);
        group.prefixes.clear();
      }
    },
    refuse(prefix) {
      const group = byPrefix.get(prefixKey(prefix));
      if (!group) return undefined;
      group.prefixes.delete(prefixKey(prefix));
      byPrefix.delete(prefixKey(prefix));
      if (group.prefixes.size > 0) return undefined;
      forget(group);
      groups.delete(group);
      return group;
    },
    groupOf: (prefix) => byPrefix.get(prefixKey(prefix)),
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

/**
 * What will happen to each flow when next hops depart and return, said before it happens: the lab writes the forecast down,
 * prints its digest, and afterwards compares it with what the wire did, connection by connection.
 *
 * Every group that has the departed member is refilled by the state's selector from its table in force; a group that is
 * left without members gives its prefixes up, so that a less specific one may take their flows. Other groups keep all. Of
 * buckets with ages, those of the flows in question count as in use, and the others are as old as the state says. Who returns
 * comes back to the groups that had it, with its weight and place there. A path that waits in the RIB for a better one to go is
 * not in a FIB's state, so none is forecast to step in.
 */
import { createHash } from "node:crypto";
import { fillAnyway } from "../ecmp/fill.ts";
import type { SelectionTable } from "../ecmp/table.ts";
import type { FibState } from "../fib/state.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { type Flow, formatFlow } from "../net/flow.ts";
import { formatPrefix } from "../net/prefix.ts";
import { createDecider } from "./decision.ts";
import { isMoved } from "./disruption.ts";
import { type RestoredFib, type RestoredGroup, restoreFib } from "./restore.ts";

/** A member of some groups departs, or comes back to them. */
export interface MemberChange {
  readonly kind: "departs" | "returns";
  readonly address: Address;
}

/** A flow's next hop at first, and after each of the changes. */
export interface FlowPath {
  readonly flow: string;
  readonly prefix: string | undefined;
  readonly nextHops: readonly (string | undefined)[];
}

/** A group's prefixes, its table in force, and the one after each change: undefined where nobody is left. */
export interface TableForecast {
  readonly prefixes: readonly string[];
  readonly tables: readonly (SelectionTable | undefined)[];
}

/** `flows` are in use then. */
export function forecastTables(state: FibState, changes: readonly MemberChange[], flows: readonly Flow[] = []): TableForecast[] {
  const fibs = fibsThrough(withUsedBuckets(restoreFib(state), flows), changes);
  return fibs[0].groups.map(({ prefixes }) => ({
    prefixes: prefixes.map(formatPrefix),
    tables: fibs.map(({ groups }) => groups.find((group) => group.prefixes === prefixes)?.table),
  }));
}

export function forecastPaths(state: FibState, flows: Iterable<Flow>, changes: readonly MemberChange[]): FlowPath[] {
  const given = [...flows];
  const fibs = fibsThrough(withUsedBuckets(restoreFib(state), given), changes);
  const [decideFirst, ...decideLater] = fibs.map(createDecider);
  return given.map((flow) => {
    const { match, nextHop } = decideFirst(flow);
    const later = decideLater.map((decide) => decide(flow).nextHop);
    return {
      flow: formatFlow(flow),
      prefix: match && formatPrefix(match.prefix),
      nextHops: [nextHop, ...later].map(formatMaybe),
    };
  });
}

/** `first`, and what it becomes with each change. */
function fibsThrough(first: RestoredFib, changes: readonly MemberChange[]): RestoredFib[] {
  const fibs = [first];
  for (const { kind, address } of changes) {
    const current = fibs[fibs.length - 1];
    fibs.push(kind === "departs" ? withoutMember(current, address) : withMember(current, first, address));
  }
  return fibs;
}

function withoutMember(fib: RestoredFib, departed: Address): RestoredFib {
  const groups = fib.groups.map((group) => {
    const members = group.table.members.filter(({ address }) => address !== departed);
    if (members.length === group.table.members.length) return group;
    const { table, activity } = group;
    return { ...group, table: fillAnyway(fib.selector, members, fib.selectorOptions, table, activity) };
  });
  return { ...fib, groups: groups.filter(({ table }) => table.members.length > 0) };
}

/** The flows that a forecast is about are alive, so their buckets are not idle, whatever they were when the state was saved. */
function withUsedBuckets(fib: RestoredFib, flows: readonly Flow[]): RestoredFib {
  if (!fib.groups.some(({ activity }) => activity)) return fib;
  const decide = createDecider(fib);
  const used = new Map<RestoredGroup, Set<number>>(fib.groups.map((group) => [group, new Set()]));
  for (const { match, bucket } of flows.map(decide)) if (match?.group && bucket !== undefined) used.get(match.group)?.add(bucket);
  const groups = fib.groups.map((group) => {
    if (!group.activity) return group;
    const idleSeconds = Array.from(group.activity.idleSeconds, (age, bucket) => (used.get(group)?.has(bucket) ? 0 : age));
    return { ...group, activity: { ...group.activity, idleSeconds } };
  });
  return { ...fib, groups };
}

/** `first` knows which groups it was in; one that was given up since begins anew. */
function withMember(current: RestoredFib, first: RestoredFib, address: Address): RestoredFib {
  const groups = first.groups.flatMap(({ prefixes, table: { members } }) => {
    const group = current.groups.find((candidate) => candidate.prefixes === prefixes);
    const returned = members.find((member) => member.address === address);
    const there = group?.table.members ?? [];
    if (!returned || there.some((member) => member.address === address)) return group ?? [];
    const given = members.filter((member) => member === returned || there.some((each) => each.address === member.address));
    const table = fillAnyway(current.selector, given, current.selectorOptions, group?.table, group?.activity);
    return { ...group, prefixes, table };
  });
  return { ...current, groups };
}

const formatMaybe = (address: Address | undefined): string | undefined =>
  address === undefined ? undefined : formatAddress(address);

/** Whether it ever changes its next hop: leaves the one that it had, for another or for nowhere. */
const everMoves = ({ nextHops }: FlowPath): boolean => nextHops.some((nextHop, i) => i > 0 && isMoved(nextHops[i - 1], nextHop));

/**
 * SHA-256 in hex over one JSON array a line: flow, prefix, its next hops in turn (null where there is none), whether it moves; in
 * given order.
 */
export function digestPaths(paths: readonly FlowPath[]): string {
  const digest = createHash("sha256");
  for (const path of paths) {
    const { flow, prefix = null, nextHops } = path;
    digest.update(`${JSON.stringify([flow, prefix, ...nextHops.map((nextHop) => nextHop ?? null), everMoves(path)])}\n`);
  }
  return digest.digest("hex");
}

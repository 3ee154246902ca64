/**
 * Changes of routes that no fault was to make, as the router's own events tell them: a hold timer that ran out because a speaker or
 * the router was late, a speaker that restarts and says End-of-RIB before its prefixes. With these the forecast is made again, and
 * what it says then is the witness of the reason `routes-surprised`. Pure; a Linux router tells no such events, so has none.
 */
import { formatAddress } from "../net/address.ts";
import type { RouterEvent } from "./event-log.ts";
import type { Plan, PlannedChange } from "./expectation.ts";
import { FAULTS } from "./fault.ts";
import { type Lab, nextHopsOf, nodesByNextHop } from "./lab.ts";
import { prefixOf } from "./speakers.ts";
import type { FaultMark } from "./timeline.ts";

/** A node's routes went or came; times as those of the marks. */
export interface Surprise {
  readonly node: string;
  readonly nextHops: readonly string[];
  readonly what: "departs" | "returns";
  readonly atMs: number;
  /** The event behind which it came: "session-down (hold timer expired)". */
  readonly because: string;
  /** Of the services. */
  readonly prefixes: readonly string[];
}

/** What the events of a peer are that routes go or come by. */
const CAUSES: ReadonlySet<string> = new Set(["session-down", "session-up", "stale-routes-gone", "end-of-rib"]);

/** A change is told a moment after packets go by it. */
const TOLD_LATE_MS = 50;

/** Of the events of one router since `startMs`, in their order, and of the lab's services: those that somebody asks for. */
export function surprisesOf(
  lab: Lab,
  { changes }: Plan,
  marks: readonly FaultMark[],
  events: readonly RouterEvent[],
  startMs: number,
): Surprise[] {
  const planned = new Set(changes.map(({ node }) => node));
  const changing = marks.filter(({ node, fault }) => planned.has(node) || FAULTS[fault].route === "router");
  const isPlanned = ({ atMs }: RouterEvent) => changing.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs + TOLD_LATE_MS);
  const nodeOf = nodesByNextHop(lab);
  const known = new Set(lab.services.map(prefixOf));
  const absent = new Set<string>();
  const surprises: Surprise[] = [];
  let cause: RouterEvent | undefined;
  for (const event of events) {
    if (CAUSES.has(event.kind) && nodeOf.has(event.peer ?? "")) cause = event;
    if (event.kind !== "routes" || event.atMs < startMs || isPlanned(event) || !cause) continue;
    const node = nodeOf.get(cause.peer ?? "") ?? "";
    const nextHops = lab.nodes
      .filter(({ name }) => name === node)
      .flatMap(nextHopsOf)
      .map(formatAddress);
    const because = typeof cause.reason === "string" ? `${cause.kind} (${cause.reason})` : cause.kind;
    // Of each prefix what went before comes now.
    const named = Array.isArray(event.prefixes) ? event.prefixes.filter((prefix) => known.has(prefix)) : [];
    const back = named.filter((prefix) => absent.delete(`${node} ${prefix}`));
    const gone = named.filter((prefix) => !back.includes(prefix));
    for (const prefix of gone) absent.add(`${node} ${prefix}`);
    const common = { node, nextHops, atMs: event.atMs, because };
    if (gone.length > 0) surprises.push({ ...common, what: "departs", prefixes: gone });
    if (back.length > 0) surprises.push({ ...common, what: "returns", prefixes: back });
  }
  return surprises;
}

/** The plan as it would have been, had they been known. */
export function withSurprises(lab: Lab, plan: Plan, surprises: readonly Surprise[], startMs: number): Plan {
  const changes = surprises.flatMap(({ node: name, what: kind, atMs, prefixes }): PlannedChange[] => {
    const services = lab.services.filter((service) => prefixes.includes(prefixOf(service))).map(({ address }) => address);
    const node = lab.nodes.find((each) => each.name === name);
    if (!node || services.length === 0) return [];
    return nextHopsOf(node).map((address) => ({ kind, address, node: name, plannedMs: atMs - startMs, services }));
  });
  return { ...plan, changes: [...plan.changes, ...changes].toSorted((a, b) => a.plannedMs - b.plannedMs) };
}

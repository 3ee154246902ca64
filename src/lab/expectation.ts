/**
 * What a scenario's timeline means for each of its connections and requests, said before anything happens: the timeline
 * becomes changes of members, these become each flow's path over the nodes, and a path becomes a fate. Pure.
 *
 * A node knows the connections that began on it and no others, so whoever moves is reset; who stays lives, unless its node is
 * cut off for longer than a client waits. Which pod a connection gets is kube-proxy's lot: it is known when the connection is
 * open, and what befalls that pod is part of the forecast from then on.
 */
import type { FlowPath, MemberChange } from "../experiment/forecast.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { Flow } from "../net/flow.ts";
import { FAULTS } from "./fault.ts";
import { consequenceOf } from "./fault-consequence.ts";
import { faultSettings } from "./fault-setting.ts";
import { type ClusterNode, type FaultKind, type Lab, nextHopsOf, nodeNamed, type SessionSettings } from "./lab.ts";
import { forecastStuck } from "./path-mtu.ts";
import type { FaultStep, Scenario, Step } from "./scenario.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { forecastTiers, type RouterStates } from "./tiers.ts";

/** A change of members as the timeline plans it. */
export interface PlannedChange extends MemberChange {
  readonly node: string;
  readonly plannedMs: number;
  /** The addresses of the services that it concerns; absent: all. */
  readonly services?: readonly Address[];
}

/** A time in which a node is cut off, and the router does not know it. */
export interface Outage {
  readonly nextHops: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
}

/** What befalls the pods of a node, by whichever node their connections entered. */
export interface PodLoss {
  readonly node: string;
  readonly kind: "gone" | "cut-off";
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Plan {
  readonly changes: readonly PlannedChange[];
  readonly outages: readonly Outage[];
  readonly podLosses: readonly PodLoss[];
}

export interface Expectation extends FlowPath {
  /** The next hop when it begins. */
  readonly entry: string | undefined;
  readonly fate: "lives" | "breaks";
  /** Its path would let it live; its pod does not. */
  readonly byPod?: true;
}

/** While these last, nothing gets through to the node or from it, nor to its pods. */
export const CUTS: ReadonlySet<FaultKind> = new Set<FaultKind>(["link-down", "silent-node", "one-way-loss"]);

/** How long routes are kept for a speaker that begins anew: FRR's own default. */
const RESTART_MS = 120_000;

/** When the last step has been carried out, its end and its second half included. */
export const lastStepMs = (timeline: readonly Step[]): number =>
  Math.max(0, ...timeline.flatMap((step) => ("wait" in step ? [] : "name" in step ? step.atSeconds * 1000 : endOf(step))));

function endOf(step: FaultStep): number {
  const { atSeconds, untilSeconds = 0 } = step;
  const goesOnSeconds = FAULTS[step.fault].halves ? faultSettings(step).graceSeconds : 0;
  return Math.max(atSeconds + goesOnSeconds, untilSeconds) * 1000;
}

/** How long requests arrive: as long as it takes when nothing has to be waited for. */
export const durationMsOf = ({ timeline, watchSeconds }: Pick<Scenario, "timeline" | "watchSeconds">): number =>
  lastStepMs(timeline) + watchSeconds * 1000;

/** How long the router takes to find a fault that nobody tells it of. BFD misses the node, the hold timer its speaker. */
export function detectionMs(fault: FaultKind, { kind }: ClusterNode, { holdTimeSeconds, bfd }: SessionSettings): number {
  if (!FAULTS[fault].silent) return 0;
  return CUTS.has(fault) && bfd && SPEAKERS[kind].bfd ? bfd.intervalMs * bfd.multiplier : holdTimeSeconds * 1000;
}

/** What the router is told, when and by whom, is all that a plan is made from. */
export function planChanges(lab: Lab, { timeline, ...settings }: SessionSettings & Pick<Scenario, "timeline">): Plan {
  const changes: PlannedChange[] = [];
  const outages: Outage[] = [];
  const podLosses: PodLoss[] = [];
  for (const step of timeline) {
    if ("wait" in step || "name" in step) continue;
    const fromMs = step.atSeconds * 1000;
    const toMs = (step.untilSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    if (FAULTS[step.fault].route === "router") {
      outages.push({ nextHops: lab.nodes.flatMap(nextHopsOf).map(formatAddress), fromMs, toMs });
      continue;
    }
    if (FAULTS[step.fault].befalls === "router") continue;
    const node = nodeNamed(lab, step.node);
    const { changes: own, unknownUntilMs } = planFault(lab, step, node, settings);
    changes.push(...own);
    if (CUTS.has(step.fault)) {
      outages.push({ nextHops: nextHopsOf(node).map(formatAddress), fromMs, toMs: unknownUntilMs });
      podLosses.push({ node: step.node, kind: "cut-off", fromMs, toMs });
    }
    if (!FAULTS[step.fault].podsGo) continue;
    const graceMs = FAULTS[step.fault].halves ? faultSettings(step).graceSeconds * 1000 : 0;
    podLosses.push({ node: step.node, kind: "gone", fromMs: fromMs + graceMs, toMs });
  }
  return { changes: changes.toSorted((a, b) => a.plannedMs - b.plannedMs), outages, podLosses };
}

/** The changes that a fault leads to, and until when the router does not know of it. */
function planFault(lab: Lab, step: FaultStep, node: ClusterNode, settings: SessionSettings) {
  const { graceful, concerns } = FAULTS[step.fault];
  const services = concerns?.(lab, node).map(({ address }) => address);
  const route = consequenceOf(step, settings);
  const beginMs = step.atSeconds * 1000;
  const endMs = (step.untilSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const foundMs = beginMs + detectionMs(step.fault, node, settings);
  const isKept = graceful && settings.gracefulRestart && SPEAKERS[node.kind].gracefulRestart && endMs - beginMs < RESTART_MS;
  const change = (kind: MemberChange["kind"], plannedMs: number): PlannedChange[] =>
    nextHopsOf(node).map((address) => ({ kind, address, node: node.name, plannedMs, ...(services && { services }) }));
  if (route === "stays" || services?.length === 0 || isKept || endMs <= foundMs) return { changes: [], unknownUntilMs: endMs };
  const returnsMs = route === "flaps" ? beginMs : route === "is-shut-out" ? Number.POSITIVE_INFINITY : endMs;
  const returns = Number.isFinite(returnsMs) ? change("returns", returnsMs) : [];
  return { changes: [...change("departs", foundMs), ...returns], unknownUntilMs: foundMs };
}

/** When a flow begins and ends as planned; a long-lived one was there before, and has no end. */
export interface PlannedFlow {
  readonly flow: Flow;
  readonly fromMs: number;
  readonly toMs: number;
  /** How long its client bears silence; a short one's not at all. */
  readonly patienceMs?: number;
  /** Of its largest answer; undefined: less than any link takes. */
  readonly bytes?: number;
}

/** A change that concerns some services is none for the flows of the others. */
const changesFor = ({ changes }: Plan, { flow }: PlannedFlow): PlannedChange[] =>
  changes.filter(({ services }) => services?.includes(flow.destination) ?? true);

/** Flows with the same changes go together: a selector with timers is to know all that are in use. */
function forecastPlan(lab: Lab, states: RouterStates, plan: Plan, flows: readonly PlannedFlow[]): FlowPath[] {
  const parts = new Map<string, { readonly changes: readonly PlannedChange[]; readonly flows: PlannedFlow[] }>();
  for (const flow of flows) {
    const changes = changesFor(plan, flow);
    const key = changes.map((change) => plan.changes.indexOf(change)).join();
    const part = parts.get(key) ?? { changes, flows: [] };
    parts.set(key, part);
    part.flows.push(flow);
  }
  const pathOf = new Map<PlannedFlow, FlowPath>();
  for (const { changes, flows: own } of parts.values()) {
    const paths = forecastTiers(
      lab,
      states,
      own.map(({ flow }) => flow),
      changes,
    );
    own.forEach((flow, index) => void pathOf.set(flow, paths[index]));
  }
  return flows.flatMap((flow) => pathOf.get(flow) ?? []);
}

export function forecastFates(lab: Lab, states: RouterStates, plan: Plan, flows: readonly PlannedFlow[]): Expectation[] {
  const paths = forecastPlan(lab, states, plan, flows);
  const stuck = forecastStuck(lab, states, flows);
  return paths.map((path, index) => {
    const phases = phasesOf(plan, path, flows[index]);
    const fate = stuck[index] || isBroken(plan, phases, flows[index]) ? "breaks" : "lives";
    return { ...path, entry: phases[0]?.nextHop, fate };
  });
}

/** The same of long-lived connections, once each has said on which node its pod is. */
export function withPods(
  { podLosses }: Plan,
  expectations: readonly Expectation[],
  podNodes: readonly (string | undefined)[],
  patienceMs: number,
): Expectation[] {
  const isLost = (podNode: string | undefined) =>
    podLosses.some(({ node, kind, fromMs, toMs }) => node === podNode && (kind === "gone" || toMs - fromMs > patienceMs));
  return expectations.map((each, index) =>
    each.fate === "lives" && isLost(podNodes[index]) ? { ...each, fate: "breaks", byPod: true } : each,
  );
}

export interface Phase {
  readonly nextHop: string | undefined;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Where it goes in its own time. */
export function phasesOf(plan: Plan, { nextHops }: FlowPath, flow: PlannedFlow): Phase[] {
  const { fromMs, toMs } = flow;
  const changes = changesFor(plan, flow);
  // nextHops[i] is where it goes between change i - 1 and change i.
  const beginsMs = (i: number) => (i === 0 ? Number.NEGATIVE_INFINITY : changes[i - 1].plannedMs);
  const endsMs = (i: number) => (i === changes.length ? Number.POSITIVE_INFINITY : changes[i].plannedMs);
  return nextHops
    .map((nextHop, i) => ({ nextHop, fromMs: Math.max(beginsMs(i), fromMs), toMs: Math.min(endsMs(i), toMs) }))
    .filter((phase) => phase.fromMs <= phase.toMs);
}

function isBroken({ outages }: Plan, phases: readonly Phase[], { fromMs, toMs, patienceMs = 0 }: PlannedFlow): boolean {
  if (phases.some(({ nextHop }) => nextHop === undefined || nextHop !== phases[0].nextHop)) return true;
  return outages.some((outage) => {
    const lastsMs = Math.min(outage.toMs, toMs) - Math.max(outage.fromMs, fromMs);
    return phases.some(({ nextHop }) => nextHop !== undefined && outage.nextHops.includes(nextHop)) && lastsMs > patienceMs;
  });
}

/**
 * A scenario's timeline carried out: each fault begins and ends at its time, and what it leads to in the router is waited for
 * beside whatever comes next. What comes of it are marks: when it was done, and from when on packets went by it.
 */
import { formatAddress } from "../net/address.ts";
import { type Clock, delay } from "../net/clock.ts";
import { type Cast, routersIn, untilEstablished, untilTaught, type WantedRoute, wantedRoutes } from "./cast.ts";
import type { RouterEvent } from "./event-log.ts";
import { detectionMs, type Plan } from "./expectation.ts";
import { LabFailure } from "./failure.ts";
import { FAULTS } from "./fault.ts";
import { consequenceOf, witnessOf } from "./fault-consequence.ts";
import { DEEDS } from "./fault-deed.ts";
import { clashOf } from "./fault-overlap.ts";
import { faultSettings } from "./fault-setting.ts";
import { makeTarget } from "./fault-target.ts";
import { type FaultKind, type Lab, nextHopsOf, nodeNamed, nodesOf, type RouterNode, serviceNamed } from "./lab.ts";
import type { LabView } from "./lab-router.ts";
import type { FaultStep, NameStep, Scenario, WaitName } from "./scenario.ts";
import { prefixOf } from "./speakers.ts";
import { wordsAsked } from "./traffic.ts";

/** On top of the hold time. */
const CHANGE_DEADLINE_MS = 20_000;

/** A fault that befell a node, or its end: when, and from when on packets went by what follows from it. */
export interface FaultMark {
  readonly fault: FaultKind;
  readonly node: string;
  /** The node as a next hop. */
  readonly nextHops: readonly string[];
  readonly what: "begins" | "ends";
  readonly fromMs: number;
  /** When every router that it speaks with had seen its session end; absent where none did. */
  readonly seenMs?: number | undefined;
  readonly toMs: number;
  /** The same as the forecast had it, by the timeline: a busy machine, or a wait, may have put the fault off. */
  readonly plannedToMs: number;
}

/** A name was moved to another service: from when on, and until when everybody who asks is told so. */
export interface NameMark {
  readonly name: string;
  readonly to: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly plannedToMs: number;
}

/** What is still at work, and what has been: their nodes know the flows of which packets were thrown away. */
export interface AtWork {
  readonly steps: Set<FaultStep>;
  readonly ended: Set<FaultStep>;
}

/** What is told while it happens, on the one clock of the traffic. */
export type Tell = (kind: string, atMs: number, detail: object) => void;

type Action =
  | { readonly atMs: number; readonly step: FaultStep; readonly what: "begins" | "goes on" | "ends" }
  | { readonly atMs: number; readonly step: NameStep; readonly what: "moves" };

export async function carryOut(
  clock: Clock,
  cast: Cast,
  scenario: Scenario,
  plan: Plan,
  startMs: number,
  atWork: AtWork,
  tell: Tell,
): Promise<{ readonly marks: readonly FaultMark[]; readonly moves: readonly NameMark[] }> {
  const moves: NameMark[] = [];
  const struck: { readonly step: FaultStep; readonly marked: Promise<FaultMark> }[] = [];
  const act = async ({ atMs, step, what }: Action) => {
    await delay(clock, Math.max(0, startMs + atMs - clock.nowMs()));
    if (what === "moves") return void moves.push(await moveName(clock, cast, step, startMs, tell));
    // A busy machine may be late: what a fault leads to is seen before it is undone, or another comes that has to do with it.
    const before = struck.filter((other) => clashOf(cast.lab, scenario, other.step, step));
    await Promise.all(before.map(({ marked }) => marked));
    const target = makeTarget(clock, cast, step, atWork.steps);
    const madeMs = await cast.untilMade?.(step);
    const fromMs = madeMs ?? clock.nowMs();
    tell("fault", fromMs - startMs, { fault: step.fault, node: step.node, what });
    const { begin, goOn, end } = DEEDS[step.fault];
    if (what === "goes on") return await goOn?.(target);
    // What fails halfway is at work as well, and ended with the rest.
    if (what === "begins") atWork.steps.add(step);
    if (madeMs === undefined) await (what === "begins" ? begin(target) : end(target));
    if (what === "ends" && atWork.steps.delete(step)) atWork.ended.add(step);
    const marked = mark(clock, cast, scenario, plan, { step, what, fromMs, startMs, tell });
    // Told where it is waited for.
    marked.catch(() => {});
    struck.push({ step, marked });
  };
  // What waits holds back whatever stands behind it, ends of faults too.
  for (const part of splitAtWaits(scenario)) {
    for (const action of part.actions) await act(action);
    await Promise.all(struck.map(({ marked }) => marked));
    if (part.wait === "established") {
      await Promise.all(routersIn(cast).map(({ node, view }) => untilEstablished(cast.lab, node, view, () => [])));
    }
  }
  return { marks: await Promise.all(struck.map(({ marked }) => marked)), moves };
}

async function moveName(
  clock: Clock,
  cast: Cast,
  { name, to, atSeconds }: NameStep,
  startMs: number,
  tell: Tell,
): Promise<NameMark> {
  const fromMs = clock.nowMs();
  tell("name", fromMs - startMs, { name, to });
  await cast.nameServers.find((server) => server.knows(name))?.move(name, serviceNamed(cast.lab, to));
  return { name, to, fromMs, toMs: clock.nowMs(), plannedToMs: startMs + atSeconds * 1000 };
}

function splitAtWaits({ timeline }: Scenario) {
  const parts: { actions: Action[]; wait?: WaitName }[] = [{ actions: [] }];
  for (const step of timeline) {
    const part = parts[parts.length - 1];
    if ("wait" in step) {
      part.wait = step.wait;
      parts.push({ actions: [] });
      continue;
    }
    const atMs = step.atSeconds * 1000;
    if ("name" in step) {
      part.actions.push({ atMs, step, what: "moves" });
      continue;
    }
    part.actions.push({ atMs, step, what: "begins" });
    const { graceSeconds } = faultSettings(step);
    if (FAULTS[step.fault].halves) part.actions.push({ atMs: atMs + graceSeconds * 1000, step, what: "goes on" });
    if (step.untilSeconds !== undefined) part.actions.push({ atMs: step.untilSeconds * 1000, step, what: "ends" });
  }
  // One that ends makes way for one that begins in the same moment.
  const isEnd = ({ what }: Action) => Number(what === "ends");
  for (const { actions } of parts) actions.sort((a, b) => a.atMs - b.atMs || isEnd(b) - isEnd(a));
  return parts;
}

interface Struck {
  readonly step: FaultStep;
  readonly what: "begins" | "ends";
  readonly fromMs: number;
  readonly startMs: number;
  readonly tell: Tell;
}

/**
 * When packets went by what a fault, or its end, led to (at the latest: faults at once share it); at once where it leads to
 * nothing.
 */
async function mark(clock: Clock, cast: Cast, scenario: Scenario, plan: Plan, struck: Struck): Promise<FaultMark> {
  const { step, what, fromMs, startMs, tell } = struck;
  const route = consequenceOf(step, scenario);
  const nodes = cast.lab.nodes.filter(({ name }) => FAULTS[step.fault].befalls === "router" || name === step.node);
  const nextHops = nodes.flatMap(nextHopsOf).map(formatAddress);
  const planned =
    what === "begins" ? step.atSeconds * 1000 + detectionMs(step.fault, nodes[0], scenario) : (step.untilSeconds ?? 0) * 1000;
  const plannedToMs = startMs + planned;
  const witness = what === "begins" ? witnessOf(step, scenario) : undefined;
  if (witness !== undefined) tell("observed", ...(await untilWitnessed(cast, step, witness, fromMs, startMs)));
  const { fault, node } = step;
  const done = (toMs: number, seenMs?: number): FaultMark => ({ fault, node, nextHops, what, fromMs, seenMs, toMs, plannedToMs });
  if (route === "router") {
    if (what === "ends") await untilRestored(cast);
    return done(clock.nowMs());
  }
  if (!plan.changes.some((change) => change.node === step.node) || route === "stays") return done(clock.nowMs());
  if ((route === "flaps" || route === "is-shut-out") && what === "ends") return done(clock.nowMs());
  const deadlineMs = CHANGE_DEADLINE_MS + scenario.holdTimeSeconds * 1000;
  // Of each prefix a router is asked by a process of its own, which delays what comes next: so of those only that matter.
  const asked = wordsAsked(cast.lab, scenario);
  const lab = { ...cast.lab, services: cast.lab.services.filter(({ name }) => asked.has(name)) };
  const routers = routersIn(cast).filter((router) => nodesOf(cast.lab, router.node).includes(nodes[0]));
  const changed = routers.map(async ({ node: router, view }) => {
    if (route === "flaps") await untilConvergedSince(view, fromMs, deadlineMs);
    await untilAnnounced(wantedOf(lab, router, step), view, nextHops, route === "flaps" || what === "ends", deadlineMs);
    const peer = formatAddress(nodes[0].address.address);
    return {
      seenMs: view.events.earliest(({ kind, peer: of, atMs }) => kind === "session-down" && of === peer && atMs >= fromMs)?.atMs,
      toMs: (await inForceMs(view, fromMs, deadlineMs)) ?? clock.nowMs(),
    };
  });
  const all = await Promise.all(changed);
  const toMs = Math.max(...all.map((each) => each.toMs));
  const seen = all.flatMap(({ seenMs }) => seenMs ?? []);
  tell("converged", toMs - startMs, {
    fault: step.fault,
    node: step.node,
    what,
    tookMs: Math.round((toMs - fromMs) * 100) / 100,
  });
  return done(toMs, seen.length > 0 ? Math.max(...seen) : undefined);
}

/** The routes that a fault concerns. */
function wantedOf(lab: Lab, router: RouterNode, { fault, node }: FaultStep): WantedRoute[] {
  const wanted = wantedRoutes(lab, router);
  const own = FAULTS[fault].concerns?.(lab, nodeNamed(lab, node)).map(prefixOf);
  return own ? wanted.filter(({ prefix }) => own.includes(prefix)) : wanted;
}

/** The event of the router that must follow from a fault. */
async function untilWitnessed(
  { router, lab }: Cast,
  { fault, node }: FaultStep,
  wanted: string,
  fromMs: number,
  startMs: number,
) {
  const own = lab.nodes.find(({ name }) => name === node);
  const peer = own && formatAddress(own.address.address);
  const isIt = ({ kind, peer: of, atMs }: RouterEvent) => kind === wanted && of === peer && atMs >= fromMs;
  const event = await router.view.events.find(isIt, CHANGE_DEADLINE_MS);
  if (!event) throw new LabFailure(`${fault} of ${node}`, `no event ${wanted}`, `one in ${CHANGE_DEADLINE_MS / 1000} s`);
  return [event.atMs - startMs, { fault, node, event }] as const;
}

/** A router that was started again knows what it knew. */
async function untilRestored({ lab, router: { node, view } }: Cast): Promise<void> {
  await untilEstablished(lab, node, view, () => []);
  await untilTaught(lab, node, view);
}

/** When packets went by the latest change of routes. A Linux router tells only that they go by one. */
async function inForceMs({ events }: LabView, sinceMs: number, deadlineMs: number): Promise<number | undefined> {
  const isSince = (wanted: string) => (event: RouterEvent) => event.kind === wanted && event.atMs >= sinceMs;
  const [hasChanged, hasConverged] = [isSince("routes"), isSince("converged")];
  const change = events.latest(hasChanged);
  if (!change) return events.latest(hasConverged)?.atMs;
  const isInForce = (event: RouterEvent) => hasConverged(event) && Number(event.generation) >= Number(change.generation);
  return (await events.find(isInForce, deadlineMs))?.atMs;
}

async function untilConvergedSince(view: LabView, sinceMs: number, deadlineMs: number): Promise<void> {
  const event = await view.events.find(({ kind, atMs }) => kind === "converged" && atMs >= sinceMs, deadlineMs);
  if (!event) throw new LabFailure("scenario", "no change of routes", `one within ${deadlineMs / 1000} s of the fault`);
}

/** Until the node is among the next hops of the services that it announces, or among those of none. */
async function untilAnnounced(
  wanted: readonly WantedRoute[],
  view: LabView,
  node: readonly string[],
  present: boolean,
  deadlineMs: number,
): Promise<void> {
  const isNode = (address: string) => node.includes(address);
  const announced = wanted.filter(({ nextHops }) => nextHops.some(isNode));
  const done = await view.events.until(async () => {
    const routes = (await Promise.all(announced.map(({ prefix }) => view.routes(prefix)))).flat();
    const has = (prefix: string) =>
      routes.some((route) => route.prefix === prefix && route.nextHops.some(({ address }) => isNode(address)));
    return announced.every(({ prefix }) => has(prefix) === present) || undefined;
  }, deadlineMs);
  if (done) return;
  throw new LabFailure(
    "scenario",
    `${node.join(", ")} is ${present ? "not " : ""}a next hop`,
    `otherwise within ${deadlineMs / 1000} s`,
  );
}

/** The next run begins on the same kernels: what is still at work in one of them ends now. */
export async function endAll(clock: Clock, cast: Cast, { steps }: AtWork): Promise<void> {
  const left = [...steps].filter(({ fault }) => FAULTS[fault].outlivesRun);
  const failures: unknown[] = [];
  for (const step of left) {
    await DEEDS[step.fault].end(makeTarget(clock, cast, step)).catch((error: unknown) => failures.push(error));
  }
  // Each has had its turn before one that could not be ended is told.
  if (failures.length > 0) throw failures[0];
}

/** The flows of which packets were thrown away. To read them takes a while: never between two faults that are to come together. */
export async function flowsStruck(clock: Clock, cast: Cast, { steps, ended }: AtWork): Promise<Set<string>> {
  const flows = [...steps, ...ended].map(async (step) => (await DEEDS[step.fault].struck?.(makeTarget(clock, cast, step))) ?? []);
  return new Set((await Promise.all(flows)).flat());
}

/**
 * One run of a lab, with one selector: forecast, then connections, then the comparison; the event, then what broke, then the
 * comparison again. The forecast is made offline from the router's saved state, written down and its digest shown before the
 * first SYN leaves (behind a NAT, as soon as that has said what it made of each, and before the event). The witness of the entry is the pod (`witness.ts`), that of the breakage the client; never our counters.
 */
import { writeFile } from "node:fs/promises";
import { digestForecast, type FlowForecast } from "../experiment/forecast.ts";
import type { FibState } from "../fib/state.ts";
import { formatAddress } from "../net/address.ts";
import { type Clock, delay } from "../net/clock.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import type { ConnectionRecord } from "./connection.ts";
import type { RouterEvent } from "./event-log.ts";
import { LabFailure } from "./failure.ts";
import { FAULTS } from "./fault.ts";
import { type ConnectionOutcome, type Judgment, judge } from "./judgment.ts";
import {
  type ClusterNode,
  type FaultKind,
  type Lab,
  type Nat,
  nodeNamed,
  nodesOf,
  routersOf,
  type SelectorChoice,
  type Service,
} from "./lab.ts";
import { type LabView, statesOf } from "./lab-router.ts";
import { Load } from "./load.ts";
import { type Translations, translate } from "./nat.ts";
import type { Place } from "./place.ts";
import type { Progress } from "./progress.ts";
import { forecastLoss } from "./tiers.ts";
import { type PlannedConnection, planConnections } from "./traffic.ts";

/** How long connections are watched before the event, and after the change is in force (longer than a time-out takes). */
const WATCH_BEFORE_MS = 500;
const WATCH_AFTER_MS = 2500;
/** On top of the hold time, where that is what finds the fault. */
const EVENT_DEADLINE_MS = 60_000;

/** What a run is played with. */
export interface Play {
  readonly lab: Lab;
  /** By name. */
  readonly routers: Readonly<Record<string, LabView>>;
  /** Where the clients are. */
  readonly place: Place;
  /** What the NAT makes of flows that are open. */
  translations(nat: Nat): Promise<Translations>;
  /** Makes the event happen to this node, or waits for somebody to do so; when that was. */
  strike(departed: ClusterNode): Promise<number>;
}

export interface ServiceResult {
  readonly service: Service;
  readonly nextHops: number;
  readonly outcomes: readonly ConnectionOutcome[];
  readonly judgment: Judgment;
}

export interface RunResult {
  readonly selector: SelectorChoice;
  /** What the router decided by, as `ecmp show groups --json` gave it: all that the forecast was made from. */
  readonly state: FibState;
  readonly digest: string;
  readonly event: { readonly kind: FaultKind; readonly node: string; readonly detectedMs: number; readonly convergedMs: number };
  readonly struckAtMs: number;
  readonly services: readonly ServiceResult[];
}

export async function runOnce(
  clock: Clock,
  { lab, routers, place, translations, strike }: Play,
  selector: SelectorChoice,
  directory: string,
  progress: Progress,
): Promise<RunResult> {
  const departed = nodeNamed(lab, lab.experiment.event.node);
  const planned = planConnections(lab);
  const load = await Load.start(place, planned.length);
  const open = () => load.open(planned.map(({ target }) => target));
  const openedEarly = lab.nat && (await open());
  const connections = lab.nat ? translate(lab, await translations(lab.nat), planned) : planned;
  const states = await statesOf(routers);
  const state = states[lab.router.name];
  const forecasts = forecastLoss(
    lab,
    states,
    connections.map(({ flow }) => flow),
    departed,
  );
  const digest = digestForecast(forecasts);
  await writeFile(`${directory}/forecast.json`, JSON.stringify({ digest, states, forecasts }));
  progress.step(
    "forecast",
    `${forecasts.length} connections, ${forecasts.filter(({ moved }) => moved).length} to move; sha256 ${digest}`,
  );

  const opened = openedEarly ?? (await open());
  progress.step("connections", `${opened.filter((record) => record.opened).length} of ${opened.length} opened`);
  await delay(clock, WATCH_BEFORE_MS);

  const fault = FAULTS[lab.experiment.event.kind];
  const deadlineMs = EVENT_DEADLINE_MS + (fault.silent ? lab.router.holdTimeSeconds * 1000 : 0);
  const struckAtMs = await strike(departed);
  const seen = await Promise.all(
    routersOf(lab)
      .filter((router) => nodesOf(lab, router).includes(departed))
      .map(({ name }) => untilConverged(routers[name], departed, struckAtMs, deadlineMs)),
  );
  const last = (pick: (each: (typeof seen)[number]) => number) => Math.max(...seen.map(pick));
  const event = { detectedMs: last((each) => each.detectedMs), convergedMs: last((each) => each.convergedMs) };
  progress.step(
    "event",
    `${departed.name}'s ${fault.past}, converged after ${event.convergedMs.toFixed(1)} ms; watching ${WATCH_AFTER_MS / 1000} s`,
  );
  await delay(clock, WATCH_AFTER_MS);
  const { connections: records } = await load.report();
  await load.close();
  await load.stop(clock);

  const services = lab.services.map((service) => {
    const outcomes = outcomesOf(service, connections, forecasts, records);
    const group = state.groups.find(({ prefixes }) => prefixes.includes(formatPrefix(hostPrefix(service.address))));
    const nextHops = group?.members.length ?? 0;
    return { service, nextHops, outcomes, judgment: judge(lab, service, outcomes, struckAtMs) };
  });
  const { kind, node } = lab.experiment.event;
  return { selector, state, digest, event: { kind, node, ...event }, struckAtMs, services };
}

/** The session down, the routes changed, and that generation of them (or a later one) acknowledged by every worker. */
async function untilConverged(router: LabView, departed: ClusterNode, struckAtMs: number, deadlineMs: number) {
  const peer = formatAddress(departed.address.address);
  const next = async (what: string, wanted: (event: RouterEvent) => boolean): Promise<RouterEvent> => {
    const event = await router.events.find(wanted, deadlineMs);
    if (event) return event;
    throw new LabFailure("event", "not seen", `${what} within ${deadlineMs / 1000} s`);
  };
  const down = await next(
    `the session with ${departed.name} down (session-down of ${peer})`,
    ({ kind, atMs, peer: of }) => kind === "session-down" && of === peer && atMs >= struckAtMs,
  );
  const routes = await next("its routes gone (routes)", ({ kind, atMs }) => kind === "routes" && atMs >= struckAtMs);
  const converged = await next(
    "the change in force (converged)",
    ({ kind, atMs, generation }) =>
      kind === "converged" && atMs >= routes.atMs && Number(generation) >= Number(routes.generation),
  );
  return { detectedMs: down.atMs - struckAtMs, convergedMs: converged.atMs - struckAtMs };
}

function outcomesOf(
  service: Service,
  connections: readonly PlannedConnection[],
  forecasts: readonly FlowForecast[],
  records: readonly ConnectionRecord[],
) {
  const recordOf = new Map(records.map((record) => [record.flow, record]));
  return connections.flatMap((connection, index) => {
    const record = recordOf.get(connection.target.flow);
    if (connection.service !== service) return [];
    if (!record) throw new Error(`the load client never heard of ${connection.target.flow}`);
    return [{ forecast: forecasts[index], record, clientAddress: formatAddress(connection.flow.source) }];
  });
}

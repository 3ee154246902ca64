/**
 * What came of a scenario: every connection and request beside its forecast, and the figures that strategies are compared by.
 * Pure. The witness is the client, and of the way in the pod; never the router's own counters.
 */
import { formatAddress } from "../net/address.ts";
import { type Flow, formatFlow } from "../net/flow.ts";
import { brokenAtMs, type ConnectionRecord, type ConnectionTarget, isBroken } from "./connection.ts";
import type { DatagramForecast } from "./datagram-forecast.ts";
import { type DatagramFigures, type DatagramOutcome, describeDatagrams, judgeDatagrams, sumUp } from "./datagram-outcome.ts";
import { explainDifference, type ObservedFlow, REASON_NAMES, type ReasonName } from "./difference.ts";
import { describeDifference } from "./difference-text.ts";
import type { Expectation } from "./expectation.ts";
import { type Lab, nodesByNextHop } from "./lab.ts";
import type { LoadReport } from "./load.ts";
import { longestWait, type Waits } from "./processor-wait.ts";
import { NO_ANSWER, type RequestRecord } from "./request.ts";
import type { Scenario } from "./scenario.ts";
import type { ScenarioConnection, ScenarioDatagrams, ScenarioRequest } from "./scenario-traffic.ts";
import type { Surprise } from "./surprise.ts";
import type { RouterStates } from "./tiers.ts";
import type { FaultMark, NameMark } from "./timeline.ts";
import { entryNextHop, entryNode, type PodWords, processesOnWay } from "./witness.ts";

export interface ScenarioOutcome {
  readonly connections: {
    readonly opened: number;
    readonly broken: number;
    readonly forecast: number;
    /** Of these: those that their pods break, which was known when they were open. */
    readonly forecastByPod: number;
    readonly brokenOnSurvivors: number;
    /** By the node they entered by. */
    readonly perNode: Readonly<Record<string, number>>;
  };
  readonly requests: {
    readonly count: number;
    readonly failed: number;
    readonly forecast: number;
    readonly failedAfterRetry: number;
  };
  readonly datagrams: DatagramFigures;
  readonly differences: Readonly<Record<ReasonName, number>>;
  /** Of the unexplained ones. */
  readonly told: readonly string[];
  readonly digest: string;
  readonly longestGapMs: number;
  /** From the first fault until the last broken connection was open again. */
  readonly recoverMs: number;
  readonly marks: readonly FaultMark[];
  /** Of names to other services. */
  readonly moves: readonly NameMark[];
  /** Changes of routes that no fault was to make. */
  readonly surprises: readonly Surprise[];
  /** When connections broke, after the traffic began; when those that came back were open again; when requests failed. */
  readonly brokenAtMs: readonly number[];
  readonly reopenedAtMs: readonly number[];
  readonly failedAtMs: readonly number[];
  /** One by one. */
  readonly judged: JudgedTraffic;
  readonly foundation: Foundation;
}

/** All that the forecast was made from but the timeline: what the routers told, and the flows that they see. */
export interface Foundation {
  readonly states: RouterStates;
  readonly flows: readonly Flow[];
}

export interface JudgedConnection {
  /** That it was planned to reach. */
  readonly service: string;
  /** As the router sees it. */
  readonly flow: Flow;
  readonly record: ConnectionRecord;
  readonly expectation: Expectation;
  readonly observed: ObservedFlow;
  /** By which it was to enter, and by which it did. */
  readonly forecastNode: string | undefined;
  readonly node: string | undefined;
  /** Packets that came out of turn; unknown when it had ended before anybody asked. */
  readonly reordered: number | undefined;
  readonly reason: ReasonName | undefined;
}

export interface JudgedRequest {
  readonly service: string;
  readonly record: RequestRecord;
  readonly expectation: Expectation;
  readonly forecastNode: string | undefined;
  readonly node: string | undefined;
  readonly reason: ReasonName | undefined;
}

export interface JudgedTraffic {
  readonly startMs: number;
  readonly connections: readonly JudgedConnection[];
  readonly requests: readonly JudgedRequest[];
  readonly datagrams: readonly DatagramOutcome[];
}

export interface Evidence extends TrafficForecast {
  readonly connections: readonly ScenarioConnection[];
  readonly requests: readonly ScenarioRequest[];
  /** As the routers told them before anything happened. */
  readonly states: RouterStates;
  readonly datagrams: readonly ScenarioDatagrams[];
  readonly digest: string;
  readonly marks: readonly FaultMark[];
  readonly moves: readonly NameMark[];
  readonly startMs: number;
  /** Flows of which a fault has thrown packets away. */
  readonly struck: ReadonlySet<string>;
  /** Where a Linux router sent each flow. */
  readonly departures?: ReadonlyMap<string, ReadonlySet<string>> | undefined;
  /** The next hops whose kernels track it, of datagrams. */
  readonly trackedBy: ReadonlyMap<string, ReadonlySet<string>>;
  /** By flow, the pod that a node's kube-proxy drew for it. */
  readonly podsDrawn: ReadonlyMap<string, string>;
  /** Of the connections that are open at the end: how many packets came out of turn, by its flow. */
  readonly disorder: ReadonlyMap<string, number>;
  /** Changes of routes that no fault was to make, and where there were any what the forecast is with them. */
  readonly surprises: readonly Surprise[];
  readonly surprised?: TrafficForecast | undefined;
  /** Of processes for a processor. */
  readonly waits: Waits;
}

export interface TrafficForecast {
  /** Of connections and requests, in this order. */
  readonly expectations: readonly Expectation[];
  readonly datagramForecasts: readonly DatagramForecast[];
}

export function judgeScenario(lab: Lab, scenario: Scenario, evidence: Evidence, report: LoadReport): ScenarioOutcome {
  const { connections, requests, expectations, digest, marks, moves, startMs, surprised } = evidence;
  const surprises = evidence.surprises.map(({ nextHops, atMs }) => ({ nextHops, fromMs: atMs, toMs: atMs, plannedToMs: atMs }));
  /** What pods, faults and the router's kernel know of a flow. */
  const seenOf = (
    { service, flow }: ScenarioConnection | ScenarioRequest,
    target: ConnectionTarget,
    record: ConnectionRecord | RequestRecord,
  ) => {
    const [name, source] = [formatFlow(flow), formatAddress(flow.source)];
    return {
      pod: record.pod ?? evidence.podsDrawn.get(name),
      entry: entryNextHop(lab, service, source, record),
      leftFor: evidence.departures?.get(name),
      lostPackets: evidence.struck.has(name),
      wentAstray: target.name !== undefined && record.resolved !== target.destinationAddress,
    };
  };
  const recordOf = new Map<string, ConnectionRecord>(report.connections.map((record) => [record.flow, record]));
  const requestOf = new Map<string, RequestRecord>(report.requests.map((record) => [record.flow, record]));
  const firstMs = marks[0]?.fromMs ?? startMs;
  const differences = Object.fromEntries(REASON_NAMES.map((name) => [name, 0])) as Record<ReasonName, number>;
  const told: string[] = [];
  const nodeOf = nodesByNextHop(lab);
  const compare = (index: number, observed: ObservedFlow) => {
    const [expectation, again] = [expectations[index], surprised?.expectations[index]];
    const router = scenario.router;
    const reason = explainDifference({ expectation, observed, marks, moves, router, surprises, surprised: again });
    if (reason) differences[reason] += 1;
    if (reason === "unexplained") told.push(describeDifference(expectation, observed, startMs, nodeOf));
    return reason;
  };
  const forecastNodeOf = ({ entry = "" }: Expectation) => nodeOf.get(entry);
  /** Until it was given up. */
  const silenceOf = ({ service }: ScenarioConnection | ScenarioRequest, { pod }: PodWords, fromMs: number, toMs: number) => {
    return { lastedMs: toMs - fromMs, waitedMs: longestWait(evidence.waits, processesOnWay(lab, service, pod), fromMs, toMs) };
  };

  const long = connections.map((planned, i): JudgedConnection => {
    const { service, target, flow } = planned;
    const record = recordOf.get(target.flow);
    if (!record) throw new Error(`the load client never heard of ${target.flow}`);
    const node = entryNode(lab, service, formatAddress(flow.source), record);
    const observed: ObservedFlow = {
      broken: isBroken(record),
      amiss: whatIsAmiss(record, node, firstMs),
      wasReset: record.resetAtMs !== undefined,
      short: false,
      fromMs: startMs,
      toMs: brokenAtMs(record) ?? record.lastEchoAtMs,
      silence: record.timedOutAtMs ? silenceOf(planned, record, record.lastEchoAtMs, record.timedOutAtMs) : undefined,
      ...seenOf(planned, target, record),
    };
    const reason = compare(i, observed);
    const disorder = evidence.disorder.get(target.flow) ?? 0;
    const reordered = observed.broken ? undefined : disorder;
    const expectation = expectations[i];
    const forecastNode = forecastNodeOf(expectation);
    return { service: service.name, flow, record, expectation, observed, forecastNode, node, reordered, reason };
  });
  const short = requests.map((request, i): JudgedRequest => {
    const expectation = expectations[connections.length + i];
    const record = requestOf.get(expectation.flow);
    if (!record) throw new Error(`the load client never heard of ${expectation.flow}`);
    const { begunAtMs: fromMs, endedAtMs: endedMs, failed } = record;
    const toMs = fromMs + request.toMs - request.fromMs;
    const reason = compare(connections.length + i, {
      broken: failed !== undefined,
      wasReset: failed === "ECONNRESET",
      short: true,
      dueMs: startMs + request.fromMs,
      fromMs,
      toMs,
      endedMs,
      silence: failed === NO_ANSWER && endedMs ? silenceOf(request, record, record.awaitedSinceMs ?? fromMs, endedMs) : undefined,
      ...seenOf(request, request.order, record),
    });
    const node = entryNode(lab, request.service, request.order.sourceAddress, record);
    return { service: request.service.name, record, expectation, forecastNode: forecastNodeOf(expectation), node, reason };
  });

  const { datagrams: planned, datagramForecasts } = evidence;
  const datagrams = judgeDatagrams(lab, scenario.router, planned, datagramForecasts, report.datagrams, evidence);
  for (const each of datagrams) {
    if (each.reason) differences[each.reason] += 1;
    if (each.reason === "unexplained") told.push(describeDatagrams(each));
  }

  const sinceStart = <Mark extends FaultMark | NameMark>(mark: Mark): Mark => {
    const since = (atMs: number) => Math.round((atMs - startMs) * 100) / 100;
    const seen = "seenMs" in mark && mark.seenMs !== undefined ? { seenMs: since(mark.seenMs) } : {};
    return { ...mark, ...seen, fromMs: since(mark.fromMs), toMs: since(mark.toMs), plannedToMs: since(mark.plannedToMs) };
  };
  const broken = long.filter(({ observed }) => observed.broken);
  const judged = { startMs, connections: long, requests: short, datagrams };
  const marksSinceStart = marks.map(sinceStart);
  return {
    connections: {
      opened: long.filter(({ record }) => record.opened).length,
      broken: broken.length,
      forecast: long.filter(({ expectation }) => expectation.fate === "breaks").length,
      perNode: Object.fromEntries(lab.nodes.map(({ name }) => [name, long.filter(({ node }) => node === name).length])),
      forecastByPod: long.filter(({ expectation }) => expectation.byPod).length,
      brokenOnSurvivors: broken.filter((each) => isOnSurvivor(each, marks)).length,
    },
    requests: {
      count: short.length,
      failed: short.filter(({ record }) => record.failed !== undefined).length,
      forecast: short.filter(({ expectation }) => expectation.fate === "breaks").length,
      failedAfterRetry: short.filter(({ record }) => !record.answered).length,
    },
    datagrams: sumUp(datagrams),
    differences,
    told,
    digest,
    longestGapMs: Math.max(0, ...long.map(({ record }) => gapMs(record))),
    recoverMs: recoverMs({ ...judged, marks: marksSinceStart }),
    marks: marksSinceStart,
    moves: moves.map(sinceStart),
    surprises: evidence.surprises.map((each) => ({ ...each, atMs: Math.round((each.atMs - startMs) * 100) / 100 })),
    brokenAtMs: broken.map(({ record }) => (brokenAtMs(record) ?? startMs) - startMs),
    reopenedAtMs: broken.flatMap(({ record: { reopenedAtMs } }) => (reopenedAtMs === undefined ? [] : reopenedAtMs - startMs)),
    failedAtMs: short.flatMap(({ record: { failed, endedAtMs } }) =>
      failed === undefined || endedAtMs === undefined ? [] : endedAtMs - startMs,
    ),
    judged,
    foundation: { states: evidence.states, flows: [...connections, ...requests, ...planned].map(({ flow }) => flow) },
  };
}

/** The longest time without an answer; one that broke has none until it is open again. */
export const gapMs = (record: ConnectionRecord): number =>
  isBroken(record)
    ? Math.max(record.longestSilenceMs, (record.reopenedAtMs ?? Number.POSITIVE_INFINITY) - record.lastEchoAtMs)
    : record.longestSilenceMs;

/** From its beginning to the first byte of its answer, attempts that failed included; one that nobody answered waits for ever. */
export const latencyMs = ({ begunAtMs, firstByteAtMs, answered }: RequestRecord): number =>
  answered && firstByteAtMs !== undefined ? firstByteAtMs - begunAtMs : Number.POSITIVE_INFINITY;

/** Whether no fault befell the node by which it entered. */
export const isOnSurvivor = ({ observed }: JudgedConnection, marks: readonly FaultMark[]): boolean =>
  !marks.some(({ nextHops }) => nextHops.includes(observed.entry ?? ""));

/** From the first fault (of a time since the traffic began) until the last broken connection was open again. */
export function recoverMs({ startMs, connections, marks }: JudgedTraffic & Pick<ScenarioOutcome, "marks">): number {
  const firstMs = startMs + (marks[0]?.fromMs ?? 0);
  const broken = connections.filter(({ record }) => isBroken(record));
  return Math.max(0, ...broken.map(({ record }) => (record.reopenedAtMs ?? Number.POSITIVE_INFINITY) - firstMs));
}

/** What no forecast foresees: the traffic is up before anything happens, and a pod's words agree with each other. */
function whatIsAmiss(record: ConnectionRecord, node: string | undefined, firstMs: number): string | undefined {
  if (!record.opened) return `did not open (${record.error ?? "no answer"})`;
  if ((brokenAtMs(record) ?? firstMs) < firstMs) return "broke before anything happened";
  return node === undefined ? `entered by no node that would show ${record.pod} the source ${record.sourceSeen}` : undefined;
}

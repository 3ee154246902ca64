/**
 * Every connection, request and flow of datagrams of a scenario that was played, a row each, as CSV: what was forecast, what
 * became of it, and why that may differ. Times are milliseconds since the traffic was up, so those of what was open by then are
 * negative.
 */
import { formatCsv } from "./csv.ts";
import { lostOf } from "./datagram.ts";
import { isToMove } from "./datagram-forecast.ts";
import type { DatagramOutcome } from "./datagram-outcome.ts";
import type { Expectation } from "./expectation.ts";
import type { JudgedConnection, JudgedRequest } from "./outcome.ts";
import { NO_ANSWER } from "./request.ts";
import type { PlayedScenario } from "./strategies.ts";

export interface FlowRow {
  readonly kind: "connection" | "request" | "datagrams";
  readonly flow: string;
  /** As the router sees it, where a NAT made another of it. */
  readonly translated?: string | undefined;
  readonly openedMs?: number | undefined;
  /** By which it was to enter, and by which it did; several where these are one after the other. */
  readonly forecastNode: string;
  readonly node: string;
  readonly pod: string;
  readonly resets?: number;
  readonly timeouts?: number;
  readonly retries?: number;
  readonly bytes: number;
  readonly firstByteMs?: number | undefined;
  readonly lastByteMs?: number | undefined;
  /** Packets that came out of turn. */
  readonly reordered?: number | undefined;
  readonly sent?: number;
  readonly lost?: number;
  readonly duplicated?: number;
  readonly forecast: string;
  readonly outcome: string;
  readonly reason: string;
}

const COLUMNS = [
  "kind",
  "flow",
  "translated",
  "openedMs",
  "forecastNode",
  "node",
  "pod",
  "resets",
  "timeouts",
  "retries",
  "bytes",
  "firstByteMs",
  "lastByteMs",
  "reordered",
  "sent",
  "lost",
  "duplicated",
  "forecast",
  "outcome",
  "reason",
] as const satisfies readonly (keyof FlowRow)[];

/** A cell is empty where a kind has no such thing, or nobody saw it. */
export function flowsToCsv(played: readonly PlayedScenario[]): string {
  const rows = played.flatMap((each) =>
    flowRows(each).map((row) => [each.scenario.name, ...COLUMNS.map((column) => String(row[column] ?? ""))]),
  );
  return formatCsv([["strategy", ...COLUMNS], ...rows]);
}

export function flowRows({ outcome: { judged } }: PlayedScenario): FlowRow[] {
  const since = (atMs: number | undefined) => (atMs === undefined ? undefined : Math.round((atMs - judged.startMs) * 100) / 100);
  return [
    ...judged.connections.map((each) => rowOfConnection(each, since)),
    ...judged.requests.map((each) => rowOfRequest(each, since)),
    ...judged.datagrams.map((each) => rowOfDatagrams(each, since)),
  ];
}

type Since = (atMs: number | undefined) => number | undefined;

const fateOf = ({ fate, byPod }: Expectation): string => (byPod ? "breaks by its pod" : fate);

function rowOfConnection(judged: JudgedConnection, since: Since): FlowRow {
  const { record, expectation, forecastNode = "", node = "", reordered, reason } = judged;
  return {
    kind: "connection",
    flow: record.flow,
    translated: expectation.flow === record.flow ? undefined : expectation.flow,
    openedMs: since(record.openedAtMs),
    forecastNode,
    node,
    pod: record.pod ?? "",
    resets: record.resetAtMs === undefined ? 0 : 1,
    timeouts: record.timedOutAtMs === undefined ? 0 : 1,
    retries: record.redials,
    bytes: record.bytes,
    firstByteMs: since(record.firstByteAtMs),
    lastByteMs: since(record.lastEchoAtMs),
    reordered,
    forecast: fateOf(expectation),
    outcome: outcomeOf(record.resetAtMs, record.timedOutAtMs, record.closedAtMs),
    reason: reason ?? "",
  };
}

function outcomeOf(resetAtMs?: number, timedOutAtMs?: number, closedAtMs?: number): string {
  if (resetAtMs !== undefined) return "reset";
  if (timedOutAtMs !== undefined) return "timed out";
  return closedAtMs === undefined ? "lives" : "closed";
}

function rowOfRequest({ record, expectation, forecastNode = "", node = "", reason }: JudgedRequest, since: Since): FlowRow {
  return {
    kind: "request",
    flow: record.flow,
    openedMs: since(record.begunAtMs),
    forecastNode,
    node,
    pod: record.pod ?? "",
    resets: record.failed === "ECONNRESET" ? 1 : 0,
    timeouts: record.failed === NO_ANSWER ? 1 : 0,
    retries: record.attempts - 1,
    bytes: record.bytes,
    firstByteMs: since(record.firstByteAtMs),
    lastByteMs: since(record.lastByteAtMs),
    forecast: fateOf(expectation),
    outcome: record.failed ?? "answered",
    reason: reason ?? "",
  };
}

function rowOfDatagrams({ record, forecast, forecastNodes, entered, nodes, reason }: DatagramOutcome, since: Since): FlowRow {
  return {
    kind: "datagrams",
    flow: record.flow,
    translated: forecast.flow === record.flow ? undefined : forecast.flow,
    openedMs: since(record.begunAtMs),
    forecastNode: forecastNodes.join(" > "),
    node: nodes.join(" > "),
    pod: record.entrances.map(({ pod }) => pod).join(" > "),
    bytes: record.bytes,
    firstByteMs: since(record.firstByteAtMs),
    lastByteMs: since(record.lastByteAtMs),
    reordered: record.reordered,
    sent: record.sent,
    lost: lostOf(record),
    duplicated: record.duplicated,
    forecast: isToMove(forecast) ? "moves" : "stays",
    outcome: entered.length > 1 ? "moved" : "stayed",
    reason: reason ?? "",
  };
}

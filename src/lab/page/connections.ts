/**
 * Each connection of a lab's runs as one row: what was forecast for it, and what happened. The report's tables and CSV are of
 * these.
 */
import { brokenAtMs, type ConnectionRecord, isBroken } from "../connection.ts";
import { formatCsv } from "../csv.ts";
import { type Lab, nodesByNextHop } from "../lab.ts";
import type { LabResult } from "../report.ts";
import type { RunResult } from "../run.ts";

/** undefined: it lives. */
function brokenAfterMs(record: ConnectionRecord, struckAtMs: number): number | undefined {
  const at = brokenAtMs(record);
  return at === undefined ? undefined : at - struckAtMs;
}

const COLUMNS = [
  "selector",
  "service",
  "flow",
  "forecast-before",
  "forecast-after",
  "forecast-broken",
  "entered-by",
  "pod",
  "observed",
  "broken-after-ms",
] as const;

type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** RFC 4180, a header and a line for each connection of each run. */
export const renderCsv = ({ lab, runs }: LabResult): string =>
  formatCsv([COLUMNS, ...runs.flatMap((run) => connectionRows(lab, run).map((row) => COLUMNS.map((column) => row[column])))]);

export function connectionRows(lab: Lab, { selector, services, struckAtMs }: RunResult): Row[] {
  const nodeOf = nodesByNextHop(lab);
  const nameOf = (nextHop: string | undefined) => nodeOf.get(nextHop ?? "") ?? "";
  return services.flatMap(({ service, connections }) =>
    connections.map(({ expectation, record, node }) => ({
      selector: selector.name,
      service: service.name,
      flow: record.flow,
      "forecast-before": nameOf(expectation.nextHops[0]),
      "forecast-after": nameOf(expectation.nextHops.at(-1)),
      "forecast-broken": String(expectation.fate === "breaks"),
      "entered-by": node ?? "",
      pod: record.pod ?? "",
      observed: describeEnd(record),
      "broken-after-ms": brokenAfterMs(record, struckAtMs)?.toFixed(2) ?? "",
    })),
  );
}

function describeEnd(record: ConnectionRecord): string {
  if (!record.opened) return "not opened";
  if (!isBroken(record)) return "alive";
  return record.resetAtMs !== undefined ? "reset" : record.timedOutAtMs !== undefined ? "timed out" : "closed";
}

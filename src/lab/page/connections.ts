/** Each connection of a lab's runs as one row: what was forecast for it, and what happened. The report's tables and CSV are of these. */
import { brokenAtMs, type ConnectionRecord, isBroken } from "../connection.ts";
import { formatCsv } from "../csv.ts";
import { type Lab, nodesByNextHop } from "../lab.ts";
import type { LabResult } from "../report.ts";
import type { RunResult } from "../run.ts";
import { entryNode } from "../witness.ts";

/** undefined: it lives. */
export function brokenAfterMs(record: ConnectionRecord, struckAtMs: number): number | undefined {
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
  const nameOf = nodesByNextHop(lab);
  return services.flatMap(({ service, outcomes }) =>
    outcomes.map(({ forecast, record, clientAddress }) => ({
      selector: selector.name,
      service: service.name,
      flow: record.flow,
      "forecast-before": nameOf.get(forecast.before ?? "") ?? "",
      "forecast-after": nameOf.get(forecast.after ?? "") ?? "",
      "forecast-broken": String(forecast.moved),
      "entered-by": entryNode(lab, service, clientAddress, record) ?? "",
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

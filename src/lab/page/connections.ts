/** Each connection of a lab's runs as one row: what was forecast for it, and what happened. The report's tables and CSV are of these. */
import { brokenAtMs, type ConnectionRecord, isBroken } from "../connection.ts";
import { formatCsv } from "../csv.ts";
import { nodesByNextHop } from "../lab.ts";
import type { LabResult } from "../report.ts";
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

/** RFC 4180, a header and a line for each connection of each run. */
export function renderCsv({ lab, runs }: LabResult): string {
  const nameOf = nodesByNextHop(lab);
  const rows = runs.flatMap(({ selector, services, struckAtMs }) =>
    services.flatMap(({ service, outcomes }) =>
      outcomes.map(({ forecast, record, clientAddress }) => [
        selector.name,
        service.name,
        record.flow,
        nameOf.get(forecast.before ?? "") ?? "",
        nameOf.get(forecast.after ?? "") ?? "",
        String(forecast.moved),
        entryNode(lab, service, clientAddress, record) ?? "",
        record.pod ?? "",
        describeEnd(record),
        brokenAfterMs(record, struckAtMs)?.toFixed(2) ?? "",
      ]),
    ),
  );
  return formatCsv([COLUMNS, ...rows]);
}

function describeEnd(record: ConnectionRecord): string {
  if (!record.opened) return "not opened";
  if (!isBroken(record)) return "alive";
  return record.resetAtMs !== undefined ? "reset" : record.timedOutAtMs !== undefined ? "timed out" : "closed";
}

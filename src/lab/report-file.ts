/**
 * The files of `--report` and `--connections`: opened before a lab begins, so that a wrong name costs no run, and written from
 * inside the lab through their descriptors, because `/run` and `/var/tmp` are others there. The end of a report's name says what
 * is written.
 */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { extname, resolve } from "node:path";
import { LabFailure } from "./failure.ts";
import { flowsToCsv } from "./flow-rows.ts";
import type { Lab } from "./lab.ts";
import { renderCsv } from "./page/connections.ts";
import { labReport, scenarioReport } from "./page/data.ts";
import type { Provenance } from "./page/document.ts";
import { renderPage } from "./page/page.ts";
import { renderStrategiesPage } from "./page/strategies-page.ts";
import type { LabResult } from "./report.ts";
import type { ScenarioSuite } from "./scenario-file.ts";
import { type PlayedScenario, strategiesToCsv } from "./strategies.ts";
import { CONNECTIONS_FD, type OpenFiles, REPORT_FD } from "./tree.ts";

/** What is written, by the end of the file's name. */
const FORMATS = [".html", ".json", ".csv"] as const;
export type Reports = Readonly<Record<(typeof FORMATS)[number], (provenance: Provenance) => string>>;

export const labReports = (result: LabResult): Reports => ({
  ".html": (provenance) => renderPage(result, provenance),
  ".json": (provenance) => `${JSON.stringify({ ...labReport(result), provenance }, null, 2)}\n`,
  ".csv": () => renderCsv(result),
});

export const strategyReports = (lab: Lab, suite: ScenarioSuite, played: readonly PlayedScenario[]): Reports => ({
  ".html": (provenance) => renderStrategiesPage(lab, suite, played, provenance),
  ".json": (provenance) => `${JSON.stringify({ ...scenarioReport(lab, suite, played), provenance }, null, 2)}\n`,
  ".csv": () => strategiesToCsv(played),
});

const isFormat = (end: string): end is keyof Reports => (FORMATS as readonly string[]).includes(end);

/** By their paths, as they were asked for. */
export function openFiles({ report, connections }: { readonly report?: string; readonly connections?: string }): OpenFiles {
  if (report !== undefined && !isFormat(extname(report)))
    throw new LabFailure("--report", `found "${report}"`, `a file that ends in ${FORMATS.join(", ")}`);
  if (report !== undefined && connections !== undefined && resolve(report) === resolve(connections))
    throw new LabFailure("--connections", `found "${connections}"`, "another file than --report has");
  return {
    report: report === undefined ? undefined : open("--report", report),
    connections: connections === undefined ? undefined : open("--connections", connections),
  };
}

function open(option: string, path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    throw new LabFailure(option, (error as Error).message, "a file that can be written");
  }
}

export function writeConnections(played: readonly PlayedScenario[]): void {
  writeFileSync(CONNECTIONS_FD, flowsToCsv(played));
  closeSync(CONNECTIONS_FD);
}

export function writeReport(path: string, reports: Reports, timestamp: string): void {
  const manifest = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  const provenance = { version, node: process.version, kernel: release(), timestamp };
  const end = extname(path);
  if (isFormat(end)) writeFileSync(REPORT_FD, reports[end](provenance));
  closeSync(REPORT_FD);
}

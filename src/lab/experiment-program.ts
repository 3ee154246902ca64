/**
 * The experiment of a lab file as a program: a line on standard error for each step of it, and at the end the table or one JSON
 * object on standard output, the differences on standard error.
 */
import type { Clock } from "../net/clock.ts";
import { FAULTS } from "./fault.ts";
import type { FaultKind, Lab } from "./lab.ts";
import type { Program } from "./program.ts";
import type { Progress } from "./progress.ts";
import { differencesOf, renderTable, toJson } from "./report.ts";
import { labReports, writeConnections, writeReport } from "./report-file.ts";
import { runOf } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import type { SpeakerReport } from "./speakers.ts";
import type { PlayedScenario } from "./strategies.ts";

/** How many differences are told one by one; the count is always told. */
const DIFFERENCES_SHOWN = 20;

export interface ExperimentOptions {
  readonly json: boolean;
  /** The file's name as it was given; the file itself is open already (`report-file.ts`). */
  readonly report?: string | undefined;
  /** Whether a file for the connections one by one is open. */
  readonly connections: boolean;
}

/** Its exit code: 0 when everything was as forecast, else 1. */
export function experimentProgram(
  clock: Clock,
  lab: Lab,
  scenarios: readonly Scenario[],
  { json, report, connections }: ExperimentOptions,
  progress: Progress,
): Program {
  let speakers: readonly SpeakerReport[] = [];
  const played: PlayedScenario[] = [];
  return {
    lab,
    scenarios,
    labFor: () => lab,
    told(scenario, kind, _, detail) {
      const said = NARRATION[kind]?.(detail as Detail, scenario);
      if (said) progress.step(...said);
    },
    learned(those) {
      speakers = those;
    },
    played: (one) => void played.push(one),
    failed(_, failure) {
      throw failure;
    },
    end() {
      const result = { lab, speakers, runs: played.map((one) => runOf(lab, one)) };
      const color = process.stdout.isTTY && !process.env.NO_COLOR;
      const bold = (text: string) => (color ? `\x1b[1m${text}\x1b[22m` : text);
      // Of a lab that is up and no more, the one who brought it up tells (`onceUp`).
      if (json && played.length > 0) console.log(JSON.stringify(toJson(result)));
      if (!json) console.log(`${played.length === 0 ? "" : "\n"}${renderTable(result, bold).join("\n")}`);
      if (report) writeReport(report, labReports(result), clock.timestamp());
      if (connections) writeConnections(played);
      return tellDifferences(differencesOf(result));
    },
  };
}

function tellDifferences(differences: readonly string[]): number {
  if (differences.length === 0) return 0;
  process.stderr.write(`\n${differences.length} differences between the forecast and what happened:\n`);
  for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) process.stderr.write(`  ${difference}\n`);
  if (differences.length > DIFFERENCES_SHOWN) process.stderr.write("  ... (all of them: --json, key differences)\n");
  return 1;
}

type Detail = Readonly<Record<string, unknown>>;

/** What is told while it is played, as a line of progress: its subject, and what came of it. */
const NARRATION: Readonly<Record<string, (detail: Detail, scenario: Scenario) => [subject: string, result: string]>> = {
  started: ({ speakers, pods }, { name }) => ["started", `router with selector ${name}, ${speakers} speakers, ${pods} pods`],
  sessions: ({ result }) => ["sessions", String(result)],
  routes: ({ result }) => ["routes", String(result)],
  forecast: ({ flows, breaks, digest }) => ["forecast", `${flows} connections, ${breaks} to break; sha256 ${digest}`],
  opened: ({ connections, of }) => ["connections", `${connections} of ${of} opened`],
  converged: ({ fault, node, tookMs }, { watchSeconds }) => [
    "event",
    `${node}'s ${FAULTS[fault as FaultKind].past}, converged after ${tookMs} ms; watching ${watchSeconds} s`,
  ],
};

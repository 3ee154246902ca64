/** The strategies of a scenario file side by side: the table that people read, and the same as one JSON object. */
import { describeFound, type Verdict } from "./assertion.ts";
import { formatCsv } from "./csv.ts";
import { REASON_NAMES, REASONS, type ReasonName } from "./difference.ts";
import type { ScenarioOutcome } from "./outcome.ts";
import type { Scenario, Traffic } from "./scenario.ts";
import type { ScenarioSuite } from "./scenario-file.ts";
import type { SpeakerReport } from "./speakers.ts";

export interface PlayedScenario {
  readonly scenario: Scenario;
  readonly outcome: ScenarioOutcome;
  readonly verdicts: readonly Verdict[];
  readonly speakers: readonly SpeakerReport[];
}

interface Column {
  readonly title: string;
  /** The traffic that it is a figure of. */
  readonly of?: Traffic["kind"];
  /** As a number or a name, for programs; with its unit in the title of the CSV. */
  readonly value: (played: PlayedScenario) => string | number;
  /** As people read it, where that is something else. */
  readonly text?: (played: PlayedScenario) => string;
}

const COLUMNS: readonly Column[] = [
  { title: "strategy", value: ({ scenario }) => scenario.name },
  { title: "connections", of: "connections", value: ({ outcome }) => outcome.connections.opened },
  {
    title: "broken",
    of: "connections",
    value: ({ outcome }) => outcome.connections.broken,
    text: ({ outcome: { connections } }) => `${connections.broken} (${percent(connections.broken, connections.opened)})`,
  },
  { title: "forecast", of: "connections", value: ({ outcome }) => outcome.connections.forecast },
  { title: "on survivors", of: "connections", value: ({ outcome }) => outcome.connections.brokenOnSurvivors },
  {
    title: "longest gap",
    of: "connections",
    value: ({ outcome }) => outcome.longestGapMs,
    text: ({ outcome }) => milliseconds(outcome.longestGapMs),
  },
  {
    title: "recovered in",
    of: "connections",
    value: ({ outcome }) => outcome.recoverMs,
    text: ({ outcome }) => seconds(outcome.recoverMs),
  },
  { title: "requests", of: "requests", value: ({ outcome }) => outcome.requests.count },
  { title: "failed", of: "requests", value: ({ outcome }) => outcome.requests.failed },
  { title: "to fail", of: "requests", value: ({ outcome }) => outcome.requests.forecast },
  { title: "after retry", of: "requests", value: ({ outcome }) => outcome.requests.failedAfterRetry },
  { title: "UDP flows", of: "datagrams", value: ({ outcome }) => outcome.datagrams.flows },
  { title: "moved", of: "datagrams", value: ({ outcome }) => outcome.datagrams.moved },
  { title: "to move", of: "datagrams", value: ({ outcome }) => outcome.datagrams.forecast },
  { title: "lost", of: "datagrams", value: ({ outcome }) => outcome.datagrams.lost },
  { title: "differences", value: ({ outcome }) => describeDifferences(outcome) },
];

/** Of which traffic they are. */
export const COLUMN_TRAFFIC: readonly (Traffic["kind"] | undefined)[] = COLUMNS.map((column) => column.of);

/** Which of them are numbers. */
export const NUMERIC_COLUMNS: readonly boolean[] = COLUMNS.map(({ title }) => title !== "strategy" && title !== "differences");

const percent = (part: number, whole: number): string => (whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`);
const milliseconds = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(0)} ms` : "never ended");
const seconds = (value: number): string => (Number.isFinite(value) ? `${(value / 1000).toFixed(2)} s` : "never");

/** A reason, how often it was one, what it means, and who bears witness to it. */
export interface CountedReason {
  readonly reason: ReasonName;
  readonly times: number;
  readonly means: string;
  readonly witness: string;
}

/** All of the closed list. */
export const countReasons = (played: readonly PlayedScenario[]): CountedReason[] =>
  REASON_NAMES.map((reason) => {
    const times = played.reduce((sum, { outcome }) => sum + outcome.differences[reason], 0);
    const { means, witness } = REASONS[reason];
    return { reason, times, means, witness };
  });

/** Those that were one, for people. */
export const renderReasons = (played: readonly PlayedScenario[]): string[] =>
  countReasons(played)
    .filter(({ times }) => times > 0)
    .flatMap(({ reason, times, means, witness }) => [`${reason}, ${times} times: ${means}`, `  witness: ${witness}`]);

/** Each with its counter, by name; a dash where there is none. */
function describeDifferences({ differences }: ScenarioOutcome): string {
  const counted = Object.entries(differences).filter(([, count]) => count > 0);
  return counted.map(([reason, count]) => `${count} ${reason}`).join(", ") || "-";
}

/** The heading, and a row each. */
export const strategyRows = (played: readonly PlayedScenario[]): string[][] => [
  COLUMNS.map(({ title }) => title),
  ...played.map((each) => COLUMNS.map(({ value, text }) => text?.(each) ?? String(value(each)))),
];

export const renderStrategies = (played: readonly PlayedScenario[]): string[] => renderTable(strategyRows(played));

/** Each assertion of each strategy, with what was found. */
export const verdictRows = (played: readonly PlayedScenario[]): string[][] => [
  ["strategy", "assertion", "found", "verdict"],
  ...played.flatMap(({ scenario, verdicts }) =>
    verdicts.map((verdict) => [
      scenario.name,
      verdict.assertion,
      describeFound(verdict),
      verdict.holds ? "holds" : "does NOT hold",
    ]),
  ),
];

export const renderVerdicts = (played: readonly PlayedScenario[]): string[] => renderTable(verdictRows(played));

function renderTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join("  ")
      .trimEnd(),
  );
}

export function strategiesToJson({ name, lab }: ScenarioSuite, played: readonly PlayedScenario[]) {
  return {
    scenario: name,
    lab,
    reasons: countReasons(played),
    strategies: played.map(({ scenario, outcome, verdicts }) => {
      const { told, judged: _judged, foundation: _foundation, ...figures } = outcome;
      const router = scenario.router;
      return { strategy: scenario.name, description: scenario.description, router, ...figures, unexplained: told, verdicts };
    }),
  };
}

export const failures = (played: readonly PlayedScenario[]): string[] =>
  played.flatMap(({ scenario, outcome, verdicts }) => [
    ...verdicts
      .filter(({ holds }) => !holds)
      .map((verdict) => `${scenario.name}: wanted ${verdict.assertion}, found ${describeFound(verdict)}`),
    ...outcome.told.map((text) => `${scenario.name}: ${text}`),
  ]);

const UNITS: Readonly<Record<string, string>> = { "longest gap": " ms", "recovered in": " ms" };

/** The same as numbers; what never ended is empty. */
export function strategiesToCsv(played: readonly PlayedScenario[]): string {
  const cell = (value: string | number) => (typeof value === "string" ? value : Number.isFinite(value) ? String(value) : "");
  const head = COLUMNS.map(({ title }) => `${title}${UNITS[title] ?? ""}`);
  return formatCsv([head, ...played.map((each) => COLUMNS.map(({ value }) => cell(value(each))))]);
}

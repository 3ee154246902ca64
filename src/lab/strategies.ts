/** The strategies of a scenario file side by side: the table that people read, and the same as one JSON object. */
import type { Verdict } from "./assertion.ts";
import { formatCsv } from "./csv.ts";
import type { ScenarioOutcome } from "./outcome.ts";
import type { Scenario } from "./scenario.ts";
import type { ScenarioSuite } from "./scenario-file.ts";

export interface PlayedScenario {
  readonly scenario: Scenario;
  readonly outcome: ScenarioOutcome;
  readonly verdicts: readonly Verdict[];
}

interface Column {
  readonly title: string;
  readonly cell: (played: PlayedScenario) => string;
}

const STRATEGY_COLUMNS: readonly Column[] = [
  { title: "strategy", cell: ({ scenario }) => scenario.name },
  { title: "connections", cell: ({ outcome }) => String(outcome.connections.opened) },
  {
    title: "broken",
    cell: ({ outcome: { connections } }) => `${connections.broken} (${percent(connections.broken, connections.opened)})`,
  },
  { title: "forecast", cell: ({ outcome: { connections } }) => String(connections.forecast) },
  { title: "on survivors", cell: ({ outcome: { connections } }) => String(connections.brokenOnSurvivors) },
  { title: "longest gap", cell: ({ outcome }) => milliseconds(outcome.longestGapMs) },
  { title: "recovered in", cell: ({ outcome }) => seconds(outcome.recoverMs) },
  { title: "requests", cell: ({ outcome: { requests } }) => String(requests.count) },
  { title: "failed", cell: ({ outcome: { requests } }) => String(requests.failed) },
  { title: "forecast", cell: ({ outcome: { requests } }) => String(requests.forecast) },
  { title: "after retry", cell: ({ outcome: { requests } }) => String(requests.failedAfterRetry) },
  { title: "differences", cell: ({ outcome }) => describeDifferences(outcome) },
];

const percent = (part: number, whole: number): string => (whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`);
const milliseconds = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(0)} ms` : "never ended");
const seconds = (value: number): string => (Number.isFinite(value) ? `${(value / 1000).toFixed(2)} s` : "never");

/** Each with its counter, by name; a dash where there is none. */
function describeDifferences({ differences }: ScenarioOutcome): string {
  const counted = Object.entries(differences).filter(([, count]) => count > 0);
  return counted.map(([reason, count]) => `${count} ${reason}`).join(", ") || "-";
}

/** The heading, and a row each. */
export const strategyRows = (played: readonly PlayedScenario[]): string[][] => [
  STRATEGY_COLUMNS.map(({ title }) => title),
  ...played.map((each) => STRATEGY_COLUMNS.map(({ cell }) => cell(each))),
];

export function renderStrategies(played: readonly PlayedScenario[]): string[] {
  const rows = strategyRows(played);
  const widths = STRATEGY_COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
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
    strategies: played.map(({ scenario, outcome, verdicts }) => {
      const { told, ...figures } = outcome;
      const router = scenario.router;
      return { strategy: scenario.name, description: scenario.description, router, ...figures, unexplained: told, verdicts };
    }),
  };
}

export const failures = (played: readonly PlayedScenario[]): string[] =>
  played.flatMap(({ scenario, outcome, verdicts }) => [
    ...verdicts
      .filter(({ holds }) => !holds)
      .map(({ assertion, found, limit }) => `${scenario.name}: ${assertion}: found ${found}, wanted at most ${limit}`),
    ...outcome.told.map((text) => `${scenario.name}: ${text}`),
  ]);

export const strategiesToCsv = (played: readonly PlayedScenario[]): string => formatCsv(strategyRows(played));

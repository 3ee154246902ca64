/**
 * The strategies of a scenario file as one page: the tables and charts that compare them, each one by itself, and every flow that
 * did not do what was forecast, with the reason. Pure; `report-file.ts` writes it.
 */
import { type FlowRow, flowRows, flowsToCsv } from "../flow-rows.ts";
import type { Lab } from "../lab.ts";
import { gapMs } from "../outcome.ts";
import type { ScenarioSuite } from "../scenario-file.ts";
import {
  COLUMN_TRAFFIC,
  countReasons,
  failures,
  NUMERIC_COLUMNS,
  type PlayedScenario,
  strategiesToCsv,
  strategyRows,
  verdictRows,
} from "../strategies.ts";
import { scenarioReport } from "./data.ts";
import {
  downloads,
  figure,
  list,
  type Provenance,
  paragraph,
  renderDocument,
  section,
  settingsList,
  table,
  WRONG,
} from "./document.ts";
import { scenarioSection } from "./scenario-section.ts";
import { drawBreakages, drawGaps } from "./strategy-charts.ts";
import { element, escapeText } from "./svg.ts";

export function renderStrategiesPage(
  lab: Lab,
  suite: ScenarioSuite,
  played: readonly PlayedScenario[],
  provenance: Provenance,
): string {
  const wrong = failures(played);
  const verdict =
    wrong.length === 0
      ? "✓ Everything was as forecast, or for a named reason, and every assertion held."
      : `✗ ${wrong.length} of what was forecast or demanded did not come true.`;
  const header = element(
    "header",
    {},
    paragraph(`Scenario ${suite.name}, lab ${suite.lab}`, "kicker"),
    element("h1", {}, escapeText(suite.description)),
    paragraph(verdict, wrong.length === 0 ? "verdict" : "verdict alarm"),
  );
  return renderDocument(`${suite.name}: strategies side by side`, [
    header,
    strategies(played),
    section("Assertions", table("Assertions", markedVerdicts(played), [])),
    comparison(played),
    ...played.map((each) => scenarioSection(lab, each)),
    section("Why forecast and observation differ", table("Reasons", reasonRows(played), [false, true, false, false])),
    differences(played),
    section("Unexplained, or not as demanded", wrong.length === 0 ? paragraph("Nothing.") : list(wrong)),
    section("Settings, versions and seed", settings(suite, played, provenance)),
    downloads([
      {
        file: `${suite.name}.json`,
        type: "application/json",
        text: JSON.stringify({ ...scenarioReport(lab, suite, played), provenance }),
        words: "JSON",
      },
      { file: `${suite.name}.csv`, type: "text/csv", text: strategiesToCsv(played), words: "CSV" },
      {
        file: `${suite.name}-flows.csv`,
        type: "text/csv",
        text: flowsToCsv(played),
        words: "CSV, a line for each connection, request and flow of datagrams",
      },
    ]),
  ]);
}

/** Without the columns of traffic that none of them had. */
function strategies(played: readonly PlayedScenario[]): string {
  const there = {
    connections: played.some(({ outcome }) => outcome.connections.opened > 0),
    requests: played.some(({ outcome }) => outcome.requests.count > 0),
    datagrams: played.some(({ outcome }) => outcome.datagrams.flows > 0),
  };
  const isTold = (traffic: (typeof COLUMN_TRAFFIC)[number]) => traffic === undefined || there[traffic];
  const only = <Cell>(row: readonly Cell[]) => row.filter((_, column) => isTold(COLUMN_TRAFFIC[column]));
  return section("Strategies", table("Strategies", strategyRows(played).map(only), only(NUMERIC_COLUMNS)));
}

function markedVerdicts(played: readonly PlayedScenario[]): string[][] {
  const [head, ...rows] = verdictRows(played);
  const holds = played.flatMap(({ verdicts }) => verdicts.map((verdict) => verdict.holds));
  return [head, ...rows.map((row, at) => [...row.slice(0, -1), `${holds[at] ? "✓ " : WRONG}${row.at(-1)}`])];
}

const GAPS =
  "The longest time in which nothing came back, of each connection: half of them had no longer one than the circle says, 99 % than the square, all than the diamond. What never ended has no mark.";

function comparison(played: readonly PlayedScenario[]): string {
  const breakages = played.flatMap(({ scenario: { name }, outcome: { connections, requests, datagrams } }) => [
    ...row(name, connections.opened, connections.broken, connections.forecast),
    ...row(`${name}, requests`, requests.count, requests.failed, requests.forecast),
    ...row(`${name}, datagrams that moved`, datagrams.flows, datagrams.moved, datagrams.forecast),
  ]);
  const gaps = played.flatMap(({ scenario: { name }, outcome: { judged } }) =>
    judged.connections.length > 0 ? [{ name, gapsMs: judged.connections.map(({ record }) => gapMs(record)) }] : [],
  );
  const figures = [
    ...(breakages.length > 0
      ? [figure("Broken", drawBreakages(breakages), "What broke, failed or moved; the tick is the forecast.")]
      : []),
    ...(gaps.length > 0 ? [figure("Gaps", drawGaps(gaps), GAPS)] : []),
  ];
  return section("Side by side", element("div", { class: "figures" }, ...figures));
}

const row = (name: string, flows: number, broken: number, forecast: number) =>
  flows > 0 ? [{ name, flows, broken, forecast }] : [];

/** Each reason with how often it was one, what it means, and its witness. */
function reasonRows(played: readonly PlayedScenario[]): string[][] {
  const rows = countReasons(played).map(({ reason, times, means, witness }) => [reason, String(times), means, witness]);
  return [["reason", "times", "means", "witness"], ...rows];
}

const DIFFERENCE_COLUMNS = [
  "kind",
  "flow",
  "forecast",
  "outcome",
  "node",
  "pod",
  "reason",
] as const satisfies readonly (keyof FlowRow)[];

function differences(played: readonly PlayedScenario[]): string {
  const rows = played.flatMap((each) =>
    flowRows(each)
      .filter(({ reason }) => reason !== "")
      .map((flow) => [each.scenario.name, ...DIFFERENCE_COLUMNS.map((column) => flow[column])]),
  );
  const title = "Forecast and observed: every difference";
  return section(
    title,
    rows.length === 0 ? paragraph("None.") : table(title, [["strategy", ...DIFFERENCE_COLUMNS], ...rows], []),
  );
}

function settings(suite: ScenarioSuite, played: readonly PlayedScenario[], provenance: Provenance): string {
  const rows = played.map(({ scenario, outcome }): [string, string] => [
    scenario.name,
    `${JSON.stringify(scenario.router)}, hold time ${scenario.holdTimeSeconds} s, seed ${scenario.seed}, forecast sha256 ${outcome.digest}`,
  ]);
  const speakers = (played[0]?.speakers ?? []).map(({ node, implementation, version }): [string, string] => [
    node,
    `${implementation} ${version}`,
  ]);
  const only = played.map(({ scenario }) => scenario.name).join(",");
  return settingsList([["Run again", `ecmp lab run ${suite.name} --only ${only}`], ...speakers, ...rows], provenance);
}

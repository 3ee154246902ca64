/**
 * The strategies of a scenario file as one page: the table, what broke over time with the faults marked, and every difference
 * that no named reason explains. Pure; `report-file.ts` writes it.
 */
import { REASONS, type ReasonName } from "../difference.ts";
import { FAULTS } from "../fault.ts";
import type { ScenarioOutcome } from "../outcome.ts";
import type { ScenarioSuite } from "../scenario-file.ts";
import {
  failures,
  NUMERIC_COLUMNS,
  type PlayedScenario,
  strategiesToCsv,
  strategiesToJson,
  strategyRows,
} from "../strategies.ts";
import type { FaultMark } from "../timeline.ts";
import { downloads, figure, list, type Provenance, paragraph, renderDocument, section, settingsList, table } from "./document.ts";
import { linearScale, type Scale } from "./scale.ts";
import { CHART_WIDTH, chart, element, escapeText, label } from "./svg.ts";

const LEFT = 48;
const RIGHT = CHART_WIDTH - 24;
const PLOT_HEIGHT = 120;
/** Of the labels above the plot: one row of them, and about what a character takes. */
const ROW_HEIGHT = 17;
const CHARACTER_WIDTH = 7.2;

export function renderStrategiesPage(suite: ScenarioSuite, played: readonly PlayedScenario[], provenance: Provenance): string {
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
    section("Strategies", table("Strategies", strategyRows(played), NUMERIC_COLUMNS)),
    section("What broke, and when", element("div", { class: "figures" }, ...played.map(drawStrategy))),
    section("Why forecast and observation differ", table("Reasons", reasonRows(played), [false, true, false])),
    section("Unexplained, or not as demanded", wrong.length === 0 ? paragraph("Nothing.") : list(wrong)),
    section("Settings", settings(suite, played, provenance)),
    downloads([
      {
        file: `${suite.name}.json`,
        type: "application/json",
        text: JSON.stringify({ ...strategiesToJson(suite, played), provenance }),
        words: "JSON",
      },
      { file: `${suite.name}.csv`, type: "text/csv", text: strategiesToCsv(played), words: "CSV" },
    ]),
  ]);
}

function drawStrategy({ scenario, outcome }: PlayedScenario): string {
  return figure(scenario.name, drawBroken(outcome), scenario.description || "The event that all strategies share.");
}

/** Each reason with what it means and how often it was one. */
function reasonRows(played: readonly PlayedScenario[]): string[][] {
  const rows = Object.entries(REASONS).map(([name, { means }]) => {
    const count = played.reduce((sum, { outcome }) => sum + outcome.differences[name as ReasonName], 0);
    return [name, String(count), means];
  });
  return [["reason", "times", "means"], ...rows];
}

/** How many connections had broken, over the seconds, beside how many were to; faults as they began and ended, and what followed. */
function drawBroken({ connections, marks, brokenAtMs }: ScenarioOutcome): string {
  const times = brokenAtMs.toSorted((a, b) => a - b).map((atMs) => atMs / 1000);
  const last = Math.max(1, times.at(-1) ?? 0, ...marks.map(({ toMs }) => toMs / 1000));
  const x = linearScale(0, last * 1.1, LEFT, RIGHT, 5);
  const faults = placeLabels(marks, x);
  const top = 14 + ROW_HEIGHT * (1 + Math.max(-1, ...faults.map(({ row }) => row)));
  const bottom = top + PLOT_HEIGHT;
  const y = linearScale(0, Math.max(1, connections.opened), bottom, top, 3);
  const steps = times.map((at, index) => `H${round(x.at(at))}V${round(y.at(index + 1))}`);
  const sum = `${connections.broken} broken, ${connections.forecast} forecast`;
  return chart(
    bottom + 40,
    "Broken connections over time",
    `${connections.broken} of ${connections.opened} broke; ${connections.forecast} were forecast to.`,
    ...y.ticks.map((tick) => element("path", { class: "grid", d: `M${LEFT} ${y.at(tick)}H${RIGHT}` })),
    ...y.ticks.map((tick) => label(LEFT - 7, y.at(tick) + 4, String(tick), { class: "quiet", "text-anchor": "end" })),
    ...x.ticks.map((tick) => label(x.at(tick), bottom + 20, String(tick), { class: "quiet", "text-anchor": "middle" })),
    label((LEFT + RIGHT) / 2, bottom + 37, "seconds", { class: "quiet", "text-anchor": "middle" }),
    ...faults.map(({ atX, row }) => element("path", { class: "mark", d: `M${round(atX)} ${8 + row * ROW_HEIGHT}V${bottom}` })),
    ...faults.map(({ atX, row, text, anchor }) =>
      label(atX + (anchor === "start" ? 5 : -5), 14 + row * ROW_HEIGHT, text, { class: "alarm", "text-anchor": anchor }),
    ),
    ...marks.map(({ toMs }) => element("path", { class: "mark converged", d: `M${round(x.at(toMs / 1000))} ${top}V${bottom}` })),
    element("path", { class: "mean", d: `M${LEFT} ${round(y.at(connections.forecast))}H${RIGHT}` }),
    element("path", { class: "line broken-line", d: `M${LEFT} ${round(y.at(0))}${steps.join("")}H${RIGHT}` }),
    label(RIGHT - 4, Math.max(top + 14, y.at(connections.broken) - 6), sum, { class: "strong", "text-anchor": "end" }),
  );
}

interface FaultLabel {
  readonly atX: number;
  readonly row: number;
  readonly text: string;
  readonly anchor: "start" | "end";
}

/** One label for what happened at once, each in the first row where it touches no other. */
function placeLabels(marks: readonly FaultMark[], x: Scale): FaultLabel[] {
  const groups = new Map<string, { atX: number; nodes: string[] }>();
  for (const { fault, node, what, fromMs } of marks) {
    const words = what === "begins" ? FAULTS[fault].past : `end of ${fault}`;
    const group = `${Math.round(fromMs / 100)} ${words}`;
    groups.set(group, { atX: x.at(fromMs / 1000), nodes: [...(groups.get(group)?.nodes ?? []), node] });
  }
  const rows: number[][][] = [];
  return [...groups].map(([group, { atX, nodes }]) => {
    const text = `${nodes.join(", ")}: ${group.slice(group.indexOf(" ") + 1)}`;
    const width = text.length * CHARACTER_WIDTH + 10;
    const anchor = atX + width > CHART_WIDTH ? "end" : "start";
    const [from, to] = anchor === "start" ? [atX, atX + width] : [atX - width, atX];
    let row = 0;
    while (rows[row]?.some(([left, right]) => from < right && left < to)) row += 1;
    rows[row] = [...(rows[row] ?? []), [from, to]];
    return { atX, row, text, anchor };
  });
}

const round = (value: number): number => Math.round(value * 100) / 100;

function settings(suite: ScenarioSuite, played: readonly PlayedScenario[], provenance: Provenance): string {
  const rows = played.map(({ scenario, outcome }): [string, string] => [
    scenario.name,
    `${JSON.stringify(scenario.router)}, hold time ${scenario.holdTimeSeconds} s, seed ${scenario.seed}, forecast sha256 ${outcome.digest}`,
  ]);
  const only = played.map(({ scenario }) => scenario.name).join(",");
  return settingsList([["Run again", `ecmp lab run ${suite.name} --only ${only}`], ...rows], provenance);
}

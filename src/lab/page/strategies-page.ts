/**
 * The strategies of a scenario file as one page: the table, what broke over time with the faults marked, and every difference
 * that no named reason explains. Pure; `report-file.ts` writes it.
 */
import { FAULTS } from "../fault.ts";
import type { ScenarioOutcome } from "../outcome.ts";
import type { ScenarioSuite } from "../scenario-file.ts";
import {
  countReasons,
  failures,
  NUMERIC_COLUMNS,
  type PlayedScenario,
  strategiesToCsv,
  strategiesToJson,
  strategyRows,
} from "../strategies.ts";
import type { FaultMark, NameMark } from "../timeline.ts";
import { downloads, figure, list, type Provenance, paragraph, renderDocument, section, settingsList, table } from "./document.ts";
import { linearScale, type Scale } from "./scale.ts";
import { CHART_WIDTH, chart, element, escapeText, label } from "./svg.ts";

const LEFT = 48;
const RIGHT = CHART_WIDTH - 24;
const PLOT_HEIGHT = 120;
/** Of the labels above the plot: one row of them, and about what a character takes. */
const ROW_HEIGHT = 17;
const CHARACTER_WIDTH = 7.2;

const LEGEND =
  "Dashed: connections that had broken; solid: those of them that were open again; level: as many as were forecast to break. Strokes below: requests that failed. Upright: what happened, and (dotted) from when on packets went by it.";

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
    section("What broke, and when", paragraph(LEGEND, "note"), element("div", { class: "figures" }, ...played.map(drawStrategy))),
    section("Why forecast and observation differ", table("Reasons", reasonRows(played), [false, true, false, false])),
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

/** Each reason with how often it was one, what it means, and its witness. */
function reasonRows(played: readonly PlayedScenario[]): string[][] {
  const rows = countReasons(played).map(({ reason, times, means, witness }) => [reason, String(times), means, witness]);
  return [["reason", "times", "means", "witness"], ...rows];
}

/**
 * How many connections had broken, over the seconds, beside how many were to, and how many of them were back; requests that failed
 * as strokes below; faults as they began and ended, and what followed.
 */
function drawBroken(outcome: ScenarioOutcome): string {
  const { connections, requests, marks, moves, brokenAtMs, reopenedAtMs, failedAtMs } = outcome;
  const all = [...brokenAtMs, ...reopenedAtMs, ...failedAtMs, ...[...marks, ...moves].map(({ toMs }) => toMs)];
  const x = linearScale(0, (Math.max(1000, ...all) / 1000) * 1.1, LEFT, RIGHT, 5);
  const faults = placeLabels([...marks.map(sayFault), ...moves.map(sayMove)], x);
  const top = 14 + ROW_HEIGHT * (1 + Math.max(-1, ...faults.map(({ row }) => row)));
  const bottom = top + PLOT_HEIGHT;
  const y = linearScale(0, Math.max(1, connections.opened), bottom, top, 3);
  const steps = (timesMs: readonly number[]) =>
    timesMs.toSorted((a, b) => a - b).map((atMs, index) => `H${round(x.at(atMs / 1000))}V${round(y.at(index + 1))}`);
  const line = (name: string, timesMs: readonly number[]) =>
    element("path", { class: `line ${name}`, d: `M${LEFT} ${round(y.at(0))}${steps(timesMs).join("")}H${RIGHT}` });
  const said = [
    ...(connections.opened > 0
      ? [`${connections.broken} broken, ${connections.forecast} forecast to; ${reopenedAtMs.length} open again`]
      : []),
    ...(requests.count > 0 ? [`${requests.failed} of ${requests.count} requests failed, ${requests.forecast} forecast to`] : []),
  ];
  return chart(
    bottom + 32 + ROW_HEIGHT * said.length,
    "Broken connections over time",
    said.join(". "),
    ...y.ticks.map((tick) => element("path", { class: "grid", d: `M${LEFT} ${y.at(tick)}H${RIGHT}` })),
    ...y.ticks.map((tick) => label(LEFT - 7, y.at(tick) + 4, String(tick), { class: "quiet", "text-anchor": "end" })),
    ...x.ticks.map((tick) => label(x.at(tick), bottom + 20, `${tick} s`, { class: "quiet", "text-anchor": "middle" })),
    ...said.map((text, row) => label(LEFT, bottom + 40 + row * ROW_HEIGHT, text, { class: "strong" })),
    ...failedAtMs.map((atMs) => element("path", { class: "stroke", d: `M${round(x.at(atMs / 1000))} ${bottom}v7` })),
    ...faults.map(({ atX, row }) => element("path", { class: "mark", d: `M${round(atX)} ${8 + row * ROW_HEIGHT}V${bottom}` })),
    ...faults.map(({ atX, row, text, anchor }) =>
      label(atX + (anchor === "start" ? 5 : -5), 14 + row * ROW_HEIGHT, text, { class: "alarm", "text-anchor": anchor }),
    ),
    ...marks.map(({ toMs }) => element("path", { class: "mark converged", d: `M${round(x.at(toMs / 1000))} ${top}V${bottom}` })),
    element("path", { class: "mean", d: `M${LEFT} ${round(y.at(connections.forecast))}H${RIGHT}` }),
    line("alive", reopenedAtMs),
    line("broken-line", brokenAtMs),
  );
}

interface FaultLabel {
  readonly atX: number;
  readonly row: number;
  readonly text: string;
  readonly anchor: "start" | "end";
}

/** What happened to whom. */
interface Happening {
  readonly node: string;
  readonly words: string;
  readonly fromMs: number;
}

const sayFault = ({ fault, node, what, fromMs }: FaultMark): Happening => ({
  node,
  words: what === "begins" ? FAULTS[fault].past : `end of ${fault}`,
  fromMs,
});

const sayMove = ({ name, to, fromMs }: NameMark): Happening => ({ node: name, words: `leads to ${to}`, fromMs });

/** One label for what happened at once, each in the first row where it touches no other. */
function placeLabels(happenings: readonly Happening[], x: Scale): FaultLabel[] {
  const groups = new Map<string, { atX: number; nodes: string[] }>();
  for (const { node, words, fromMs } of happenings) {
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

/**
 * The strategies of a scenario file as one page: the table, what broke over time with the faults marked, and every difference
 * that no named reason explains. Pure; `report-file.ts` writes it.
 */
import type { ScenarioOutcome } from "../outcome.ts";
import type { ScenarioSuite } from "../scenario-file.ts";
import { failures, type PlayedScenario, strategiesToCsv, strategiesToJson, strategyRows } from "../strategies.ts";
import { downloads, figure, list, type Provenance, paragraph, renderDocument, section, settingsList, table } from "./document.ts";
import { linearScale } from "./scale.ts";
import { CHART_WIDTH, chart, element, escapeText, label } from "./svg.ts";

const LEFT = 48;
const RIGHT = CHART_WIDTH - 24;
const TOP = 24;
const BOTTOM = 140;

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
    section("Strategies", table("Strategies", strategyRows(played), [])),
    section("What broke, and when", element("div", { class: "figures" }, ...played.map(drawStrategy))),
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

/** How many connections had broken, over the seconds; faults as they began and ended, and what followed from each. */
function drawBroken({ connections, marks, brokenAtMs }: ScenarioOutcome): string {
  const times = brokenAtMs.toSorted((a, b) => a - b).map((atMs) => atMs / 1000);
  const last = Math.max(1, times.at(-1) ?? 0, ...marks.map(({ toMs }) => toMs / 1000));
  const x = linearScale(0, last * 1.1, LEFT, RIGHT, 5);
  const y = linearScale(0, Math.max(1, connections.opened), BOTTOM, TOP, 3);
  const steps = times.map((at, index) => `H${round(x.at(at))}V${round(y.at(index + 1))}`);
  return chart(
    BOTTOM + 40,
    "Broken connections over time",
    `${connections.broken} of ${connections.opened} broke; ${connections.forecast} were forecast to.`,
    ...y.ticks.map((tick) => element("path", { class: "grid", d: `M${LEFT} ${y.at(tick)}H${RIGHT}` })),
    ...y.ticks.map((tick) => label(LEFT - 7, y.at(tick) + 4, String(tick), { class: "quiet", "text-anchor": "end" })),
    ...x.ticks.map((tick) => label(x.at(tick), BOTTOM + 20, String(tick), { class: "quiet", "text-anchor": "middle" })),
    label((LEFT + RIGHT) / 2, BOTTOM + 37, "seconds", { class: "quiet", "text-anchor": "middle" }),
    ...marks.map(({ fromMs }) => element("path", { class: "mark", d: `M${round(x.at(fromMs / 1000))} ${TOP}V${BOTTOM}` })),
    ...marks.map(({ toMs }) => element("path", { class: "mark converged", d: `M${round(x.at(toMs / 1000))} ${TOP}V${BOTTOM}` })),
    element("path", { class: "line broken-line", d: `M${LEFT} ${round(y.at(0))}${steps.join("")}H${RIGHT}` }),
  );
}

const round = (value: number): number => Math.round(value * 100) / 100;

function settings(suite: ScenarioSuite, played: readonly PlayedScenario[], provenance: Provenance): string {
  const rows = played.map(({ scenario, outcome }): [string, string] => [
    scenario.name,
    `${JSON.stringify(scenario.router)}, seed ${scenario.seed}, forecast sha256 ${outcome.digest}`,
  ]);
  return settingsList([["Run again", `ecmp lab run ${suite.name}`], ...rows], provenance);
}

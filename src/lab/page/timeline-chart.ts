/** Connections alive and broken over time, in milliseconds around the event. Each break is a step of the lines. */
import { FAULTS } from "../fault.ts";
import type { RunResult } from "../run.ts";
import { brokenAfterMs } from "./connections.ts";
import { linearScale } from "./scale.ts";
import { CHART_WIDTH, chart, element, label } from "./svg.ts";

const LEFT = 40;
const RIGHT = CHART_WIDTH - 96;
const TOP = 40;
const BOTTOM = 206;
const LEAST_LABEL_GAP = 16;

export function drawTimeline(run: RunResult): string {
  const outcomes = run.services.flatMap((each) => each.outcomes);
  const opened = outcomes.filter(({ record }) => record.opened).length;
  const breaks = outcomes.flatMap(({ record }) => brokenAfterMs(record, run.struckAtMs) ?? []).sort((a, b) => a - b);
  const x = linearScale(-50, Math.max(100, run.event.convergedMs * 2, (breaks.at(-1) ?? 0) * 1.15), LEFT, RIGHT, 5);
  const y = linearScale(0, opened, BOTTOM, TOP, 4);
  const line = (level: (broken: number) => number) => {
    const steps = breaks.map((at, index) => `H${round(x.at(Math.max(at, x.from)))}V${round(y.at(level(index + 1)))}`);
    return `M${LEFT} ${round(y.at(level(0)))}${steps.join("")}H${RIGHT}`;
  };
  const alive = opened - breaks.length;
  const [aliveAt, brokenAt] = apart(y.at(alive), y.at(breaks.length));
  return chart(
    BOTTOM + 48,
    "Connections over time",
    `${opened} connections; ${breaks.length} broke, the last ${Math.round(breaks.at(-1) ?? 0)} ms after the event; ${alive} lived.`,
    ...y.ticks.map((tick) => element("path", { class: "grid", d: `M${LEFT} ${y.at(tick)}H${RIGHT}` })),
    ...y.ticks.map((tick) => label(LEFT - 7, y.at(tick) + 4, String(tick), { class: "quiet", "text-anchor": "end" })),
    ...x.ticks.map((tick) => label(x.at(tick), BOTTOM + 22, String(tick), { class: "quiet", "text-anchor": "middle" })),
    label((LEFT + RIGHT) / 2, BOTTOM + 41, "milliseconds after the event", { class: "quiet", "text-anchor": "middle" }),
    element("path", { class: "mark", d: `M${x.at(0)} ${TOP - 26}V${BOTTOM}` }),
    label(x.at(0) + 6, TOP - 18, `${run.event.node}'s ${FAULTS[run.event.kind].past}`, { class: "alarm" }),
    element("path", { class: "mark converged", d: `M${x.at(run.event.convergedMs)} ${TOP - 8}V${BOTTOM}` }),
    label(x.at(run.event.convergedMs) + 6, TOP - 3, `converged after ${run.event.convergedMs.toFixed(1)} ms`, { class: "quiet" }),
    element("path", { class: "line alive", d: line((broken) => opened - broken) }),
    element("path", { class: "line broken-line", d: line((broken) => broken) }),
    label(RIGHT + 8, aliveAt + 4, `${alive} alive`, { class: "strong" }),
    label(RIGHT + 8, brokenAt + 4, `${breaks.length} broken`, { class: "alarm" }),
  );
}

/** Two labels that would touch are moved apart, the upper one up and the lower one down. */
function apart(a: number, b: number): [number, number] {
  const missing = LEAST_LABEL_GAP - Math.abs(a - b);
  if (missing <= 0) return [a, b];
  return a <= b ? [a - missing / 2, b + missing / 2] : [a + missing / 2, b - missing / 2];
}

const round = (value: number): number => Math.round(value * 100) / 100;

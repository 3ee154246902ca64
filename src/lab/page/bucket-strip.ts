/**
 * A group's hash space as strips, before the changes and after each, with what changed hands lit between them. Not a chart, so not
 * the library's: it has no axis, and hundreds of cells without a label.
 */
import type { GroupPhase } from "./groups.ts";
import { NODE_COLORS } from "./style.ts";
import { CHARACTER_WIDTH, CHART_WIDTH, chart, element, label } from "./svg.ts";

const LEFT = 60;
/** Of the legend below: a line, and a swatch. */
const LEGEND_LINE = 20;
const SWATCH = 11;
const SWATCH_GAP = 20;
const ROW = 26;
const BETWEEN = 19;
const LEAST_LABELLED = 20;
/** More than these are drawn in some lines one below the other. */
const MOST_IN_A_LINE = 48;
const LINES = 4;
/** Below a line, where another one follows. */
const LINE_GAP = 13;

type Owners = GroupPhase["owners"];

/** `indexOf`: which of the lab's nodes it is. */
export function drawStrip(phases: readonly GroupPhase[], indexOf: (node: string) => number): string {
  const cells = phases[0].owners.length;
  const perLine = cells > MOST_IN_A_LINE ? Math.ceil(cells / LINES) : cells;
  const height = phases.length * (ROW + BETWEEN) - BETWEEN;
  const lines = Array.from({ length: Math.ceil(cells / perLine) }, (_, line) => {
    const parts = phases.map(({ name, owners }) => ({ name, owners: owners.slice(line * perLine, (line + 1) * perLine) }));
    return drawLine(parts, line * (height + LINE_GAP), (CHART_WIDTH - LEFT) / perLine, indexOf);
  });
  const shares = sharesOf(phases);
  const moved = phases.slice(1).map((phase) => phase.moved);
  const told = shares.map(({ name, parts }) => `${name} ${parts.join(", then ")}`);
  const description = `${moved.join(", then ") || "None"} of ${cells} parts change hands. Parts: ${told.join("; ")}.`;
  const top = lines.length * (height + LINE_GAP) + 4;
  const legend = drawLegend(shares, top, indexOf);
  return chart(top + legend.height, "Who owns which part of the hash space", description, ...lines.flat(), ...legend.drawn);
}

/** How many parts each owner has, phase by phase. */
function sharesOf(phases: readonly GroupPhase[]): { readonly name: string; readonly parts: readonly number[] }[] {
  const names = new Set(phases.flatMap(({ owners }) => owners.filter((owner) => owner !== null)));
  const partsOf = (name: string) => phases.map(({ owners }) => owners.filter((owner) => owner === name).length);
  return [...names].toSorted((a, b) => a.localeCompare(b, "en")).map((name) => ({ name, parts: partsOf(name) }));
}

/** Whose color is whose, and in numbers what small cells show by their colors alone. */
function drawLegend(shares: ReturnType<typeof sharesOf>, top: number, indexOf: (node: string) => number) {
  const words = shares.map(({ name, parts }) => `${name} ${parts.join(" → ")}`);
  const widest = Math.max(0, ...words.map(({ length }) => length)) * CHARACTER_WIDTH + SWATCH + SWATCH_GAP;
  const perLine = Math.max(1, Math.floor((CHART_WIDTH - LEFT) / widest));
  const width = (CHART_WIDTH - LEFT) / perLine;
  const drawn = shares.flatMap(({ name }, at) => {
    const [x, y] = [LEFT + (at % perLine) * width, top + Math.floor(at / perLine) * LEGEND_LINE];
    const box = { x, y: y + 4, width: SWATCH, height: SWATCH };
    return [element("rect", { class: colorClass(indexOf(name)), ...box }), label(x + SWATCH + 6, y + 14, words[at])];
  });
  return { drawn, height: Math.ceil(shares.length / perLine) * LEGEND_LINE };
}

const colorClass = (index: number): string => `node-${index % NODE_COLORS}`;

function drawLine(
  phases: readonly { readonly name: string; readonly owners: Owners }[],
  top: number,
  width: number,
  indexOf: (node: string) => number,
): string[] {
  return phases.flatMap(({ name, owners }, phase) => {
    const y = top + phase * (ROW + BETWEEN);
    const strip = [...drawOwners(owners, y, width, indexOf), label(0, y + 17, name, { class: "quiet" })];
    return phase === 0 ? strip : [...drawMoved(phases[phase - 1].owners, owners, y - BETWEEN, width), ...strip];
  });
}

function drawMoved(before: Owners, after: Owners, top: number, width: number): string[] {
  const lit = runsOf(before.map((owner, cell) => owner !== after[cell])).filter(({ value }) => value);
  const mark = { y: top + 5, height: 9 };
  return [
    element("rect", { class: "unlit", x: LEFT, width: before.length * width, ...mark }),
    ...lit.map(({ start, length }) => element("rect", { class: "lit", x: LEFT + start * width, width: length * width, ...mark })),
    label(0, top + 14, "moved", { class: "alarm" }),
  ];
}

function drawOwners(owners: Owners, y: number, width: number, indexOf: (node: string) => number): string[] {
  return runsOf(owners).flatMap(({ value, start, length }) => {
    const x = LEFT + start * width;
    const box = { x, y, width: length * width, height: ROW };
    const cell = element("rect", { class: value === null ? "cell nobody" : `cell ${colorClass(indexOf(value))}`, ...box });
    if (value === null || length * width < LEAST_LABELLED) return [cell];
    return [cell, label(x + (length * width) / 2, y + 17, value, { class: "on-cell", "text-anchor": "middle" })];
  });
}

/** Equal neighbors as one. */
function runsOf<T>(values: readonly T[]): { value: T; start: number; length: number }[] {
  const runs: { value: T; start: number; length: number }[] = [];
  values.forEach((value, start) => {
    const last = runs.at(-1);
    if (last && last.value === value) last.length += 1;
    else runs.push({ value, start, length: 1 });
  });
  return runs;
}

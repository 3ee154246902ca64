/**
 * A group's hash space as strips, before the changes and after each, with what changed hands lit between them. Not a chart, so not
 * the library's: it has no axis, and hundreds of cells without a label.
 */
import { movedCells, type Owners, type Strip } from "../../experiment/bucket-strip.ts";
import type { Address } from "../../net/address.ts";
import { CHART_WIDTH, chart, element, label } from "./svg.ts";

const LEFT = 52;
const ROW = 26;
const BETWEEN = 19;
const LEAST_LABELLED = 20;
/** More than these are drawn in some lines one below the other. */
const MOST_IN_A_LINE = 48;
const LINES = 4;
/** Below a line, where another one follows. */
const LINE_GAP = 13;

export type NodeOf = (address: Address) => { readonly name: string; readonly index: number };

/** `names` of the phases, `nodeOf` a next hop: its name, and which of the lab's nodes it is. */
export function drawStrip({ phases }: Strip, names: readonly string[], nodeOf: NodeOf): string {
  const cells = phases[0].length;
  const perLine = cells > MOST_IN_A_LINE ? Math.ceil(cells / LINES) : cells;
  const height = phases.length * (ROW + BETWEEN) - BETWEEN;
  const lines = Array.from({ length: Math.ceil(cells / perLine) }, (_, line) => {
    const parts = phases.map((owners) => owners.slice(line * perLine, (line + 1) * perLine));
    return drawLine(parts, names, line * (height + LINE_GAP), (CHART_WIDTH - LEFT) / perLine, nodeOf);
  });
  const moved = phases.slice(1).map((after, index) => movedCells(phases[index], after));
  const description = `${moved.join(", then ")} of ${cells} parts change hands.`;
  return chart(lines.length * (height + LINE_GAP), "Who owns which part of the hash space", description, ...lines.flat());
}

function drawLine(phases: readonly Owners[], names: readonly string[], top: number, width: number, nodeOf: NodeOf): string[] {
  return phases.flatMap((owners, phase) => {
    const y = top + phase * (ROW + BETWEEN);
    const strip = [...drawOwners(owners, y, width, nodeOf), label(0, y + 17, names[phase], { class: "quiet" })];
    return phase === 0 ? strip : [...drawMoved(phases[phase - 1], owners, y - BETWEEN, width), ...strip];
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

function drawOwners(owners: Owners, y: number, width: number, nodeOf: NodeOf): string[] {
  return runsOf(owners).flatMap(({ value, start, length }) => {
    const node = value === undefined ? undefined : nodeOf(value);
    const x = LEFT + start * width;
    const box = { x, y, width: length * width, height: ROW };
    const cell = element("rect", { class: node ? `cell node-${node.index % 8}` : "cell nobody", ...box });
    if (!node || length * width < LEAST_LABELLED) return [cell];
    return [cell, label(x + (length * width) / 2, y + 17, node.name, { class: "on-cell", "text-anchor": "middle" })];
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

/** A group's hash space as strips, before and after the event, with what changed hands lit between them. */
import type { Strip } from "../../experiment/bucket-strip.ts";
import type { Address } from "../../net/address.ts";
import { CHART_WIDTH, chart, element, label } from "./svg.ts";

const LEFT = 52;
const ROW = 26;
const LINE = ROW * 2 + 32;
const LEAST_LABELLED = 20;
/** More than these are drawn in some lines one below the other. */
const MOST_IN_A_LINE = 48;
const LINES = 4;

type NodeOf = (address: Address) => { readonly name: string; readonly index: number };

/** `nodeOf`: the name of a next hop, and which of the lab's nodes it is. */
export function drawStrip({ before, after }: Strip, nodeOf: NodeOf): string {
  const cells = before.length;
  const perLine = cells > MOST_IN_A_LINE ? Math.ceil(cells / LINES) : cells;
  const lines = Array.from({ length: Math.ceil(cells / perLine) }, (_, line) => {
    const part = <T>(all: readonly T[]) => all.slice(line * perLine, (line + 1) * perLine);
    return drawLine(part(before), part(after), line * LINE, (CHART_WIDTH - LEFT) / perLine, nodeOf);
  });
  const moved = before.filter((owner, cell) => owner !== after[cell]).length;
  const description = `${moved} of ${cells} parts change hands.`;
  return chart(LINE * lines.length, "Who owns which part of the hash space", description, ...lines.flat());
}

function drawLine(before: Strip["before"], after: Strip["after"], top: number, width: number, nodeOf: NodeOf): string[] {
  const lit = runsOf(before.map((owner, cell) => owner !== after[cell])).filter(({ value }) => value);
  const mark = { y: top + ROW + 5, height: 9 };
  return [
    ...drawOwners(before, top, width, nodeOf),
    element("rect", { class: "unlit", x: LEFT, width: before.length * width, ...mark }),
    ...lit.map(({ start, length }) => element("rect", { class: "lit", x: LEFT + start * width, width: length * width, ...mark })),
    ...drawOwners(after, top + ROW + 19, width, nodeOf),
    label(0, top + 17, "before", { class: "quiet" }),
    label(0, top + ROW + 14, "moved", { class: "alarm" }),
    label(0, top + ROW + 36, "after", { class: "quiet" }),
  ];
}

function drawOwners(owners: Strip["before"], y: number, width: number, nodeOf: NodeOf): string[] {
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

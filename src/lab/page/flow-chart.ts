/** Flows as ribbons from client to pod by all that they pass, each as wide as flows are many; what broke ends in a hatched box. */
import { drawChart, words } from "./chart.ts";
import { nodePaint, paint } from "./style.ts";
import { CHARACTER_WIDTH, CHART_WIDTH } from "./svg.ts";
import { count } from "./words.ts";

/** Beside a label, and between two of them that stand above each other. */
const GAP = 20;
const LEAST_HEIGHT = 150;
const LEAST_BOX = 14;
const BOX_WIDTH = 10;
/** What the last column's labels may take. */
const MOST_RIGHT = 200;
const LEFT = 2;
/** Of the labels of client and router, above their boxes: those of the others stand on their own ribbons. */
const TOP = 26;
/** Of a further line of them, and what is between the labels of two columns. */
const LINE = 16;
const BESIDE = 10;
const BOTTOM = 10;

/**
 * What a flow passes, a column each, from its client to its node and pod; undefined where nobody saw it. All ways of a drawing have
 * the same columns.
 */
export type Way = readonly (string | undefined)[];

/** For what broke, and for requests that failed: hatched, because it must not depend on color. */
export const BROKEN = "broken";
export const FAILED = "failed";
const isCut = (name: string): boolean => name === BROKEN || name === FAILED;

const sayBox = (name: string, flows: number): string => `${name} ${flows}`;

const ABOVE = { position: [0, -6] as [number, number], verticalAlign: "bottom" as const };

/** Something in a column. */
interface Box {
  readonly column: number;
  readonly name: string;
}

interface Ribbon {
  readonly from: Box;
  readonly to: Box;
  readonly width: number;
}

/** `nodes` in the order and with the colors that they have everywhere; what is none of them stands below. */
export function drawFlows(title: string, ways: readonly Way[], nodes: readonly string[]): string {
  const all = Array.from({ length: Math.max(...ways.map(({ length }) => length)) }, (_, column) =>
    countInOrder(
      ways.flatMap((way) => way[column] ?? []),
      nodes,
    ),
  );
  const atNode = all.length - 2;
  const { columns, right, top, gap, height, labelOf } = layOut(all, atNode);
  const fill = (name: string) =>
    isCut(name) ? "url(#hatch)" : nodes.includes(name) ? nodePaint(nodes.indexOf(name)) : paint("quiet");
  const told = columns
    .filter(({ size }) => size > 1)
    .map((names) => [...names].map(([name, flows]) => sayBox(name, flows)).join(", "));
  return drawChart(title, `${[count(ways.length, "flow"), ...told].join("; ")}.`, height, {
    series: {
      type: "sankey",
      left: LEFT,
      right,
      top,
      bottom: BOTTOM,
      nodeWidth: BOX_WIDTH,
      nodeGap: gap,
      // In the order given, which is the lab's.
      layoutIterations: 0,
      nodeAlign: "left",
      data: all.flatMap((names, column) =>
        [...names].map(([name, flows]) => ({
          name: idOf({ column, name }),
          depth: columns.indexOf(names),
          itemStyle: { color: column === atNode ? fill(name) : paint("quiet") },
          label: {
            ...words(isCut(name) ? "alarm" : "ink"),
            ...(column < atNode && ABOVE),
            formatter: labelOf(name, flows, column).join("\n"),
            lineHeight: LINE,
            textBorderColor: paint("panel"),
            textBorderWidth: 3,
          },
        })),
      ),
      links: joinRibbons(ways).map(({ from, to, width }) => ({
        source: idOf(from),
        target: idOf(to),
        value: width,
        lineStyle: { color: to.column < atNode ? paint("quiet") : fill((from.column < atNode ? to : from).name), opacity: 0.4 },
      })),
    },
  });
}

/** Where columns stand, and how many lines their labels need: those in front of the nodes stand above their boxes. */
function layOut(all: readonly ReadonlyMap<string, number>[], atNode: number) {
  const columns = all.filter(({ size }) => size > 0);
  const last = columns.at(-1) ?? new Map<string, number>();
  const right = Math.min(MOST_RIGHT, longestOf(last) + GAP);
  const pitch = (CHART_WIDTH - LEFT - right) / (columns.length - 1);
  const roomIn = (column: number) => (all[column] === last ? right : column < atNode ? pitch : pitch - BOX_WIDTH) - BESIDE;
  const labelOf = (name: string, flows: number, column: number) =>
    breakWords(name, flows, Math.floor(roomIn(column) / CHARACTER_WIDTH));
  const lines = all.flatMap((names, column) => [...names].map(([name, flows]) => labelOf(name, flows, column).length));
  const further = (Math.max(1, ...lines) - 1) * LINE;
  const gap = GAP + further;
  const most = Math.max(1, ...columns.map(({ size }) => size));
  const top = TOP + further;
  return { columns, right, top, gap, height: top + BOTTOM + Math.max(LEAST_HEIGHT, most * (gap + LEAST_BOX)), labelOf };
}

/** Not by the library, which takes bold characters for narrower than they are. */
function breakWords(name: string, flows: number, most: number): string[] {
  const whole = sayBox(name, flows);
  if (whole.length <= most) return [whole];
  const pieces = Array.from({ length: Math.ceil(name.length / most) }, (_, at) => name.slice(at * most, (at + 1) * most));
  return [...pieces, String(flows)];
}

/** Of a column's labels. */
const longestOf = (names: ReadonlyMap<string, number>): number =>
  Math.max(0, ...[...names].map(([name, flows]) => sayBox(name, flows).length)) * CHARACTER_WIDTH;

const idOf = ({ column, name }: Box): string => `${column} ${name}`;

/** Past what nobody saw to what comes next. */
function joinRibbons(ways: readonly Way[]): Ribbon[] {
  const ribbons = new Map<string, Ribbon>();
  for (const way of ways) {
    const boxes = way.flatMap((name, column): Box[] => (name === undefined ? [] : [{ column, name }]));
    boxes.slice(1).forEach((to, index) => {
      const from = boxes[index];
      const key = JSON.stringify([from, to]);
      ribbons.set(key, { from, to, width: (ribbons.get(key)?.width ?? 0) + 1 });
    });
  }
  return [...ribbons.values()];
}

/** Pods are called by their nodes' names, so these are in order too; a name for what broke is none of either. */
function countInOrder(names: readonly string[], nodes: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const placeOf = (name: string) => {
    const place = nodes.findIndex((node) => name === node || name.startsWith(`${node}-`));
    return place === -1 ? nodes.length : place;
  };
  return new Map([...counts].sort(([a], [b]) => placeOf(a) - placeOf(b) || a.localeCompare(b, "en")));
}

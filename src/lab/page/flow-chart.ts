/** Flows as ribbons from client to pod by all that they pass, each as wide as flows are many; what broke ends in a hatched box. */
import { drawChart, words } from "./chart.ts";
import { nodePaint, paint } from "./style.ts";
import { count } from "./words.ts";

/** Beside a label, and between two of them that stand above each other. */
const GAP = 20;
const LEAST_HEIGHT = 150;
const BOX_WIDTH = 10;
/** About what a character of a label takes, and what the last column's labels may take. */
const CHARACTER_WIDTH = 8;
const MOST_RIGHT = 200;
const LEFT = 2;
/** Of the labels of client and router, above their boxes: those of the others stand on their own ribbons. */
const TOP = 26;
const BOTTOM = 10;

/** What a flow passes, one a column: client, router, node, pod. */
export type Way = readonly string[];

/** The column that tells ways apart: their nodes. */
const NODE = 2;

/** For a flow that broke: hatched, because it must not depend on color. */
export const BROKEN = "broken";

const sayBox = (name: string, flows: number): string => `${name} ${flows}`;

const ABOVE = { position: [0, -6] as [number, number], verticalAlign: "bottom" as const };

interface Ribbon {
  readonly column: number;
  readonly from: string;
  readonly to: string;
  readonly width: number;
}

/** `nodes` in the order and with the colors that they have everywhere; what is none of them stands below. */
export function drawFlows(title: string, ways: readonly Way[], nodes: readonly string[]): string {
  const ribbons = joinRibbons(ways);
  const columns = Array.from({ length: Math.max(0, ...ways.map(({ length }) => length)) }, (_, column) =>
    countInOrder(
      ways.flatMap((way) => way[column] ?? []),
      nodes,
    ),
  );
  const most = Math.max(1, ...columns.map(({ size }) => size));
  const height = TOP + BOTTOM + Math.max(LEAST_HEIGHT, most * (GAP + 14));
  const longest = Math.max(0, ...[...(columns.at(-1) ?? [])].map(([name, flows]) => sayBox(name, flows).length));
  const right = Math.min(MOST_RIGHT, longest * CHARACTER_WIDTH + GAP);
  const idOf = (column: number, name: string) => `${column} ${name}`;
  const fill = (name: string) => (name === BROKEN ? "url(#hatch)" : nodePaint(nodes.indexOf(name)));
  const told = [...(columns[NODE] ?? [])].map(([name, flows]) => `${name}: ${flows}`).join(", ");
  return drawChart(title, `${count(ways.length, "flow")}; ${told}.`, height, {
    series: {
      type: "sankey",
      left: LEFT,
      right,
      top: TOP,
      bottom: BOTTOM,
      nodeWidth: BOX_WIDTH,
      nodeGap: GAP,
      // In the order given, which is the lab's.
      layoutIterations: 0,
      nodeAlign: "left",
      data: columns.flatMap((names, column) =>
        [...names].map(([name, flows]) => ({
          name: idOf(column, name),
          depth: column,
          itemStyle: { color: column === NODE ? fill(name) : paint("quiet") },
          label: {
            ...words(name === BROKEN ? "alarm" : "ink"),
            formatter: sayBox(name, flows),
            width: right,
            overflow: "break",
            textBorderColor: paint("panel"),
            textBorderWidth: 3,
            ...(column < NODE && ABOVE),
          },
        })),
      ),
      links: ribbons.map(({ column, from, to, width }) => ({
        source: idOf(column, from),
        target: idOf(column + 1, to),
        value: width,
        lineStyle: { color: column + 1 < NODE ? paint("quiet") : fill(column < NODE ? to : from), opacity: 0.4 },
      })),
    },
  });
}

function joinRibbons(ways: readonly Way[]): Ribbon[] {
  const ribbons = new Map<string, Ribbon>();
  for (const way of ways) {
    for (let column = 0; column + 1 < way.length; column++) {
      const [from, to] = [way[column], way[column + 1]];
      const key = JSON.stringify([column, from, to]);
      ribbons.set(key, { column, from, to, width: (ribbons.get(key)?.width ?? 0) + 1 });
    }
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

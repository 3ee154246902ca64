/** Flows as ribbons from client to pod by all that they pass, each as wide as flows are many; what broke ends in a hatched box. */
import { drawChart, words } from "./chart.ts";
import { paint } from "./style.ts";
import { count } from "./words.ts";

/** Beside a label, and between two of them that stand above each other. */
const GAP = 20;
const LEAST_HEIGHT = 150;
const BOX_WIDTH = 10;
/** Of the last column's labels. */
const RIGHT = 108;
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

const ABOVE = { position: [0, -6] as [number, number], verticalAlign: "bottom" as const };

interface Ribbon {
  readonly column: number;
  readonly from: string;
  readonly to: string;
  readonly width: number;
}

/** `paintOf`: the color of a node. */
export function drawFlows(title: string, ways: readonly Way[], paintOf: (node: string) => string): string {
  const ribbons = joinRibbons(ways);
  const columns = Array.from({ length: Math.max(0, ...ways.map(({ length }) => length)) }, (_, column) =>
    countBy(ways.flatMap((way) => way[column] ?? [])),
  );
  const most = Math.max(1, ...columns.map(({ size }) => size));
  const height = TOP + BOTTOM + Math.max(LEAST_HEIGHT, most * (GAP + 14));
  const idOf = (column: number, name: string) => `${column} ${name}`;
  const fill = (name: string) => (name === BROKEN ? "url(#hatch)" : paintOf(name));
  const told = [...(columns[NODE] ?? [])].map(([name, flows]) => `${name}: ${flows}`).join(", ");
  return drawChart(title, `${count(ways.length, "flow")}; ${told}.`, height, {
    series: {
      type: "sankey",
      left: LEFT,
      right: RIGHT,
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
            formatter: `${name} ${flows}`,
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

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

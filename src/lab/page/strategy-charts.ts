/**
 * Strategies side by side: how much broke beside how much was to, and how long nothing came back. A row each, its words above its
 * bar.
 */
import { drawChart, nameAxis, numberAxis, words } from "./chart.ts";
import { paint } from "./style.ts";
import { CHART_WIDTH } from "./svg.ts";
import { duration, percent } from "./words.ts";

const ROW = 58;
const BAR = 10;
/** From the middle of a row, where its marks are, to its words. */
const WORDS_ABOVE = 12;
const GRID = { left: 4, right: 24, top: 16, bottom: 28 };

/** There is nothing beyond 100 %. */
const QUARTERS = { max: 100, interval: 25 };

export interface Breakage {
  readonly name: string;
  readonly flows: number;
  readonly broken: number;
  readonly forecast: number;
}

export function drawBreakages(all: readonly Breakage[]): string {
  const share = (part: number, { flows }: Breakage) => (flows === 0 ? 0 : (100 * part) / flows);
  const most = Math.max(...all.flatMap((each) => [share(each.broken, each), share(each.forecast, each)]));
  const told = all.map(
    (each) => `${each.broken} of ${each.flows} (${percent(each.broken, each.flows)}), forecast ${each.forecast}`,
  );
  return drawChart("Broken by strategy", tell(all, told), heightOf(all.length), {
    grid: GRID,
    xAxis: { ...numberAxis((value) => `${value} %`), min: 0, minInterval: 1, ...(most > 75 && QUARTERS) },
    yAxis: rowAxis(all, told),
    series: [
      {
        type: "bar",
        barWidth: BAR,
        itemStyle: { color: paint("alarm") },
        data: all.map((each) => share(each.broken, each)),
      },
      {
        type: "scatter",
        symbol: "rect",
        symbolSize: [2, BAR + 10],
        itemStyle: { color: paint("ink"), opacity: 1 },
        data: all.map((each, row) => [share(each.forecast, each), row]),
      },
    ],
  });
}

export interface Gaps {
  readonly name: string;
  /** Of each connection the longest, of one at least; infinite where nothing came back. */
  readonly gapsMs: readonly number[];
}

/** Half of them, 99 of 100, and all. */
export function drawGaps(all: readonly Gaps[]): string {
  const rows = all.map(({ name, gapsMs }) => ({ name, ...quantiles(gapsMs) }));
  const said = (ms: number) => (Number.isFinite(ms) ? duration(ms) : "never ended");
  const told = rows.map(({ half, most, longest }) => `median ${said(half)}, 99 % ${said(most)}, longest ${said(longest)}`);
  const dots = (name: string, pick: (row: (typeof rows)[number]) => number, symbol: string, size: number, color: string) => ({
    name,
    type: "scatter" as const,
    symbol,
    symbolSize: size,
    itemStyle: { color, opacity: 1 },
    data: rows.flatMap((each, row) => (Number.isFinite(pick(each)) ? [[Math.max(1, pick(each)), row]] : [])),
  });
  return drawChart("Gaps by strategy", tell(rows, told), heightOf(rows.length), {
    grid: GRID,
    xAxis: { ...numberAxis(duration), type: "log", min: 1 },
    yAxis: rowAxis(rows, told),
    series: [
      dots("longest", ({ longest }) => longest, "diamond", 14, paint("alarm")),
      dots("99 %", ({ most }) => most, "rect", 7, paint("node-0")),
      dots("median", ({ half }) => half, "circle", 7, paint("ink")),
    ],
  });
}

/** By nearest rank, as assertions have them. */
function quantiles(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
  return { half: at(0.5), most: at(0.99), longest: at(1) };
}

const heightOf = (rows: number): number => GRID.top + GRID.bottom + ROW * rows;

const tell = (rows: readonly { readonly name: string }[], told: readonly string[]): string =>
  `${rows.map(({ name }, row) => `${name}: ${told[row]}`).join("; ")}.`;

/** Above the bars and not beside them: a name may be as long as the chart is wide. */
const rowAxis = (rows: readonly { readonly name: string }[], told: readonly string[]) => ({
  ...nameAxis(rows.map(({ name }, row) => `{name|${name}}\n${told[row]}`)),
  axisLabel: {
    ...words(),
    interval: 0,
    inside: true,
    margin: 0,
    align: "left" as const,
    verticalAlign: "bottom" as const,
    padding: [0, 0, WORDS_ABOVE, 0],
    width: CHART_WIDTH - GRID.left,
    overflow: "break" as const,
    lineHeight: 17,
    rich: { name: { ...words("ink"), lineHeight: 17 } },
  },
});

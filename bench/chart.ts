/**
 * A chart for a README: panels of one curve each, two side by side, over a logarithmic axis and upwards from zero. One SVG
 * without scripts or fonts of its own, in colors that are legible on a light and on a dark page: a picture knows neither.
 */
import { drawShapes } from "../src/lab/page/chart.ts";
import { element } from "../src/lab/page/svg.ts";

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const PANEL = { width: 420, height: 200 };
const MARGIN = { left: 46, right: 16, top: 30, bottom: 30 };
const COLUMNS = 2;
const GRAY = "#808080";
const BLUE = "#2f7fd1";
const TEXT = { fontSize: 11, color: GRAY, fontFamily: "inherit" };

export function renderChart(panels: readonly Panel[]): string {
  const width = PANEL.width * COLUMNS;
  const height = PANEL.height * Math.ceil(panels.length / COLUMNS);
  const corner = (index: number) => ({ x: (index % COLUMNS) * PANEL.width, y: Math.floor(index / COLUMNS) * PANEL.height });
  const shapes = drawShapes(
    { width, height },
    {
      title: panels.map(({ title, unit }, index) => ({
        text: `${title}: ${unit}`,
        left: corner(index).x + MARGIN.left,
        top: corner(index).y + 6,
        padding: 0,
        textStyle: { ...TEXT, fontWeight: "normal" },
      })),
      grid: panels.map((_, index) => ({
        left: corner(index).x + MARGIN.left,
        top: corner(index).y + MARGIN.top,
        width: PANEL.width - MARGIN.left - MARGIN.right,
        height: PANEL.height - MARGIN.top - MARGIN.bottom,
      })),
      // The points are where it was measured, and these have labels as far as there is room.
      xAxis: panels.map(({ points }, index) => ({
        type: "log" as const,
        gridIndex: index,
        min: points[0].x,
        max: points[points.length - 1].x,
        axisLine: { show: false },
        splitLine: { show: false },
        axisTick: { show: false },
        axisLabel: { ...TEXT, hideOverlap: true, customValues: points.map(({ x }) => x), formatter: formatCount },
      })),
      yAxis: panels.map((_, index) => ({
        type: "value" as const,
        gridIndex: index,
        min: 0,
        splitNumber: 4,
        axisLine: { show: false },
        axisTick: { show: false },
        splitLine: { lineStyle: { color: GRAY, opacity: 0.3 } },
        axisLabel: { ...TEXT, formatter: String },
      })),
      series: panels.map(({ points }, index) => ({
        type: "line" as const,
        xAxisIndex: index,
        yAxisIndex: index,
        symbol: "circle",
        symbolSize: 5,
        itemStyle: { color: BLUE },
        lineStyle: { color: BLUE, width: 1.5 },
        data: points.map(({ x, y }) => [x, y]),
      })),
    },
  );
  const attributes = { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, "font-family": "sans-serif" };
  return `${element("svg", attributes, shapes)}\n`;
}

/** 1500, 10 k, 64 k (of 1024), 1 M. */
export function formatCount(value: number): string {
  if (value < 10_000) return String(value);
  if (value >= 1_000_000) return `${value / 1_000_000} M`;
  return `${value / (value % 1024 === 0 ? 1024 : 1000)} k`;
}

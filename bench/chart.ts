/**
 * A chart for a README: panels of one curve each, two side by side, over a logarithmic axis and upwards from zero. One SVG
 * without scripts or fonts of its own, legible on a light and on a dark page.
 */
import { linearScale } from "../src/lab/page/scale.ts";
import { element, label } from "../src/lab/page/svg.ts";

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const WIDTH = 420;
const HEIGHT = 200;
const MARGIN = { left: 46, right: 16, top: 30, bottom: 30 };
const COLUMNS = 2;
const LABEL_WIDTH = 34;
const GRAY = "#808080";
const BLUE = "#2f7fd1";

export function renderChart(panels: readonly Panel[]): string {
  const placed = panels.map((panel, i) => {
    const [x, y] = [(i % COLUMNS) * WIDTH, Math.floor(i / COLUMNS) * HEIGHT];
    return element("g", { transform: `translate(${x} ${y})` }, ...drawPanel(panel));
  });
  const viewBox = `0 0 ${WIDTH * COLUMNS} ${HEIGHT * Math.ceil(panels.length / COLUMNS)}`;
  const text = { "font-family": "sans-serif", "font-size": 11, fill: GRAY };
  return `${element("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox, ...text }, ...placed)}\n`;
}

function drawPanel({ title, unit, points }: Panel): string[] {
  const [first, last] = [Math.log(points[0].x), Math.log(points[points.length - 1].x)];
  const x = (value: number): number =>
    MARGIN.left + ((Math.log(value) - first) / (last - first)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = linearScale(0, Math.max(...points.map((point) => point.y)), HEIGHT - MARGIN.bottom, MARGIN.top);
  const levels = y.ticks.map(
    (level) =>
      element("path", { d: `M${MARGIN.left} ${y.at(level)}H${WIDTH - MARGIN.right}`, stroke: GRAY, "stroke-opacity": 0.3 }) +
      label(MARGIN.left - 6, y.at(level) + 4, String(level), { "text-anchor": "end" }),
  );
  // Counts whose labels would lie upon each other have none.
  let free = Number.NEGATIVE_INFINITY;
  const counts = points.map((point) => {
    if (x(point.x) < free) return "";
    free = x(point.x) + LABEL_WIDTH;
    return label(x(point.x), HEIGHT - MARGIN.bottom + 16, formatCount(point.x), { "text-anchor": "middle" });
  });
  const line = points.map((point) => `${x(point.x).toFixed(1)} ${y.at(point.y).toFixed(1)}`).join("L");
  return [
    label(MARGIN.left, 18, `${title}: ${unit}`),
    ...levels,
    ...counts,
    element("path", { d: `M${line}`, fill: "none", stroke: BLUE, "stroke-width": 1.5 }),
    ...points.map((point) => element("circle", { cx: x(point.x), cy: y.at(point.y), r: 2.5, fill: BLUE })),
  ];
}

/** 1500, 10 k, 64 k (of 1024), 1 M. */
export function formatCount(value: number): string {
  if (value < 10_000) return String(value);
  if (value >= 1_000_000) return `${value / 1_000_000} M`;
  return `${value / (value % 1024 === 0 ? 1024 : 1000)} k`;
}

/**
 * Charts as SVG text, drawn by Apache ECharts without a browser: the page has their shapes and no script. Colors are the page's CSS
 * variables (`style.ts`) and not numbers, so one drawing is light and dark, and half as large as two.
 *
 * The library is one file of 4 MB, loaded with the first chart (0.7 s; its modules one by one take 3.3 s): whoever draws none does
 * not wait for it.
 */
import { createRequire } from "node:module";
import type { EChartsOption } from "echarts";
import { paint } from "./style.ts";
import { CHART_WIDTH, chart } from "./svg.ts";

const FONT_SIZE = 13;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What the library's painter of SVG can do beside what its door offers. */
interface SvgPainter {
  renderToString(options: { cssAnimation: boolean; cssEmphasis: boolean; useViewBox: boolean }): string;
}

/** Notes for a script that is not there, and clips of what lies in the plot anyway: their ids are counted by the process. */
const NEEDLESS = / ecmeta_\w+="[^"]*"| clip-path="[^"]*"|<defs\b[^>]*>\s*<clipPath[\s\S]*?<\/defs>/g;

/** The inside of an SVG. */
export function drawShapes({ width, height }: Size, option: EChartsOption): string {
  const { init } = createRequire(import.meta.url)("echarts") as typeof import("echarts");
  const drawing = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    drawing.setOption({ animation: false, ...option });
    const painter = drawing.getZr().painter as unknown as SvgPainter;
    const svg = painter.renderToString({ cssAnimation: false, cssEmphasis: false, useViewBox: true });
    return svg.slice(svg.indexOf(">") + 1, svg.lastIndexOf("</svg>")).replace(NEEDLESS, "");
  } finally {
    drawing.dispose();
  }
}

/** `title` is what it is, `description` what can be seen in it. */
export const drawChart = (title: string, description: string, height: number, option: EChartsOption): string =>
  chart(
    height,
    title,
    description,
    drawShapes({ width: CHART_WIDTH, height }, { textStyle: { fontFamily: "inherit" }, ...option }),
  );

/** Of every label. */
export const words = (color: "ink" | "quiet" | "alarm" = "quiet") => ({
  color: paint(color),
  fontSize: FONT_SIZE,
  fontFamily: "inherit",
  ...(color === "quiet" ? {} : { fontWeight: 600 as const }),
});

/** An axis of numbers: lines across the plot, and no more ticks than have room. */
export const numberAxis = (format: (value: number) => string = String) => ({
  type: "value" as const,
  axisLine: { show: false },
  axisTick: { show: false },
  splitNumber: 4,
  splitLine: { lineStyle: { color: paint("rule") } },
  axisLabel: { ...words(), formatter: format },
});

/** An axis of names, from top to bottom. */
export const nameAxis = (names: readonly string[]) => ({
  type: "category" as const,
  data: [...names],
  inverse: true,
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { ...words("ink"), interval: 0 },
});

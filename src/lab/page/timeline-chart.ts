/**
 * Flows over time: alive, broken, and open again; requests that failed; the faults as letters above the plot, which the words
 * below it explain. Of faults, labels of any length may meet at any place; a letter has room, and those too close to each other
 * share one.
 */
import type { LineSeriesOption } from "echarts";
import { drawChart, numberAxis, words } from "./chart.ts";
import { type ColorName, paint } from "./style.ts";
import { CHARACTER_WIDTH, CHART_WIDTH } from "./svg.ts";
import { duration } from "./words.ts";

const PLOT_HEIGHT = 186;
const GRID = { left: 42, right: 18, top: 26 };
/** Of the axis below the plot, and of each line of the legend below that. */
const AXIS_HEIGHT = 28;
const LEGEND_LINE = 28;
const SAMPLE = 28;
const SAMPLE_GAP = 14;
/** Of the axis: marks closer than that have one letter. */
const CLOSE = 0.04;

/** Something happened, and from when on packets went by it. */
export interface Mark {
  readonly words: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Times on one clock. */
export interface Course {
  /** When that clock was at zero. */
  readonly since: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly opened: number;
  /** How many were to break; undefined where nobody said. */
  readonly forecast: number;
  readonly brokenAtMs: readonly number[];
  readonly reopenedAtMs: readonly number[];
  readonly failedAtMs: readonly number[];
  readonly marks: readonly Mark[];
}

export interface Timeline {
  readonly drawing: string;
  /** What it shows, and what the letters stand for. */
  readonly caption: string;
}

/** undefined: of datagrams alone nobody knows when they moved, and there is nothing to draw. */
export function drawTimeline(course: Course): Timeline | undefined {
  const { fromMs, toMs, opened, forecast, brokenAtMs, reopenedAtMs, failedAtMs } = course;
  if (opened === 0 && failedAtMs.length === 0) return undefined;
  const groups = groupMarks(course);
  const changes = [...brokenAtMs.map((atMs) => ({ atMs, by: -1 })), ...reopenedAtMs.map((atMs) => ({ atMs, by: 1 }))];
  const alive = opened - brokenAtMs.length + reopenedAtMs.length;
  const steps = (all: readonly { atMs: number; by: number }[], first: number) => stairs(all, first, fromMs, toMs);
  const up = (timesMs: readonly number[]) =>
    steps(
      timesMs.map((atMs) => ({ atMs, by: 1 })),
      0,
    );
  const lines = [
    ...(opened > 0
      ? [
          line(`${alive} alive`, steps(changes, opened), "ink", "solid"),
          line(`${brokenAtMs.length} broken`, up(brokenAtMs), "alarm", "dashed"),
          { ...line(`${forecast} forecast to break`, steps([], forecast), "alarm", "dotted"), lineStyle: FORECAST },
        ]
      : []),
    ...(reopenedAtMs.length > 0 ? [line(`${reopenedAtMs.length} reopened`, up(reopenedAtMs), "node-2", "dotted")] : []),
    ...(failedAtMs.length > 0 ? [line(`${failedAtMs.length} requests failed`, up(failedAtMs), "node-3", DASH_DOT)] : []),
  ];
  const uprights = groups.flatMap(({ letter, marks }) => [
    { xAxis: marks[0].fromMs, label: { show: true, formatter: letter }, lineStyle: { color: paint("alarm") } },
    ...marks.map((mark) => ({ xAxis: Math.min(mark.toMs, toMs), lineStyle: { color: paint("quiet"), type: [3, 3] } })),
  ]);
  const names = lines.map(({ name = "" }) => `${name}`);
  const bottom = AXIS_HEIGHT + LEGEND_LINE * legendLines(names);
  const drawing = drawChart("Over time", describe(course, alive), GRID.top + PLOT_HEIGHT + bottom, {
    grid: { ...GRID, bottom },
    legend: {
      bottom: 0,
      left: GRID.left,
      itemWidth: SAMPLE,
      itemGap: SAMPLE_GAP,
      selectedMode: false,
      textStyle: { ...words("ink"), fontWeight: "normal" },
      backgroundColor: "none",
      borderColor: "none",
      itemStyle: { color: "none" },
      inactiveColor: paint("quiet"),
      data: names,
    },
    xAxis: {
      ...numberAxis(duration),
      min: fromMs,
      max: toMs,
      splitLine: { show: false },
      axisLabel: { ...words(), formatter: duration, hideOverlap: true, showMinLabel: false, showMaxLabel: false },
    },
    yAxis: { ...numberAxis(), min: 0, minInterval: 1 },
    series: [
      ...lines,
      {
        type: "line",
        data: [],
        lineStyle: { color: paint("rule"), width: 0 },
        markLine: {
          silent: true,
          symbol: "none",
          label: { show: false, position: "end", distance: 5, ...words("alarm") },
          lineStyle: { type: "solid", width: 1 },
          data: uprights,
        },
      },
    ],
  });
  const upright = groups.length > 0 ? ["At a solid upright it happens, from a dashed one on packets go by it"] : [];
  return { drawing, caption: [sayAxes(course), ...upright, ...groups.map(sayGroup)].join(". ") };
}

/** Told apart without their colors. */
type LineType = "solid" | "dashed" | "dotted" | number[];
const DASH_DOT = [9, 3, 2, 3];
const FORECAST = { color: paint("alarm"), width: 1, type: [1, 3] };

const line = (name: string, data: number[][], color: ColorName, type: LineType): LineSeriesOption => ({
  name,
  type: "line",
  step: "end",
  symbol: "none",
  lineStyle: { color: paint(color), width: 2.2, type },
  data,
});

function stairs(changes: readonly { atMs: number; by: number }[], first: number, fromMs: number, toMs: number): number[][] {
  let level = first;
  const points = changes
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ atMs, by }) => {
      level += by;
      return [Math.min(Math.max(atMs, fromMs), toMs), level];
    });
  return [[fromMs, first], ...points, [toMs, level]];
}

function sayAxes({ opened, failedAtMs, since }: Course): string {
  const failed = failedAtMs.length > 0 ? (opened > 0 ? ", and failed requests" : "Failed requests") : "";
  return `${opened > 0 ? "Connections as their client saw them" : ""}${failed}, over the time since ${since}`;
}

/** As many as the library will break it into, or one more. */
function legendLines(names: readonly string[]): number {
  const whole = CHART_WIDTH - GRID.left;
  let [lines, used] = [1, 0];
  for (const name of names) {
    const width = SAMPLE + SAMPLE_GAP + name.length * CHARACTER_WIDTH;
    if (used + width > whole) [lines, used] = [lines + 1, 0];
    used += width;
  }
  return lines;
}

const describe = ({ opened, brokenAtMs, failedAtMs, forecast }: Course, alive: number): string =>
  [
    ...(opened > 0
      ? [`${opened} connections; ${brokenAtMs.length} broke, ${forecast} were forecast to; ${alive} lived or came back`]
      : []),
    ...(failedAtMs.length > 0 ? [`${failedAtMs.length} requests failed`] : []),
  ].join(". ");

interface MarkGroup {
  readonly letter: string;
  readonly marks: readonly Mark[];
}

function groupMarks({ marks, fromMs, toMs }: Course): MarkGroup[] {
  const groups: Mark[][] = [];
  for (const mark of marks.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = groups.at(-1);
    if (last && mark.fromMs - last[0].fromMs < (toMs - fromMs) * CLOSE) last.push(mark);
    else groups.push([mark]);
  }
  return groups.map((own, index) => ({ letter: letterOf(index), marks: own }));
}

/** A to Z, then AA. */
const letterOf = (index: number): string =>
  (index < 26 ? "" : letterOf(Math.floor(index / 26) - 1)) + String.fromCharCode(65 + (index % 26));

const sayGroup = ({ letter, marks }: MarkGroup): string => `${letter}, ${sayMarks(marks)}`;

/** What happened at a time, or nearly so. */
export function sayMarks(marks: readonly Mark[]): string {
  const words = [...new Set(marks.map((mark) => mark.words))].join(", ");
  const tookMs = Math.max(...marks.map((mark) => mark.toMs - mark.fromMs));
  return `${duration(marks[0].fromMs)}: ${words}; in force ${duration(tookMs)} later`;
}

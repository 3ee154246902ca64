/**
 * Flows over time: alive, broken, and open again; requests that failed; the faults as letters above the plot, which the words
 * below it explain. Of faults, labels of any length may meet at any place; a letter has room, and those too close to each other
 * share one.
 */
import type { LineSeriesOption } from "echarts";
import { drawChart, numberAxis, words } from "./chart.ts";
import { type ColorName, paint } from "./style.ts";
import { duration } from "./words.ts";

const HEIGHT = 268;
const GRID = { left: 42, right: 18, top: 26, bottom: 56 };
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
  /** What the letters stand for. */
  readonly legend: readonly string[];
}

export function drawTimeline(course: Course): Timeline {
  const { fromMs, toMs, opened, forecast, brokenAtMs, reopenedAtMs, failedAtMs } = course;
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
        ]
      : []),
    ...(reopenedAtMs.length > 0 ? [line(`${reopenedAtMs.length} again`, up(reopenedAtMs), "node-2", "dotted")] : []),
    ...(failedAtMs.length > 0 ? [line(`${failedAtMs.length} failed`, up(failedAtMs), "node-3", "dashed")] : []),
  ];
  const upright = groups.flatMap(({ letter, marks }) => [
    { xAxis: marks[0].fromMs, label: { show: true, formatter: letter }, lineStyle: { color: paint("alarm") } },
    ...marks.map((mark) => ({ xAxis: Math.min(mark.toMs, toMs), lineStyle: { color: paint("quiet"), type: [3, 3] } })),
  ]);
  const level = { yAxis: forecast, lineStyle: { color: paint("alarm"), width: 1, type: [1, 3] } };
  const drawing = drawChart("Over time", describe(course, alive), HEIGHT, {
    grid: GRID,
    legend: {
      bottom: 0,
      left: GRID.left,
      itemWidth: 28,
      itemGap: 22,
      selectedMode: false,
      textStyle: words("ink"),
      backgroundColor: "none",
      borderColor: "none",
      itemStyle: { color: "none" },
      inactiveColor: paint("quiet"),
      data: lines.map(({ name = "" }) => `${name}`),
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
          data: [...upright, ...(opened > 0 ? [level] : [])],
        },
      },
    ],
  });
  return { drawing, legend: groups.map(sayGroup) };
}

const line = (name: string, data: number[][], color: ColorName, type: "solid" | "dashed" | "dotted"): LineSeriesOption => ({
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

function sayGroup({ letter, marks }: MarkGroup): string {
  const words = [...new Set(marks.map((mark) => mark.words))].join(", ");
  const tookMs = Math.max(...marks.map((mark) => mark.toMs - mark.fromMs));
  return `${letter}, ${duration(marks[0].fromMs)}: ${words}; in force ${duration(tookMs)} later`;
}

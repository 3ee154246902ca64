/** From a number to a place on an axis, and the round numbers that the axis is labelled with. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** From `from` (itself round) to at least `to`, over `start`..`end` of the drawing, in some `wanted` round steps. */
export function linearScale(from: number, to: number, start: number, end: number, wanted = 5): Scale {
  const step = roundStep((to - from) / wanted);
  const count = Math.max(1, Math.ceil((to - from) / step));
  const last = from + count * step;
  const ticks = Array.from({ length: count + 1 }, (_, index) => from + index * step);
  return { from, to: last, ticks, at: (value) => start + ((value - from) / (last - from)) * (end - start) };
}

/** The least of 1, 2 or 5 times a power of ten that is not below `least`, and at least 1: everything here is counted. */
function roundStep(least: number): number {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, least))));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? 10 * power;
}

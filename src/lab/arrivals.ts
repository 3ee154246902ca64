/** When requests arrive, drawn from a seed: the same seed gives the same times for ever. Pure; milliseconds from the beginning. */
import type { Random } from "../net/random.ts";
import type { Arrivals } from "./scenario.ts";

/** All arrivals before `durationMs`, ascending. */
export function drawArrivals(arrivals: Arrivals, durationMs: number, random: Random): number[] {
  const highest = highestRate(arrivals);
  const times: number[] = [];
  for (let atMs = gapMs(arrivals, highest, random); atMs < durationMs; atMs += gapMs(arrivals, highest, random)) {
    // A process of varying rate is one of the highest rate, of whose arrivals some are left out.
    if (arrivals.kind !== "diurnal" || uniform(random) * highest < rateAt(arrivals, atMs)) times.push(atMs);
  }
  return times;
}

export const highestRate = (arrivals: Arrivals): number =>
  arrivals.kind === "diurnal" ? Math.max(arrivals.troughPerSecond, arrivals.peakPerSecond) : arrivals.perSecond;

function gapMs({ kind }: Arrivals, perSecond: number, random: Random): number {
  return kind === "constant" ? 1000 / perSecond : (-Math.log(1 - uniform(random)) * 1000) / perSecond;
}

/** A cosine from trough to peak and back: the period begins in the trough. */
export function rateAt(day: Extract<Arrivals, { kind: "diurnal" }>, atMs: number): number {
  const { troughPerSecond, peakPerSecond, periodSeconds } = day;
  const phase = (2 * Math.PI * atMs) / (periodSeconds * 1000);
  return troughPerSecond + ((peakPerSecond - troughPerSecond) * (1 - Math.cos(phase))) / 2;
}

const uniform = (random: Random): number => random() / 2 ** 32;

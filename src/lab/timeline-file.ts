/**
 * The steps of a scenario file's timeline held against each other, as one strategy plays them: what can be at work at once, and
 * what a wait would wait for in vain. `scenario-file.ts` reads with it, once for each strategy. Pure.
 */
import { FAULTS } from "./fault.ts";
import { endsSession, type ShutOut } from "./fault-consequence.ts";
import { obstaclesIn } from "./fault-overlap.ts";
import type { Lab } from "./lab.ts";
import { whyNoPlace } from "./pod-guest.ts";
import type { FaultStep, Step } from "./scenario.ts";
import { isWhole, type Refuse, type Sound } from "./sound.ts";
import { checkStep, expandStep, type FileStep } from "./step-file.ts";

export interface TimelineSettings {
  /** Undefined where it is wrong. */
  readonly holdTimeSeconds: number | undefined;
  readonly prefixLimit: number | undefined;
  readonly seed: number | undefined;
  /** The strategy, where a Linux router is in our place. */
  readonly linuxIn: string | undefined;
}

/** The steps that it means, if all of them are sound. Steps that are wrong are held against nothing. */
export function checkTimeline(
  lab: Lab | undefined,
  timeline: readonly (Sound<FileStep> | undefined)[],
  settings: TimelineSettings,
  refuse: Refuse,
): Step[] | undefined {
  const { seed = 0 } = settings;
  const expanded = timeline.map((step, index) => {
    if (step === undefined) return undefined;
    let isSound = isWhole(step);
    checkStep(lab, step, settings, (path, wanted) => {
      isSound = false;
      refuse([index, ...path], wanted);
    });
    return isSound ? expandStep(step as FileStep, seed) : undefined;
  });
  const known = expanded.flatMap((steps, index) => (steps ?? []).flatMap((step) => ("fault" in step ? [{ index, step }] : [])));
  if (lab) {
    for (const { index, step } of known) {
      const place = whyNoPlace(lab, step);
      if (place !== undefined) refuse([index, "to"], place);
    }
    checkOverlaps(lab, settings, known, refuse);
  }
  timeline.forEach((step = {}, index) => {
    if ("wait" in step && step.wait === "established") checkWait(settings, known, index, refuse);
  });
  return settings.seed !== undefined && expanded.every((steps) => steps !== undefined) ? expanded.flat() : undefined;
}

type Known = readonly { readonly index: number; readonly step: FaultStep }[];

/** One mistake for a step of the file, of whatever it is repeated for. */
function checkOverlaps(lab: Lab, session: ShutOut, known: Known, refuse: Refuse): void {
  const told = new Set<number>();
  const steps = known.map(({ step }) => step);
  obstaclesIn(lab, session, steps).forEach((obstacle, i) => {
    const { index } = known[i];
    if (obstacle !== undefined && !told.has(index)) refuse([index, "at"], obstacle);
    if (obstacle !== undefined) told.add(index);
  });
}

/** Sessions come back before a wait if what ended them ends before it. */
function checkWait(session: ShutOut, known: Known, wait: number, refuse: Refuse): void {
  const isForGood = ({ fault, untilSeconds, ...told }: FaultStep) =>
    endsSession({ fault, ...told }, session) && (untilSeconds === undefined || !FAULTS[fault].endsSession);
  const { step } = known.find((each) => each.index < wait && isForGood(each.step)) ?? {};
  if (step)
    refuse([wait, "wait"], `nothing to wait for, or an end of ${step.fault} of ${step.node}: its session stays down for good`);
}

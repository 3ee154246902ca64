/**
 * The steps of a scenario file's timeline held against each other, as one strategy plays them: what can be at work at once, and
 * what a wait would wait for in vain. `scenario-file.ts` reads with it, once for each strategy. Pure.
 */
import { FAULTS } from "./fault.ts";
import { endsSession, mayBefall } from "./fault-consequence.ts";
import { obstaclesIn } from "./fault-overlap.ts";
import type { Lab, SessionSettings } from "./lab.ts";
import { whyNoPlace } from "./pod-guest.ts";
import type { FaultStep } from "./scenario.ts";
import { checkStep, expandStep, type FileStep } from "./step-file.ts";

export interface TimelineSettings {
  readonly session: SessionSettings;
  readonly seed: number;
  /** The strategy, where a Linux router is in our place. */
  readonly linuxIn: string | undefined;
}

type Refuse = (index: number, key: string, wanted: string) => void;

export function checkTimeline(lab: Lab, timeline: readonly FileStep[], settings: TimelineSettings, refuse: Refuse): void {
  const { session, seed, linuxIn } = settings;
  timeline.forEach((step, index) => {
    checkStep(lab, step, { holdTimeSeconds: session.holdTimeSeconds, linuxIn }, (key, wanted) => refuse(index, key, wanted));
  });
  const steps = timeline.flatMap((step, index) =>
    "fault" in step ? expandStep(step, seed).map((each) => ({ index, step: each as FaultStep })) : [],
  );
  // Who is nobody has been told of above.
  const known = steps.filter(({ step }) => mayBefall(lab, step.fault).includes(step.node));
  for (const { index, step } of known) {
    const place = whyNoPlace(lab, step);
    if (place !== undefined) refuse(index, "to", place);
  }
  checkOverlaps(lab, session, known, refuse);
  timeline.forEach((step, index) => {
    if ("wait" in step && step.wait === "established") checkWait(session, known, index, refuse);
  });
}

type Known = readonly { readonly index: number; readonly step: FaultStep }[];

/** One mistake for a step of the file, of whatever it is repeated for. */
function checkOverlaps(lab: Lab, session: SessionSettings, known: Known, refuse: Refuse): void {
  const told = new Set<number>();
  const steps = known.map(({ step }) => step);
  obstaclesIn(lab, session, steps).forEach((obstacle, i) => {
    const { index } = known[i];
    if (obstacle !== undefined && !told.has(index)) refuse(index, "at", obstacle);
    if (obstacle !== undefined) told.add(index);
  });
}

/** Sessions come back before a wait if what ended them ends before it. */
function checkWait(session: SessionSettings, known: Known, wait: number, refuse: Refuse): void {
  const isForGood = ({ fault, untilSeconds, ...told }: FaultStep) =>
    endsSession({ fault, ...told }, session) && (untilSeconds === undefined || !FAULTS[fault].endsSession);
  const { step } = known.find((each) => each.index < wait && isForGood(each.step)) ?? {};
  if (step)
    refuse(wait, "wait", `nothing to wait for, or an end of ${step.fault} of ${step.node}: its session stays down for good`);
}

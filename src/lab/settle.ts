/**
 * What `ecmp lab up` does before it builds anything: a lab of that name that is up and whole stays as it is; one that is not is
 * ended, and so is whatever a killed command left hanging. Runs go on: they are somebody's, and end by themselves. And how it tells
 * when one is up.
 */
import type { Clock } from "../net/clock.ts";
import { delay } from "../net/clock.ts";
import { type Inspection, inspect, isUp } from "./inspect.ts";
import type { Lab } from "./lab.ts";
import type { Progress } from "./progress.ts";
import { endLab, type StandingLab, standingLabs } from "./standing.ts";

/** As long as a lab may take to come up. */
const UP_DEADLINE_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/** The lab that is up already; undefined when the way is free. */
export async function settle(clock: Clock, lab: Lab, progress: Progress): Promise<Inspection | undefined> {
  for (const standing of standingLabs(lab.name)) {
    if (standing.verb !== "up" && !standing.stopped) continue;
    if (!(await untilUp(clock, standing))) continue;
    const inspection = await inspect(lab, standing);
    if (inspection.whole) return inspection;
    await endLab(clock, standing);
    progress.step(
      "ended",
      `${standing.verb} of ${lab.name} (process ${standing.pid}), because ${describeLack(inspection, standing)}`,
    );
  }
  return undefined;
}

/** The lab that is being brought up, once it is. */
export async function onceUp(clock: Clock, lab: Lab): Promise<Inspection> {
  for (;;) {
    const standing = standingLabs(lab.name).find((each) => each.verb === "up" && isUp(each));
    if (standing) return await inspect(lab, standing);
    await delay(clock, LOOK_AGAIN_MS);
  }
}

/** Somebody else may be bringing it up this moment. False: it has ended meanwhile. */
async function untilUp(clock: Clock, standing: StandingLab): Promise<boolean> {
  const isThere = () => standingLabs(standing.name).some(({ pid }) => pid === standing.pid);
  for (let waitedMs = 0; waitedMs < UP_DEADLINE_MS; waitedMs += LOOK_AGAIN_MS) {
    if (!isThere()) return false;
    if (standing.stopped || isUp(standing)) return true;
    await delay(clock, LOOK_AGAIN_MS);
  }
  return true;
}

function describeLack({ machines }: Inspection, { stopped }: StandingLab): string {
  if (stopped) return "its first process was stopped";
  const lacks = machines.flatMap(({ name, missing, session }) => [
    ...missing.map((program) => `${name} has no ${program}`),
    ...(session === undefined || session === "Established" ? [] : [`the session of ${name} is ${session}`]),
  ]);
  return lacks.join(", ");
}

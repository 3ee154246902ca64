/**
 * Judges a speaker: plays the checks, each on a stage of its own, and tells the verdicts. A speaker that has been made to
 * fail rests for a while, so with several neighbors (lanes) the checks are shared out among them and run side by side.
 */

import type { OpenMessage } from "../bgp/open.ts";
import type { Address } from "../net/address.ts";
import { type Clock, delay } from "../net/clock.ts";
import type { ListedCheck } from "./catalog.ts";
import { fail, noAnswer, type Outcome, type Result } from "./check.ts";
import { describeError } from "./describe.ts";
import { ordinaryAttributes, updateBytes } from "./messages.ts";
import { Observer } from "./observer.ts";
import { meet } from "./session.ts";
import { type Neighborhood, Stage } from "./stage.ts";
import { Transcript } from "./transcript.ts";

export interface Assignment {
  readonly checks: readonly ListedCheck[];
  /** What the speaker knows of us, but for the address. */
  readonly us: Omit<Neighborhood, "localAddress" | "listenOnly">;
  /** Each one a neighbor that the speaker is configured with; none: whatever address the system chooses. */
  readonly lanes: readonly Address[];
  readonly observer?: { readonly address: Address; readonly asn: number };
  /** For one check. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  onResult(result: Result, done: number): void;
}

export interface Judgment {
  readonly open: OpenMessage;
  /** Whether it was seen to pass routes on. */
  readonly observed: boolean;
  /** In the order of the checks. */
  readonly results: readonly Result[];
}

/** Of the prefixes that stages have: the checks count from 1. */
const REHEARSAL = 0;
const REHEARSAL_MS = 12_000;
const LANE_PAUSE_MS = 20;

/** In words why the speaker cannot be judged at all: there is no session with it. */
export async function judge(assignment: Assignment): Promise<Judgment | string> {
  const { checks, clock, deadlineMs, lanes } = assignment;
  const neighborhoods = (lanes.length > 0 ? lanes : [undefined]).map((localAddress): Neighborhood => {
    const us = { ...assignment.us, listenOnly: false };
    return localAddress === undefined ? us : { ...us, localAddress };
  });
  const rehearsal = await rehearse(neighborhoods[0], assignment);
  if (typeof rehearsal === "string") return rehearsal;
  const { open, listenOnly, observer } = rehearsal;
  const results: Result[] = [];
  let done = 0;
  // Dealt out in turn, not taken as they come: a lane for each check means that none of them finds the speaker damped.
  const play = async (us: Neighborhood, lane: number): Promise<void> => {
    for (let index = lane; index < checks.length; index += neighborhoods.length) {
      const stage = new Stage(us, index + 1, observer, clock, new Transcript(clock), clock.nowMs() + deadlineMs);
      results[index] = await playCheck(checks[index], stage);
      assignment.onResult(results[index], ++done);
    }
  };
  try {
    // One after the other at first: a hundred connections at once are more than most listeners keep waiting.
    const begin = (us: Neighborhood, lane: number) =>
      delay(clock, lane * LANE_PAUSE_MS).then(() => play({ ...us, listenOnly }, lane));
    await Promise.all(neighborhoods.map(begin));
  } finally {
    observer?.end();
  }
  return { open, observed: observer !== undefined, results };
}

async function playCheck({ group, check }: ListedCheck, stage: Stage): Promise<Result> {
  const { name, clause, wanted } = check;
  const startMs = stage.clock.nowMs();
  let outcome: Outcome = noAnswer("the script has no end");
  try {
    for (const step of check.steps) {
      const found = await step.run(stage);
      if (found) outcome = found;
      if (found && found.verdict !== "pass") break;
    }
    if (outcome.verdict === "fail" && (await stage.isGone())) outcome = fail(`${outcome.saw}, and was gone`, outcome.measured);
  } finally {
    stage.leave();
  }
  const steps = check.steps.map(({ text }) => text);
  const durationMs = Math.round(stage.clock.nowMs() - startMs);
  return { group, name, clause, wanted, ...outcome, steps, durationMs, evidence: stage.transcript.entries() };
}

interface Rehearsal {
  readonly open: OpenMessage;
  readonly listenOnly: boolean;
  readonly observer?: Observer;
}

/** One ordinary session, and one ordinary route for the observer: without these nothing that follows would mean anything. */
async function rehearse(lane: Neighborhood, assignment: Assignment): Promise<Rehearsal | string> {
  const dialing = await rehearseWay(lane, assignment);
  if (typeof dialing !== "string" || lane.listenPort === undefined) return dialing;
  const listening = await rehearseWay({ ...lane, listenOnly: true }, assignment);
  return typeof listening === "string" ? `${dialing}; ${listening}` : listening;
}

async function rehearseWay(lane: Neighborhood, { observer, clock, deadlineMs }: Assignment): Promise<Rehearsal | string> {
  const stage = new Stage(lane, REHEARSAL, undefined, clock, new Transcript(clock), clock.nowMs() + deadlineMs);
  try {
    const meeting = await meet(stage, {}, stage.until(deadlineMs));
    if (meeting.kind === "refused") return `it refuses our OPEN: ${describeError(meeting.error)}`;
    if (meeting.kind !== "established") return meeting.reason;
    if (!stage.peerOpen) return "it sent no OPEN";
    const met = { open: stage.peerOpen, listenOnly: lane.listenOnly };
    if (!observer) return met;
    const watching = new Observer({ ...lane, localAddress: observer.address, localAsn: observer.asn }, clock);
    const reason = await watching.start(deadlineMs);
    if (reason !== undefined) return `the observer has no session: ${reason}`;
    const route = updateBytes({ attributes: ordinaryAttributes(stage), prefixes: [stage.prefix()] });
    stage.connection?.send("an ordinary route", route);
    const isSeen = await watching.until(() => watching.route(stage.prefix()) !== undefined, stage.until(REHEARSAL_MS));
    if (isSeen) return { ...met, observer: watching };
    watching.end();
    return met;
  } finally {
    stage.leave();
  }
}

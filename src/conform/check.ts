/**
 * What a conformance check is: a row of data. It says which clause of which RFC it is about, what a good speaker does, and
 * as a script of steps how to find out. Steps come from `step/`, rows stand in `checks/`, `judge.ts` plays them.
 */
import type { Stage } from "./stage.ts";
import type { Entry } from "./transcript.ts";

/** "warn" is a speaker that does less than it should but breaks no MUST; "no-answer" is one that could not be judged. */
export const VERDICTS = ["pass", "warn", "fail", "no-answer", "not-applicable"] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface Outcome {
  readonly verdict: Verdict;
  /** In words, the same in every run with the same speaker. */
  readonly saw: string;
  /** What differs from run to run: a time, a count. */
  readonly measured?: string;
}

export interface Step {
  /** As it reads in a list. */
  readonly text: string;
  /** Undefined or "pass": the script goes on. Any other verdict ends it. */
  run(stage: Stage): Promise<Outcome | undefined>;
}

export interface Check {
  readonly name: string;
  readonly clause: string;
  /** What a conforming speaker does. */
  readonly wanted: string;
  readonly steps: readonly Step[];
}

export interface CheckGroup {
  readonly title: string;
  readonly checks: readonly Check[];
}

export interface Result extends Outcome {
  readonly group: string;
  readonly name: string;
  readonly clause: string;
  readonly wanted: string;
  readonly steps: readonly string[];
  readonly durationMs: number;
  readonly evidence: readonly Entry[];
}

export const step = (text: string, run: Step["run"]): Step => ({ text, run });

export const pass = (saw: string, measured?: string): Outcome => outcome("pass", saw, measured);
export const warn = (saw: string, measured?: string): Outcome => outcome("warn", saw, measured);
export const fail = (saw: string, measured?: string): Outcome => outcome("fail", saw, measured);
export const noAnswer = (saw: string): Outcome => outcome("no-answer", saw);
export const notApplicable = (saw: string): Outcome => outcome("not-applicable", saw);

export const outcome = (verdict: Verdict, saw: string, measured?: string): Outcome => ({
  verdict,
  saw,
  ...(measured === undefined ? {} : { measured }),
});

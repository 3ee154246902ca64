/** What a lab is doing, while it does it: a line on standard error for each step, with the seconds since the start. */
import type { Clock } from "../net/clock.ts";

export interface Progress {
  /** One step is done: its subject, and what came of it. */
  step(subject: string, result: string): void;
}

export function createProgress(clock: Clock): Progress {
  const startMs = clock.nowMs();
  return {
    step: (subject, result) =>
      void process.stderr.write(
        `${((clock.nowMs() - startMs) / 1000).toFixed(1).padStart(6)} s  ${subject.padEnd(14)} ${result}\n`,
      ),
  };
}

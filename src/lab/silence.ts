/**
 * Patience with who does not answer, in the time that this very process was awake: who stood still has heard nothing because it
 * did not listen, and its timers run before its sockets are read. A machine with more to do than it can stretches patience so.
 */
import type { CancelTimer, Clock } from "../net/clock.ts";

/** Patience is had in slices; one whose timer is later than its like was no time of listening, and does not count. */
const SLICE_MS = 100;
const LATE_MS = 50;

/** On a machine that is never in time it ends all the same. */
const MOST_TIMES = 4;

export function afterSilence(clock: Clock, forMs: number, done: () => void): CancelTimer {
  const latestMs = clock.nowMs() + forMs * MOST_TIMES;
  const listen = (leftMs: number): CancelTimer => {
    const sliceMs = Math.min(leftMs, SLICE_MS);
    const dueMs = clock.nowMs() + sliceMs;
    return clock.setTimer(sliceMs, () => {
      const nowMs = clock.nowMs();
      const missingMs = nowMs - dueMs > LATE_MS ? leftMs : leftMs - sliceMs;
      if (missingMs <= 0 || nowMs >= latestMs) done();
      else cancel = listen(missingMs);
    });
  };
  let cancel = listen(forMs);
  return () => cancel();
}

/** Patience with who does not answer, which a process that stood still itself does not lose. */
import type { CancelTimer, Clock } from "../net/clock.ts";

/** A timer that is later than this was held up by more than its like. */
const LATE_MS = 20;

/**
 * Timers run before the sockets are read. One that is late tells that this very process stood still, and the answer may be waiting:
 * it is awaited for as long again.
 */
export function afterSilence(clock: Clock, forMs: number, done: () => void): CancelTimer {
  const dueMs = clock.nowMs() + forMs;
  let cancel = clock.setTimer(forMs, () => {
    const lateMs = clock.nowMs() - dueMs;
    if (lateMs < LATE_MS) done();
    else cancel = afterSilence(clock, lateMs, done);
  });
  return () => cancel();
}

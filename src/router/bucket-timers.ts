/**
 * The clock of resilient groups with timers: tells the workers what time it is, and every second lets the FIB move the buckets
 * that have been idle for long enough, or everything that is due when a group has been uneven for too long.
 */
import { CLOCK_TICK_MS } from "../fib/activity.ts";
import type { Fib } from "../fib/fib.ts";
import type { Clock } from "../net/clock.ts";

const SETTLE_TICKS = 10;

export interface BucketTimersOptions {
  readonly fib: Pick<Fib, "isTimed" | "tick" | "settle">;
  readonly clock: Clock;
  /** Buckets have moved: publish. */
  onMoved(buckets: number): void;
}

/** Returns what stops it. A selector without timers costs nothing. */
export function startBucketTimers({ fib, clock, onMoved }: BucketTimersOptions): () => void {
  if (!fib.isTimed) return () => {};
  let ticks = 0;
  let cancel = (): void => {};
  const tick = (): void => {
    fib.tick(clock.nowMs());
    if (++ticks % SETTLE_TICKS === 0) {
      const moved = fib.settle();
      if (moved > 0) onMoved(moved);
    }
    cancel = clock.setTimer(CLOCK_TICK_MS, tick);
  };
  tick();
  return () => cancel();
}

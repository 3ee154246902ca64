/** A clock that stands still until the test moves it; timers run in order as it passes them. */
import type { Clock } from "#src/net/clock.ts";

export interface FakeClock extends Clock {
  advance(milliseconds: number): void;
  readonly pending: number;
}

export function createFakeClock(): FakeClock {
  let now = 0;
  let serial = 0;
  const timers = new Map<number, { readonly atMs: number; run(): void }>();
  return {
    nowMs: () => now,
    timestamp: () => `at ${now} ms`,
    unixMicroseconds: () => Math.floor(now * 1000),
    setTimer(delayMs, run) {
      const id = serial++;
      timers.set(id, { atMs: now + delayMs, run });
      return () => void timers.delete(id);
    },
    advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const [id, timer] =
          [...timers].filter(([, one]) => one.atMs <= end).sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0] ?? [];
        if (id === undefined || !timer) break;
        timers.delete(id);
        now = timer.atMs;
        timer.run();
      }
      now = end;
    },
    get pending() {
      return timers.size;
    },
  };
}

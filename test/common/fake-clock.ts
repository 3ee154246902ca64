/** A clock that stands still until the test moves it; timers run in order as it passes them. */
import type { Clock } from "#src/net/clock.ts";

export interface FakeClock extends Clock {
  advance(milliseconds: number): void;
  /** The same, and lets sockets have their turn after each timer. */
  pass(milliseconds: number): Promise<void>;
  readonly pending: number;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createFakeClock(): FakeClock {
  let now = 0;
  let serial = 0;
  const timers = new Map<number, { readonly id: number; readonly atMs: number; run(): void }>();
  /** False if nothing is due until then. */
  function runNext(endMs: number): boolean {
    // In the order in which they were set, so that of two at the same time the older is found first.
    let [next] = timers.values();
    for (const timer of timers.values()) if (timer.atMs < next.atMs) next = timer;
    if (!next || next.atMs > endMs) return false;
    timers.delete(next.id);
    now = next.atMs;
    next.run();
    return true;
  }
  return {
    nowMs: () => now,
    timestamp: () => `at ${now} ms`,
    unixMicroseconds: () => Math.floor(now * 1000),
    setTimer(delayMs, run) {
      const id = serial++;
      timers.set(id, { id, atMs: now + delayMs, run });
      return () => void timers.delete(id);
    },
    advance(milliseconds) {
      const endMs = now + milliseconds;
      while (runNext(endMs));
      now = endMs;
    },
    async pass(milliseconds) {
      const endMs = now + milliseconds;
      while (runNext(endMs)) await turn();
      now = endMs;
      await turn();
    },
    get pending() {
      return timers.size;
    },
  };
}

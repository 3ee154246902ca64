/**
 * Time as an argument. Everything that needs the time or a timer is handed a Clock; this file and `random.ts` are the only
 * ones that reach for the machine's own. `nowMs` is CLOCK_MONOTONIC, so values of several processes on one machine compare.
 */
export type CancelTimer = () => void;

export interface Clock {
  /** Milliseconds, monotonic, with fraction; no meaning but the difference. */
  nowMs(): number;
  /** Wall-clock time, RFC 3339, for logs and records only. */
  timestamp(): string;
  /** Calls `run` once after `delayMs`; returns what cancels it. */
  setTimer(delayMs: number, run: () => void): CancelTimer;
}

export const systemClock: Clock = {
  nowMs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  },
  timestamp: () => new Date().toISOString(),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A promise of `delayMs` later, for machines that are written with await. */
export const delay = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimer(delayMs, resolve));

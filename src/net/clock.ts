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
  /** Wall-clock time as microseconds since 1970, for recordings: whole, and no more exact than the machine is. */
  unixMicroseconds(): number;
  /** Calls `run` once after `delayMs`; returns what cancels it. */
  setTimer(delayMs: number, run: () => void): CancelTimer;
}

export const systemClock: Clock = {
  nowMs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  },
  timestamp: () => new Date().toISOString(),
  unixMicroseconds: () => Math.floor((performance.timeOrigin + performance.now()) * 1000),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A promise of `delayMs` later, for machines that are written with await. */
export const delay = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimer(delayMs, resolve));

/** RFC 3339 in UTC, to the microsecond. */
export const formatTimestamp = (microseconds: number): string =>
  new Date(Math.floor(microseconds / 1000)).toISOString().replace("Z", `${String(microseconds % 1000).padStart(3, "0")}Z`);

/** Microseconds since 1970 of what `formatTimestamp` writes, or of the same with fewer digits; years from 1970 to 2105. */
export function parseTimestamp(text: string): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text);
  if (!parts) return undefined;
  const seconds = Date.parse(`${parts[1]}Z`) / 1000;
  if (!(seconds >= 0 && seconds <= 0xffffffff)) return undefined;
  return seconds * 1_000_000 + Number((parts[2] ?? "").padEnd(6, "0"));
}

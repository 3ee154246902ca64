/** Asks again and again until it is so, and fails when that takes too long. */
import { systemClock } from "#src/net/clock.ts";

const DEADLINE_MS = 20_000;

export function until(what: string, holds: () => boolean, deadlineMs = DEADLINE_MS): void {
  const endMs = systemClock.nowMs() + deadlineMs;
  while (!holds()) if (systemClock.nowMs() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
}

/**
 * For what others can make happen at will and people want to read of: the first is told at once, then at most one a second,
 * with the number of those since the last that was told.
 */
import type { Clock } from "./clock.ts";

const EVERY_MS = 1000;

export interface Limiter<Details> {
  add(details: Details): void;
}

export function createLimiter<Details>(clock: Clock, emit: (count: number, latest: Details) => void): Limiter<Details> {
  let waiting = 0;
  let latest: Details | undefined;
  let isQuiet = true;
  const pass = (details: Details): void => {
    const count = waiting;
    waiting = 0;
    latest = undefined;
    isQuiet = false;
    clock.setTimer(EVERY_MS, () => {
      isQuiet = true;
      if (latest !== undefined) pass(latest);
    });
    emit(count, details);
  };
  return {
    add(details) {
      waiting++;
      latest = details;
      if (isQuiet) pass(details);
    },
  };
}

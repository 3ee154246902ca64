/**
 * When the next frame of a recording is due: as far behind the first as it was then. A pause of more than a minute is a minute, and
 * a step back of more than that is none: nights have few packets, recordings are joined, and a time may be damaged.
 */
const LONGEST_PAUSE_SECONDS = 60;

/** For each frame in turn, once: when it is due, in milliseconds of the clock that `nowMs` is read from; without a time, at once. */
export type Pace = (seconds: number | undefined, nowMs: number) => number;

export function createPace(): Pace {
  let last: number | undefined;
  /** What the clock says at the recording's own zero. */
  let originMs = 0;
  return (seconds, nowMs) => {
    if (seconds === undefined) return nowMs;
    if (last === undefined) originMs = nowMs - seconds * 1000;
    else {
      const gap = seconds - last;
      const played = gap < -LONGEST_PAUSE_SECONDS ? 0 : Math.min(gap, LONGEST_PAUSE_SECONDS);
      originMs -= (gap - played) * 1000;
    }
    last = seconds;
    return originMs + seconds * 1000;
  };
}

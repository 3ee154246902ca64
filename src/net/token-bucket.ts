/** A token bucket over a clock: `burst` at once, `perSecond` in the long run. */
import type { Clock } from "./clock.ts";

/** Takes a token; false when there is none. */
export type TokenBucket = () => boolean;

export function createTokenBucket(clock: Pick<Clock, "nowMs">, perSecond: number, burst: number): TokenBucket {
  let tokens = burst;
  let filledAtMs = clock.nowMs();
  return () => {
    const nowMs = clock.nowMs();
    tokens = Math.min(burst, tokens + ((nowMs - filledAtMs) * perSecond) / 1000);
    filledAtMs = nowMs;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}

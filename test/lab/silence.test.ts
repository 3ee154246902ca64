/** Patience on a clock of the test's own: what counts is the time in which the process listened. */
import { describe, expect, it } from "vitest";
import { afterSilence } from "#src/lab/silence.ts";
import type { Clock } from "#src/net/clock.ts";

/** One timer at a time; `stallMs` says how much later than asked for the n-th of them comes. */
function play(forMs: number, stallMs: (timer: number) => number, cancelAfter = Number.POSITIVE_INFINITY): number | undefined {
  let nowMs = 0;
  let due: (() => void) | undefined;
  let timers = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    timestamp: () => "",
    unixMicroseconds: () => 0,
    setTimer: (delayMs, run) => {
      const atMs = nowMs + delayMs + stallMs(timers++);
      due = () => {
        nowMs = atMs;
        run();
      };
      return () => {
        due = undefined;
      };
    },
  };
  let doneAtMs: number | undefined;
  const cancel = afterSilence(clock, forMs, () => {
    doneAtMs = nowMs;
  });
  for (let fired = 0; due && doneAtMs === undefined; fired++) {
    const run = due;
    due = undefined;
    if (fired >= cancelAfter) cancel();
    else run();
  }
  return doneAtMs;
}

describe("patience", () => {
  it.each([30, 300, 1050])("ends after %d ms where every timer is in time", (forMs) => expect(play(forMs, () => 0)).toBe(forMs));

  it("is not spent by a stall, whenever in it that comes", () => {
    for (let at = 0; at < 10; at++) expect(play(1000, (timer) => (timer === at ? 2300 : 0))).toBe(1000 + 100 + 2300);
  });

  it("bears timers that are a little late", () => expect(play(1000, () => 20)).toBe(1200));

  it("ends on a machine that is never in time", () => {
    const endMs = play(1000, () => 60) ?? Number.POSITIVE_INFINITY;
    expect(endMs).toBeGreaterThanOrEqual(4000);
    expect(endMs).toBeLessThan(4200);
  });

  it("ends never once the answer has come", () => expect(play(1000, () => 0, 4)).toBeUndefined());
});

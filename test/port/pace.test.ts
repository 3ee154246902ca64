import { expect, test } from "vitest";
import { createPace } from "#src/port/pace.ts";

/** When frames are due that were captured at these seconds, if each is asked about at the time that the last was due. */
function due(seconds: readonly (number | undefined)[], startMs = 5000): number[] {
  const pace = createPace();
  let nowMs = startMs;
  return seconds.map((one) => {
    nowMs = pace(one, nowMs);
    return Math.round(nowMs - startMs);
  });
}

test("the first frame is due at once, each other as far behind it as it was", () => {
  expect(due([1_700_000_000, 1_700_000_000.25, 1_700_000_010])).toEqual([0, 250, 10_000]);
});

test("what is late makes nothing else late", () => {
  const pace = createPace();
  expect([pace(10, 1000), pace(11, 1000), pace(12, 2700)]).toEqual([1000, 2000, 3000]);
});

test("a pause of more than a minute is a minute, and all that follows is as far behind as it was", () => {
  expect(due([0, 3600, 3601])).toEqual([0, 60_000, 61_000]);
});

test("a step back is due already, one of more than a minute begins anew", () => {
  expect(due([100, 101, 100.5, 102])).toEqual([0, 1000, 500, 2000]);
  expect(due([1000, 1001, 500, 502])).toEqual([0, 1000, 1000, 3000]);
});

test("without a time a frame is due at once", () => {
  expect(due([undefined, 7, undefined, 8])).toEqual([0, 0, 0, 1000]);
});

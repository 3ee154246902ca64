import { expect, test } from "vitest";
import type { Timer } from "#src/speaker/fsm-state.ts";
import { Timers } from "#src/speaker/timers.ts";
import { createFakeClock, type FakeClock } from "../common/fake-clock.ts";

function start(random: number): { clock: FakeClock; timers: Timers; expired: Timer[] } {
  const clock = createFakeClock();
  const expired: Timer[] = [];
  return {
    clock,
    expired,
    timers: new Timers(
      clock,
      () => random,
      (timer) => expired.push(timer),
    ),
  };
}

test.each([
  ["connect-retry", 0, 75_000],
  ["connect-retry", 0x80000000, 87_500],
  ["keepalive-incoming", 0, 75_000],
  ["idle-hold", 0, 75_000],
  ["hold-outgoing", 0, 100_000],
  ["stable", 0, 100_000],
] as const)("%s of 100 s with random %d expires after %d ms", async (timer, random, expectedMs) => {
  const { clock, timers, expired } = start(random);
  timers.set(timer, 100);
  await clock.pass(expectedMs - 1);
  expect(expired).toEqual([]);
  await clock.pass(1);
  expect(expired).toEqual([timer]);
});

test("setting a timer again replaces it, and a cancelled one stays silent", async () => {
  const { clock, timers, expired } = start(0);
  timers.set("stable", 10);
  timers.set("hold-incoming", 10);
  await clock.pass(9_000);
  timers.set("stable", 10);
  timers.cancel("hold-incoming");
  await clock.pass(9_999);
  expect(expired).toEqual([]);
  await clock.pass(1);
  expect(expired).toEqual(["stable"]);
});

test("a hold timer that is set again while the sockets have their turn does not expire", async () => {
  const { clock, timers, expired } = start(0);
  timers.set("hold-outgoing", 10);
  const passing = clock.pass(10_000);
  timers.set("hold-outgoing", 10);
  await passing;
  expect(expired).toEqual([]);
});

test("a hold timer that is set again and again runs out that long after the last time, or sooner if that is asked for", async () => {
  const { clock, timers, expired } = start(0);
  for (let second = 0; second < 35; second += 5) {
    timers.set("hold-outgoing", 10);
    await clock.pass(5_000);
  }
  await clock.pass(4_999);
  expect(expired).toEqual([]);
  await clock.pass(1);
  expect(expired).toEqual(["hold-outgoing"]);
  timers.set("hold-incoming", 240);
  timers.set("hold-incoming", 90);
  await clock.pass(90_000);
  expect(expired).toEqual(["hold-outgoing", "hold-incoming"]);
});

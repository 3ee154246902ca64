import { expect, it } from "vitest";
import { createEventRecord } from "#src/router/events.ts";
import { createPrefixLimits } from "#src/router/prefix-limit.ts";
import { createFakeClock } from "../common/fake-clock.ts";

const NEIGHBOR = 0x0a00000b;

it("a limit of prefixes warns once on the way up, ends the session beyond, and begins it again", () => {
  const clock = createFakeClock();
  const events = createEventRecord(clock);
  const done: unknown[] = [];
  let count = 0;
  let maxPrefixes = 4;
  const limits = createPrefixLimits({
    clock,
    events,
    limitOf: () => ({ maxPrefixes, warningThresholdPct: 75, restartTimeSeconds: 60 }),
    received: (_, family) => (family === "ipv6" ? count : 0),
    end: (_, { code, subcode, data }) => void done.push([code, subcode, ...data]),
    begin: () => void done.push("begin"),
  });
  const at = (received: number) => {
    count = received;
    limits.check(NEIGHBOR);
    return events.past().map(({ kind }) => kind.replace("prefix-limit-", ""));
  };
  expect(at(2)).toEqual([]);
  expect([at(3), at(4)]).toEqual([["near"], ["near"]]);
  expect([at(2), at(3)]).toEqual([["near"], ["near", "near"]]);
  expect([done, at(5).at(-1), at(6).length]).toEqual([[[6, 1, 0, 2, 1, 0, 0, 0, 4]], "exceeded", 3]);

  limits.reconsider();
  clock.advance(59_999);
  expect(done).toHaveLength(1);
  clock.advance(1);
  expect(done).toHaveLength(2);
  expect(done[1]).toBe("begin");

  at(5);
  maxPrefixes = 9;
  limits.reconsider();
  expect(done.slice(2)).toEqual([[6, 1, 0, 2, 1, 0, 0, 0, 4], "begin"]);
  at(10);
  limits.forget(NEIGHBOR);
  clock.advance(60_000);
  expect(done.slice(4)).toEqual([[6, 1, 0, 2, 1, 0, 0, 0, 9]]);
});

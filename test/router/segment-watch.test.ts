/** What the kernel counts, as the test says. */
import { expect, it } from "vitest";
import { createEventRecord } from "#src/router/events.ts";
import { watchSegments } from "#src/router/segment-watch.ts";
import { createFakeClock } from "../common/fake-clock.ts";

it("segments that were dropped while the counters could not be read are told of when they can", () => {
  const clock = createFakeClock();
  const events = createEventRecord(clock);
  let read = () => ({ ttlTooLow: 1 });
  const stop = watchSegments(() => read(), clock, events);
  read = () => {
    throw new Error("EMFILE: too many open files");
  };
  clock.advance(3000);
  read = () => ({ ttlTooLow: 4 });
  clock.advance(1000);
  expect(events.past()).toMatchObject([{ kind: "segments-dropped", ttlTooLow: 3 }]);
  stop();
  expect(clock.pending).toBe(0);
});

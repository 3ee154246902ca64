/** The hold timer and KEEPALIVE, in both directions; and how the speaker ends a session. */

import { encodeMessage } from "../../bgp/message.ts";
import { type CheckGroup, fail, type Outcome, pass, type Step, step, warn } from "../check.ts";
import { describeError, errorNumbers } from "../describe.ts";
import { HOLD_TIME_SECONDS, shutdownBytes } from "../messages.ts";
import { brokenBy, read } from "../step/expect.ts";
import { establish, goQuiet, send } from "../step/session.ts";

/** A busy machine is no crime. */
const TOLERANCE_MS = 500;
const HOLD_MS = HOLD_TIME_SECONDS * 1000;
const MEASURED_GAPS = 3;
/** Once a second (RFC 4271 4.4), with its jitter. */
const MINIMUM_GAP_MS = 750;

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;

const measureKeepalives: Step = step("measure the time between its KEEPALIVEs", async (stage) => {
  const times: number[] = [];
  return await read(
    stage,
    ({ kind }, { atMs }) => {
      if (kind === "keepalive") times.push(atMs);
      return times.length > MEASURED_GAPS ? judgeGaps(times.slice(1).map((time, index) => time - times[index])) : undefined;
    },
    fail(`fewer than ${MEASURED_GAPS + 1} in twelve seconds`),
    4 * HOLD_MS,
  );
});

/** A third of the hold time on the average: with the jitter of RFC 4271 10 more often, and never less. */
function judgeGaps(gaps: readonly number[]): Outcome {
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const measured = gaps.map(seconds).join(", ");
  if (Math.max(...gaps) >= HOLD_MS) return fail("farther apart than the hold time", measured);
  if (mean > HOLD_MS / 3 + TOLERANCE_MS) return warn("farther apart than a third of the hold time", measured);
  if (mean < MINIMUM_GAP_MS - TOLERANCE_MS) return warn("more often than once a second", measured);
  return pass("a third of the hold time apart", measured);
}

const expectHoldTimerExpired: Step = step("expect NOTIFICATION 4 when the hold time is over, not earlier", async (stage) => {
  const endMs = stage.until(3 * HOLD_MS);
  for (;;) {
    const arrival = await stage.connection?.next(endMs);
    if (arrival === undefined) return fail("it does not enforce the hold time: after three times as long the session lives");
    const afterMs = arrival.atMs - stage.atMs;
    if (arrival.kind === "closed") return fail("it closed the connection without a NOTIFICATION", seconds(afterMs));
    if (arrival.kind === "garbage") return fail("it sent what is no BGP message");
    if (arrival.message.kind !== "notification") continue;
    const { error } = arrival.message;
    if (error.code !== 4) return fail(`NOTIFICATION ${errorNumbers(error)}`, seconds(afterMs));
    // Our last KEEPALIVE may be as old as our own interval.
    if (afterMs < HOLD_MS * 0.75 - TOLERANCE_MS) return fail("NOTIFICATION 4, but too early", seconds(afterMs));
    return pass("NOTIFICATION 4/0 Hold Timer Expired", seconds(afterMs));
  }
});

/** Twice the interval that a hold time of three seconds would give. */
const SILENCE_MS = 2200;

const expectNoKeepalive: Step = step("expect that it sends no more KEEPALIVEs, and lives", async (stage) => {
  const endMs = stage.until(SILENCE_MS);
  for (;;) {
    const arrival = await stage.connection?.next(endMs);
    if (arrival === undefined) return pass("the session lives without KEEPALIVEs");
    const broken = brokenBy(arrival);
    if (broken) return broken;
    if (arrival.kind === "message" && arrival.message.kind === "keepalive") return fail("it sends KEEPALIVEs all the same");
  }
});

const expectQuietEnd: Step = step("expect that it closes the connection and answers nothing", async (stage) => {
  const endMs = stage.until(4000);
  for (;;) {
    const arrival = await stage.connection?.next(endMs);
    if (arrival === undefined) return warn("it leaves the connection open");
    if (arrival.kind === "closed") return pass("it closes");
    if (arrival.kind === "garbage") return fail("it sent what is no BGP message");
    if (arrival.message.kind === "notification")
      return fail("it answers with one of its own", describeError(arrival.message.error));
  }
});

export const TIMER_CHECKS: CheckGroup = {
  title: "Time, and the end of a session",
  checks: [
    {
      name: "hold-time-negotiated",
      clause: "RFC 4271 4.2, 4.4",
      wanted: "with our hold time of three seconds, the lower of the two, a KEEPALIVE every second",
      steps: [establish("hold time 3"), measureKeepalives],
    },
    {
      name: "hold-timer-enforced",
      clause: "RFC 4271 6.5",
      wanted: "NOTIFICATION 4 when nothing has come for the hold time",
      steps: [establish("hold time 3"), goQuiet(), expectHoldTimerExpired],
    },
    {
      name: "hold-time-zero",
      clause: "RFC 4271 4.2, 4.4",
      wanted: "with a hold time of zero neither KEEPALIVEs nor an end; or it refuses it with NOTIFICATION 2/6",
      steps: [establish("hold time 0", { holdTimeSeconds: 0 }, "warn"), expectNoKeepalive],
    },
    {
      name: "notification-ends",
      clause: "RFC 4271 6.4, 8.2.2",
      wanted: "our NOTIFICATION ends the connection and is not answered",
      steps: [establish(), send('NOTIFICATION Cease/Administrative Shutdown "conformance"', shutdownBytes), expectQuietEnd],
    },
    {
      name: "unknown-notification-ends",
      clause: "RFC 4271 6.4 (CVE-2025-59688)",
      wanted: "a NOTIFICATION of an unknown code, with data, ends the connection and nothing else",
      steps: [
        establish(),
        send(
          "NOTIFICATION 77/88 with 200 bytes of data",
          () =>
            encodeMessage({ kind: "notification", error: { code: 77, subcode: 88, data: new Uint8Array(200).fill(0xff) } }, 4)[0],
        ),
        expectQuietEnd,
        step("and it takes us back", async (stage) => (await establish().run(stage)) ?? pass("it closes, and takes us back")),
      ],
    },
  ],
};

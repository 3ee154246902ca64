/** More than one connection, and those that the speaker opens itself: collisions, reconnecting, and how often it tries. */

import { ERROR, OPEN_ERROR } from "../../bgp/iana.ts";
import { encodeMessage } from "../../bgp/message.ts";
import { type CheckGroup, fail, notApplicable, type Outcome, pass, type Step, step, warn } from "../check.ts";
import type { RawConnection } from "../connection.ts";
import { openBytes } from "../messages.ts";
import { awaitOpen } from "../session.ts";
import type { Stage } from "../stage.ts";
import { expectAlive } from "../step/expect.ts";
import { connect, establish } from "../step/session.ts";

/** Many speakers wait longer than that unless told otherwise (RFC 4271 10 suggests two minutes): then it is left open. */
const DIALED_MS = 20_000;
const ANSWER_MS = 5000;
const COLLISION_MS = 3000;
const COUNTED_MS = 6000;

const needsListening: Step = step("where it dials us", async ({ us }) =>
  us.listenPort === undefined ? notApplicable("needs --listen") : undefined,
);

const neverDialed = notApplicable(`it did not dial us within ${DIALED_MS / 1000} seconds`);

const listen: Step = step("take its own connections", async (stage) => {
  await stage.listen();
  return undefined;
});

/** Reads until the connection ends, the speaker says that it will, or `endMs`. */
async function ends(connection: RawConnection, endMs: number): Promise<boolean> {
  for (;;) {
    const arrival = await connection.next(endMs);
    if (arrival === undefined) return false;
    if (arrival.kind !== "message" || arrival.message.kind === "notification") return true;
  }
}

const openSecond: Step = step("open a second connection, and send OPEN on it", async (stage) => {
  const second = await stage.dial("second", stage.until(ANSWER_MS));
  if (typeof second === "string") return pass("it takes no second connection");
  stage.second = second;
  await awaitOpen(stage, second, stage.until(1500));
  second.send("OPEN", openBytes(stage));
  return undefined;
});

const expectSecondEnds: Step = step("expect the end of the second connection", async (stage) => {
  if (!stage.second || (await ends(stage.second, stage.until(ANSWER_MS))))
    return pass("the second connection is closed, the session lives");
  return fail("the second connection stays open");
});

/** RFC 4271 6.8, RFC 6286 2.3: both in OpenConfirm; the connection opened by the higher identifier stays. */
const collide = (wins: "it" | "we"): Step =>
  step(
    `take its connection, open one of ours, OPEN on both, where ${wins === "it" ? "its" : "our"} identifier is higher`,
    async (stage) => {
      const theirs = await stage.accept("its connection", stage.until(DIALED_MS));
      if (typeof theirs === "string") return neverDialed;
      const silence = await awaitOpen(stage, theirs, stage.until(ANSWER_MS));
      if (silence !== undefined || !stage.peerOpen) return fail(silence ?? "it opened a connection and sent no OPEN");
      stage.identifier = stage.peerOpen.routerId + (wins === "we" ? 1 : -1);
      const ours = await stage.dial("our connection", stage.until(ANSWER_MS));
      if (typeof ours === "string") return notApplicable(`it takes no connection of ours while it has its own: ${ours}`);
      await awaitOpen(stage, ours, stage.until(ANSWER_MS));
      for (const connection of [theirs, ours]) connection.send("OPEN", openBytes(stage, { holdTimeSeconds: 90 }));
      const [winner, loser] = wins === "we" ? [ours, theirs] : [theirs, ours];
      return await judgeCollision(stage, winner, loser);
    },
  );

async function judgeCollision(stage: Stage, winner: RawConnection, loser: RawConnection): Promise<Outcome> {
  const endMs = stage.until(COLLISION_MS);
  const [loserEnds, winnerEnds] = await Promise.all([ends(loser, endMs), ends(winner, endMs)]);
  if (loserEnds && !winnerEnds) return pass("the right one stays");
  if (winnerEnds && !loserEnds) return fail("the wrong one stays");
  return fail(winnerEnds ? "both are closed" : "both stay open");
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

const countAttempts: Step = step("refuse its connections with NOTIFICATION 2/2 and count them", async (stage) => {
  const first = await stage.accept("", stage.until(DIALED_MS));
  if (typeof first === "string") return neverDialed;
  refuse(first);
  const endMs = stage.until(COUNTED_MS);
  const startMs = stage.clock.nowMs();
  let attempts = 1;
  for (;;) {
    const next = await stage.accept("", endMs);
    if (typeof next === "string") break;
    refuse(next);
    attempts++;
  }
  const measured = `${attempts} in ${seconds(stage.clock.nowMs() - startMs)}`;
  if (attempts <= COUNTED_MS / 1000 + 1) return pass("at most one attempt a second", measured);
  return attempts <= COUNTED_MS / 100 ? warn("several attempts a second", measured) : fail("a storm of attempts", measured);
});

function refuse(connection: RawConnection): void {
  const error = { code: ERROR.openMessage, subcode: OPEN_ERROR.badPeerAs, data: new Uint8Array(0) };
  connection.send("NOTIFICATION 2/2", encodeMessage({ kind: "notification", error }, 4)[0]);
  connection.close();
}

export const CONNECTION_CHECKS: CheckGroup = {
  title: "Connections",
  checks: [
    {
      name: "second-connection",
      clause: "RFC 4271 6.8",
      wanted: "in an established session, a second connection is closed and the first one lives",
      // Alive first: until our KEEPALIVE has arrived there, it would be a collision of two beginnings.
      steps: [establish(), expectAlive(), openSecond, expectAlive(), expectSecondEnds],
    },
    {
      name: "collision-it-wins",
      clause: "RFC 4271 6.8",
      wanted: "of two connections at once, its own stays if its identifier is higher",
      steps: [needsListening, listen, collide("it")],
    },
    {
      name: "collision-we-win",
      clause: "RFC 4271 6.8",
      wanted: "of two connections at once, ours stays if our identifier is higher",
      steps: [needsListening, listen, collide("we")],
    },
    {
      name: "reconnects",
      clause: "RFC 4271 8.2.1",
      wanted: "after its session is lost it dials again, by itself",
      steps: [
        needsListening,
        connect(),
        step("close, and wait for its own connection", async (stage) => {
          stage.connection?.close();
          const startMs = stage.clock.nowMs();
          await stage.listen();
          const theirs = await stage.accept("", stage.until(DIALED_MS));
          return typeof theirs === "string" ? neverDialed : pass("it dials us again", seconds(stage.clock.nowMs() - startMs));
        }),
      ],
    },
    {
      name: "attempts-damped",
      clause: "RFC 4271 8.1.1, 10",
      wanted: "refused again and again, it tries at most once a second",
      steps: [needsListening, listen, countAttempts],
    },
  ],
};

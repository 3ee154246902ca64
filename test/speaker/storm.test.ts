/**
 * Whatever peers and operators do at whatever moment: who has nothing to do with it notices nothing, a sane peer comes up, the
 * speaker stops within its time, and nothing is left. `STORMS=300 SEED=1000` tries as many seeds from there.
 */
import { expect, test } from "vitest";
import { delay, systemClock } from "#src/net/clock.ts";
import type { SpeakerEvent } from "#src/speaker/neighbor.ts";
import { dialFrom, keepalive, openOf } from "./loopback.ts";
import type { RawPeer } from "./raw-peer.ts";
import { eventually } from "./recorder.ts";
import { ASN_OF_ALL, BYSTANDER, brew, OURS, PASSIVE, type Storm } from "./storm.ts";

const { STORMS = "4", SEED = "1" } = process.env;
const SEEDS = Array.from({ length: Number(STORMS) }, (_, index) => (Number(SEED) || 1) + index);
const GUSTS = 60;
/** The second that a stop may take, on a machine that has more to do. */
const DEADLINE_MS = 10_000;

const openSockets = (): number => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;

async function inTime(what: string, promise: Promise<void>): Promise<void> {
  let isDone = false;
  void promise.finally(() => {
    isDone = true;
  });
  await eventually(what, () => isDone, DEADLINE_MS);
}

/** Dials until its session is up, as a speaker does: what is left of the storm may come from the same address after it. */
async function comesUp({ told, port }: Storm, at: number): Promise<RawPeer> {
  const known = told.events.length;
  const isUp = () => told.events.slice(known).some(({ kind, neighbor }) => kind === "session-up" && neighbor === at);
  const sane = openOf(at, { asn: ASN_OF_ALL, routerId: at, holdTimeSeconds: 0, capabilities: [] });
  for (;;) {
    const peer = dialFrom(at, OURS, port);
    peer.say(sane, keepalive);
    await eventually("a sane peer is up, or has to dial again", () => isUp() || peer.closed, DEADLINE_MS);
    if (isUp() && !peer.closed) return peer;
    await delay(systemClock, 10);
  }
}

test.each(SEEDS)("a storm of seed %i", { timeout: 60_000 }, async (seed) => {
  const before = openSockets();
  const storm = await brew(seed);
  const { speaker, told, neighbor } = storm;
  const bystander = await comesUp(storm, BYSTANDER);
  await storm.blow(GUSTS);

  expect(neighbor(BYSTANDER)).toMatchObject({ state: "Established", connectionsEstablished: 1, connectionsRefused: 0 });
  expect(neighbor(BYSTANDER).messagesReceived).toMatchObject({ open: 1, keepalive: 1, update: 0 });
  const peers = [bystander];
  // The others end while everybody is still there.
  if (seed % 2 === 1) {
    await inTime("the storm has passed", storm.pass());
    // What the storm has made of this neighbor is an operator's to forget.
    speaker.removeNeighbor(PASSIVE);
    speaker.addNeighbor({ address: PASSIVE, remoteAsn: ASN_OF_ALL, passive: true });
    peers.push(await comesUp(storm, PASSIVE));
  }
  await inTime("the speaker has stopped", speaker.stop());
  await inTime("the storm has passed", storm.pass());
  expect(storm.contradictions).toEqual([]);
  for (const { socket } of peers) socket.destroy();
  await eventually("all sockets are closed", () => openSockets() <= before, DEADLINE_MS);

  const count = (kind: SpeakerEvent["kind"]): number => told.events.filter((event) => event.kind === kind).length;
  expect(count("session-up")).toBe(count("session-down"));
  expect(new Set(speaker.neighbors().map(({ state }) => state))).toEqual(new Set(["Idle"]));
  const heard = new Set(told.updates.map(({ peer }) => peer.address));
  expect(Array.from(heard, (at) => told.received(at)).filter((paths) => paths > 0)).toEqual([]);
});

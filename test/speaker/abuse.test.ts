/**
 * What whoever reaches our port may try, over real TCP: to say nothing, to say it slowly, to say too much, to be somebody
 * else. Each costs a bounded buffer and a bounded time, and has a counter with a name.
 */
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { frame } from "#src/bgp/framer.ts";
import { MESSAGE } from "#src/bgp/iana.ts";
import { SEGMENT } from "#src/bgp/path.ts";
import { delay, systemClock } from "#src/net/clock.ts";
import type { RouteAnnouncements } from "#src/rib/route.ts";
import type { SpeakerOptions } from "#src/speaker/speaker.ts";
import { hex, MARKER, updateBody } from "../bgp/hex.ts";
import { createFakeClock, type FakeClock } from "../common/fake-clock.ts";
import { B, openOf } from "./loopback.ts";
import { RawPeer } from "./raw-peer.ts";
import { address, eventually, recordedSpeaker } from "./recorder.ts";

const OURS = address("127.0.6.1");
const PEER = address("127.0.6.2");
const OTHER = address("127.0.6.3");
const DIALED = address("127.0.6.4");
const STRANGER = address("127.0.6.66");
const ASN = 65001;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function scene(clock?: FakeClock, more: Partial<SpeakerOptions> = {}) {
  const recorded = recordedSpeaker({
    ...more,
    asn: 65000,
    routerId: OURS,
    listen: { address: OURS, port: 0 },
    ...(clock && { clock }),
  });
  await recorded.speaker.start();
  cleanUps.push(() => recorded.speaker.stop());
  const port = recorded.speaker.listening()?.port ?? 0;
  for (const at of [PEER, OTHER]) recorded.speaker.addNeighbor({ address: at, remoteAsn: ASN, passive: true });
  const dial = (from: number, options: { allowHalfOpen?: boolean } = {}): RawPeer => {
    const peer = RawPeer.dial(from, OURS, port, options);
    cleanUps.push(() => peer.socket.destroy());
    return peer;
  };
  const up = async (from: number): Promise<RawPeer> => {
    const peer = dial(from);
    peer.open(ASN, from);
    await recorded.told.until("session up", () => recorded.told.hasEvent("session-up", from));
    return peer;
  };
  return { ...recorded, dial, up };
}

const ANNOUNCE = frame(2, updateBody("", "400101 00 400206 0201 0000fde9 400304 0a000002", "20 c0000201"));

describe("a connection from a neighbor's address", () => {
  test("that never speaks is closed after four minutes, with the reason", async () => {
    const clock = createFakeClock();
    const { dial, told, neighbor } = await scene(clock);
    const peer = dial(PEER);
    await peer.hears("open");
    await clock.pass(239_000);
    expect(neighbor(PEER).state).toBe("OpenSent");
    await clock.pass(2000);
    expect(await peer.hearsNotification()).toBe("Hold Timer Expired");
    await peer.hangsUp();
    expect(told.events).toContainEqual(expect.objectContaining({ kind: "attempt-failed", neighbor: PEER }));
    expect(neighbor(PEER)).toMatchObject({ connectionsEstablished: 0, lastNotification: { direction: "sent", code: 4 } });
  });

  test("that says it needs no keepalives has to send the one that confirms the session", async () => {
    const clock = createFakeClock();
    const { dial, neighbor } = await scene(clock);
    const peer = dial(PEER);
    peer.say(openOf(B, { asn: ASN, routerId: PEER, holdTimeSeconds: 0, capabilities: [] }));
    await peer.hears("keepalive");
    await clock.pass(239_000);
    expect(neighbor(PEER).state).toBe("OpenConfirm");
    await clock.pass(2000);
    expect(await peer.hearsNotification()).toBe("Hold Timer Expired");
    expect(neighbor(PEER).state).toBe("Active");
  });

  test("that speaks a byte a second gets no longer than one that is silent", async () => {
    const clock = createFakeClock();
    const { dial, neighbor } = await scene(clock);
    const peer = dial(PEER);
    await peer.hears("open");
    // The longest OPEN that there may be: nothing in it is wrong yet, and nothing of it is late.
    const bytes = Uint8Array.of(...hex(`${MARKER} 1000 01 04 fde9 005a 0a000002`), ...new Uint8Array(300));
    let said = 0;
    for (; said < 300 && !peer.closed; said++) {
      peer.write(bytes.subarray(said, said + 1));
      await clock.pass(1000);
    }
    expect(await peer.hearsNotification()).toBe("Hold Timer Expired");
    expect(neighbor(PEER).messagesReceived.open).toBe(0);
    expect(neighbor(PEER).lastReset?.reason).toContain("Hold Timer Expired");
  });

  test("whose session is up has to finish a message within the hold time, whatever it dribbles", async () => {
    const clock = createFakeClock();
    const { up, told, neighbor } = await scene(clock);
    const peer = await up(PEER);
    peer.write(ANNOUNCE);
    await told.until("the route", () => told.routes.includes("+192.0.2.1/32"));
    const update = frame(2, new Uint8Array(4000));
    for (let said = 0; said < 95 && neighbor(PEER).state === "Established"; said++) {
      peer.write(update.subarray(said, said + 1));
      await clock.pass(1000);
    }
    expect(told.routes.at(-1)).toBe("lost");
    expect(neighbor(PEER)).toMatchObject({ prefixesReceived: 0, lastNotification: { code: 4 } });
  });

  test("that is no BGP at all is answered at its first wrong byte, and counted as a failed attempt", async () => {
    const { dial, told, neighbor } = await scene();
    const peer = dial(PEER);
    await peer.hears("open");
    peer.socket.write("GET / HTTP/1.1\r\n\r\n".repeat(10_000));
    expect(await peer.hearsNotification()).toBe("Message Header Error/Connection Not Synchronized");
    await peer.hangsUp();
    expect(told.hasEvent("attempt-failed", PEER)).toBe(true);
    expect(neighbor(PEER).messagesReceived).toMatchObject({ open: 0, update: 0 });
  });
});

describe("a flood", () => {
  test("of a neighbor is held back by TCP: others come up meanwhile, and what waits is not ours to keep", {
    timeout: 90_000,
  }, async () => {
    const { up, neighbor } = await scene();
    const flooder = await up(PEER);
    const block = new Uint8Array(Buffer.concat(Array(2000).fill(ANNOUNCE)));
    const blocks = 60;
    const before = process.memoryUsage().rss;
    for (let i = 0; i < blocks; i++) flooder.write(block);
    await up(OTHER);
    expect(neighbor(PEER).messagesReceived.update).toBeLessThan(blocks * 2000);
    await eventually("all of it", () => neighbor(PEER).messagesReceived.update === blocks * 2000, 60_000);
    expect(neighbor(PEER)).toMatchObject({ state: "Established", prefixesReceived: 1 });
    // The flooder is in this process too, with its 6 MB that wait to be sent.
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * 2 ** 20);
  });

  test("of faults costs a counter each and an event a second", { timeout: 90_000 }, async () => {
    const clock = createFakeClock();
    const { up, told, neighbor } = await scene(clock);
    const peer = await up(PEER);
    const faulty = frame(2, updateBody("", "400101 07 400206 0201 0000fde9 400304 0a000002", "20 c0000201"));
    peer.write(new Uint8Array(Buffer.concat(Array(5000).fill(faulty))));
    await eventually("all are counted", () => neighbor(PEER).updateFaults["treat-as-withdraw"] === 5000, 60_000);
    expect(told.events.filter(({ kind }) => kind === "update-fault").length).toBe(1);
  });

  test("of strangers costs a counter, and 64 sockets at a time, for a second", async () => {
    const clock = createFakeClock();
    const { dial, speaker, told, up } = await scene(clock);
    const strangers = Array.from({ length: 200 }, () => dial(STRANGER, { allowHalfOpen: true }));
    const isTold = ({ heard }: RawPeer) => heard.some(({ type }) => type === MESSAGE.notification);
    await eventually("each is told so or cut off", () =>
      strangers.every((stranger) => stranger.socket.readableEnded || stranger.closed),
    );
    expect(strangers.filter(isTold).length).toBe(64);
    expect(speaker.refusedStrangers()).toBe(200);
    expect(told.events.filter(({ kind }) => kind === "refused-connection").length).toBe(200);
    await up(PEER);
    // They do not close their side: after a second they are cut off too, and there is room for others.
    await clock.pass(1001);
    expect(await dial(STRANGER).hearsNotification()).toBe("Cease/Connection Rejected");
  });

  test.each([
    ["is up", true],
    ["is not", false],
  ])(
    "of connections from the address of a neighbor whose session %s costs 64 sockets at a time, for a second",
    async (_, isUp) => {
      const clock = createFakeClock();
      const { dial, told, neighbor, up, speaker } = await scene(clock);
      if (isUp) await up(PEER);
      const flood = Array.from({ length: 200 }, () => dial(PEER, { allowHalfOpen: true }));
      const hasHeard = ({ heard }: RawPeer) => heard.length > 0;
      const isOver = ({ socket, closed }: RawPeer) => closed || socket.readableEnded;
      // While the session is up the last of them waits for the answer of the peer.
      const answered = isUp ? 199 : 200;
      await eventually("answered", () => flood.filter((one) => hasHeard(one) || isOver(one)).length >= answered);
      expect(flood.filter(hasHeard).length).toBeLessThanOrEqual(64);
      expect(neighbor(PEER).connectionsRefused).toBe(told.events.filter(({ kind }) => kind === "refused-connection").length);
      speaker.removeNeighbor(PEER);
      await clock.pass(1001);
      await eventually("all are gone", () => flood.every(isOver));
    },
  );
});

describe("a neighbor that speaks and does not listen", () => {
  const COUNT = 10_000;
  /** Each prefix with attributes of its own, so that each takes a message of its own, of nearly 1 KiB. */
  const part = (round: number, from: number, to: number): RouteAnnouncements => {
    // One for all: what is measured is what the speaker keeps, and not what the test leaves behind.
    const asPath = [{ type: SEGMENT.sequence, asns: Array(230).fill(65000 + round) }];
    const nextHop = address("10.0.0.1");
    return {
      withdrawn: [],
      announcements: Array.from({ length: to - from }, (_, i) => ({
        prefixes: [{ address: 0x0a000000 + (from + i) * 256, length: 24 }],
        attributes: { origin: 0, asPath, nextHop, multiExitDiscriminator: from + i },
      })),
    };
  };
  const table = (round: number): RouteAnnouncements => part(round, 0, COUNT);
  const PIECE = 256;
  /** Each as it is when it is asked for. */
  const pieces = function* (round: () => number) {
    for (let at = 0; at < COUNT; at += PIECE) yield part(round(), at, Math.min(at + PIECE, COUNT));
  };
  const alive = frame(MESSAGE.keepalive);

  test("makes us keep the last word on each prefix, and is given up by the send hold timer", { timeout: 60_000 }, async () => {
    const clock = createFakeClock();
    const { up, speaker, told, neighbor } = await scene(clock, { onUp: () => pieces(() => round) });
    let round = 0;
    const deaf = await up(PEER);
    deaf.socket.pause();
    const before = process.memoryUsage().rss;
    while (round < 20) speaker.announce(PEER, table(++round));
    // 200 MB were to be said; the kernels have some of it.
    await eventually("the pipe is full", async () => {
      const sent = neighbor(PEER).messagesSent.update;
      await delay(systemClock, 50);
      return neighbor(PEER).outboxLength > 0 && neighbor(PEER).messagesSent.update === sent;
    });
    expect(neighbor(PEER).outboxLength).toBeLessThanOrEqual(COUNT + 2);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20);
    // Others do not notice.
    await up(OTHER);

    for (let seconds = 0; seconds < 480 && neighbor(PEER).state === "Established"; seconds += 30) {
      deaf.write(alive);
      await eventually("heard", () => neighbor(PEER).messagesReceived.keepalive > seconds / 30 + 1);
      await clock.pass(30_000);
    }
    expect(neighbor(PEER)).toMatchObject({ state: "Active", outboxLength: 0, lastNotification: { direction: "sent", code: 8 } });
    expect(told.routes).toContain("lost");
  });

  test("hears all of it, each prefix as it is now, once it listens", { timeout: 60_000 }, async () => {
    const { up, speaker, neighbor } = await scene(undefined, { onUp: () => pieces(() => round) });
    let round = 0;
    const peer = await up(PEER);
    peer.socket.pause();
    while (round < 20) speaker.announce(PEER, table(++round));
    peer.socket.resume();
    await eventually("all is said", () => neighbor(PEER).outboxLength === 0, 30_000);
    await eventually("all is heard", () => peer.heard.length >= sum(neighbor(PEER).messagesSent), 30_000);
    const last = new Map<number, number>();
    for (const { message } of peer.heard) {
      if (message?.kind !== "update") continue;
      for (const { prefixes, attributes } of message.announcements)
        for (const prefix of prefixes) last.set(prefix.address as number, attributes.asPath[0].asns[0]);
    }
    expect([last.size, new Set(last.values())]).toEqual([COUNT, new Set([65020])]);
  });
});

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, one) => all + one, 0);

test("a storm of connections from a neighbor's address, of every kind, does not keep us from the neighbor that we dial", async () => {
  const { speaker, told, neighbor, dial } = await scene();
  const theirs = recordedSpeaker({ asn: ASN, routerId: DIALED, listen: { address: DIALED, port: 0 } });
  cleanUps.push(() => theirs.speaker.stop());
  await theirs.speaker.start();
  theirs.speaker.addNeighbor({ address: OURS, remoteAsn: 65000, passive: true });
  const port = theirs.speaker.listening()?.port ?? 0;
  // Nobody listens there yet: our dial fails, as it does while a machine starts.
  speaker.addNeighbor({ address: DIALED, remoteAsn: ASN, port: 1, localAddress: OURS, connectRetrySeconds: 1 });
  const kinds: ((peer: RawPeer) => void)[] = [
    () => undefined,
    (peer) => peer.open(ASN, DIALED),
    (peer) => peer.open(64999, DIALED),
    (peer) => peer.write(new Uint8Array(19)),
  ];
  for (let count = 0; count < 60; count++) {
    const peer = dial(DIALED);
    await once(peer.socket, "connect");
    kinds[count % kinds.length](peer);
    peer.socket.resetAndDestroy();
  }
  const up = () => told.events.filter((event) => event.kind === "session-up" && event.neighbor === DIALED).length;
  // The door is shut after five failures, for seconds: those who are refused try again.
  for (const endMs = systemClock.nowMs() + 15_000; up() < 2 && systemClock.nowMs() < endMs; await delay(systemClock, 100)) {
    const peer = dial(DIALED);
    await once(peer.socket, "connect");
    peer.open(ASN, DIALED);
    await eventually("an end", () => peer.closed || neighbor(DIALED).state === "Established");
    peer.socket.resetAndDestroy();
    await eventually("a beginning", () => neighbor(DIALED).state !== "Established");
  }
  expect([up(), neighbor(DIALED).damped]).toEqual([2, false]);
  speaker.changeNeighbor({ address: DIALED, remoteAsn: ASN, port, localAddress: OURS, connectRetrySeconds: 1 });
  await told.until("the neighbor is up", () => up() === 3);
  // Nor does it end the session; who stays to hear it is told so.
  const { connectionsDropped } = neighbor(DIALED);
  for (let count = 0; count < 20; count++) {
    const peer = dial(DIALED);
    await once(peer.socket, "connect");
    peer.socket.resetAndDestroy();
  }
  expect(await dial(DIALED).hearsNotification()).toMatch(/^Cease/);
  expect(neighbor(DIALED)).toMatchObject({ state: "Established", connectionsDropped });
});

test("whoever claims to be a neighbor from elsewhere is refused unread", async () => {
  const { dial, speaker, told, up, neighbor } = await scene();
  await up(PEER);
  const impostor = dial(STRANGER);
  impostor.open(ASN, PEER);
  expect(await impostor.hearsNotification()).toBe("Cease/Connection Rejected");
  await impostor.hangsUp();
  expect(impostor.heard.map(({ type }) => type)).toEqual([MESSAGE.notification]);
  expect(speaker.refusedStrangers()).toBe(1);
  expect(told.events).toContainEqual(expect.objectContaining({ kind: "refused-connection", neighbor: STRANGER }));
  expect(neighbor(PEER)).toMatchObject({ state: "Established", connectionsRefused: 0, messagesReceived: { open: 1 } });
});

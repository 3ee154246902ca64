/**
 * Sessions over real TCP on loopback: our speaker with itself, and with a hand-made peer where bytes matter. Each speaker has
 * an address of 127/8 of its own; that is how they tell each other apart.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { formatHex } from "#src/bgp/bytes.ts";
import type { Capability } from "#src/bgp/capabilities.ts";
import { bgpError, errorName } from "#src/bgp/error.ts";
import { Framer, frame } from "#src/bgp/framer.ts";
import { decodeMessage, encodeMessage, type Message } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { formatNotification } from "#src/bgp/notification.ts";
import type { OpenMessage } from "#src/bgp/open.ts";
import { SEGMENT } from "#src/bgp/path.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatPrefix, type Prefix, parsePrefix } from "#src/net/prefix.ts";
import type { NeighborOptions } from "#src/speaker/neighbor.ts";
import type { RangeOptions } from "#src/speaker/ranges.ts";
import { updateBody } from "../bgp/hex.ts";
import { address, eventually, FakeClock, type Recorded, Recorder, recordedSpeaker } from "./recorder.ts";

const A = address("127.0.1.1");
const B = address("127.0.1.2");
const asnOf = { [A]: 65001, [B]: 65002 };

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A speaker that listens on `at`, if it listens at all. */
async function start(
  at: number,
  options: Partial<Parameters<typeof recordedSpeaker>[0]> = {},
): Promise<Recorded & { port: number }> {
  const recorded = recordedSpeaker({ asn: asnOf[at], routerId: at, listen: { address: at, port: 0 }, ...options });
  await recorded.speaker.start();
  cleanUps.push(() => recorded.speaker.stop());
  return { ...recorded, port: recorded.speaker.listening()?.port ?? 0 };
}

/** A peer of which the test says every byte; it waits for messages as the recorder waits for events. */
class HandMade {
  readonly received: Message[] = [];
  readonly socket: Socket;
  isClosed = false;
  private readonly framer = new Framer();
  private readonly news = new Recorder();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Uint8Array) => this.read(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isClosed = true;
      this.tell();
    });
    cleanUps.push(() => socket.destroy());
  }

  say(...messages: Message[]): void {
    for (const message of messages) for (const bytes of encodeMessage(message, 4)) this.socket.write(bytes);
  }

  async hears(kind: Message["kind"], times = 1): Promise<Message> {
    const all = () => this.received.filter((message) => message.kind === kind);
    await this.news.until(`${times} ${kind} heard`, () => all().length >= times);
    return all()[times - 1];
  }

  async hearsNotification(): Promise<string> {
    const message = await this.hears("notification");
    return message.kind === "notification" ? `${errorName(message.error)} ${formatHex(message.error.data)}`.trim() : "";
  }

  closed = (): Promise<void> => this.news.until("the connection closed", () => this.isClosed);

  private read(chunk: Uint8Array): void {
    this.framer.push(chunk);
    for (let framing = this.framer.next(); framing.kind === "message"; framing = this.framer.next()) {
      const decoded = decodeMessage(framing.type, framing.body, { asnSize: 4, peerType: "external", families: [IPV4_UNICAST] });
      if ("message" in decoded) this.received.push(decoded.message);
    }
    this.tell();
  }

  private tell(): void {
    this.news.onEvent({ kind: "attempt-failed", reason: "", neighbor: 0, atMs: 0 });
  }
}

const openOf = (at: number, more: Partial<OpenMessage> = {}): OpenMessage => ({
  kind: "open",
  asn: asnOf[at],
  holdTimeSeconds: 90,
  routerId: at,
  capabilities: [{ name: "four-octet-as", asn: asnOf[at] }],
  ...more,
});
const keepalive: Message = { kind: "keepalive" };
const notification = (code: number, subcode: number, ...data: number[]): Message => ({
  kind: "notification",
  error: bgpError(code, subcode, data),
});

const prefix = (text: string) => parsePrefix(text) as Prefix;
const announce = (...texts: string[]): Message => ({
  kind: "update",
  withdrawn: [],
  announcements: [
    {
      prefixes: texts.map(prefix),
      attributes: { origin: 0, asPath: [{ type: SEGMENT.sequence, asns: [asnOf[B]] }], nextHop: address("10.0.0.2") },
    },
  ],
});

const dialFrom = (from: number, to: number, port: number): HandMade =>
  new HandMade(connect({ host: formatAddress(to), port, localAddress: formatAddress(from) }));

/** A, passive, with a hand-made B that has come up. */
async function established(
  options: Parameters<typeof start>[1] = {},
  more: Partial<OpenMessage> = {},
  neighbor: Partial<NeighborOptions> = {},
) {
  const a = await start(A, options);
  a.speaker.addNeighbor({ address: B, remoteAsn: asnOf[B], passive: true, ...neighbor });
  const peer = dialFrom(B, A, a.port);
  await peer.hears("open");
  peer.say(openOf(B, more), keepalive);
  await a.told.until("session up", () => a.told.hasEvent("session-up", B));
  return { a, peer };
}

describe("two speakers", () => {
  test.each([
    ["active and passive", false, true],
    ["both active: the connections may collide, one session comes of it", false, false],
  ])("%s", async (_, passiveA, passiveB) => {
    const [a, b] = [await start(A), await start(B)];
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, port: b.port, localAddress: A, passive: passiveA });
    b.speaker.addNeighbor({ address: A, remoteAsn: 65001, port: a.port, localAddress: B, passive: passiveB });
    await a.told.until("A up", () => a.neighbor(B).state === "Established" && a.neighbor(B).endOfRibReceived);
    await b.told.until("B up", () => b.neighbor(A).state === "Established" && b.neighbor(A).endOfRibReceived);
    expect(a.neighbor(B)).toMatchObject({
      localAsn: 65001,
      remoteAsn: 65002,
      type: "external",
      routerId: B,
      holdTimeSeconds: 90,
      keepaliveSeconds: 30,
      prefixesReceived: 0,
      messagesSent: { update: 2 },
      families: [IPV4_UNICAST, IPV6_UNICAST],
      capabilities: {
        received: a.neighbor(B).capabilities.sent.map(({ name }) => (name === "four-octet-as" ? { name, asn: 65002 } : { name })),
      },
    });

    await b.speaker.stop("good night");
    await a.told.until("A down", () => a.told.routes.includes("lost"));
    expect(a.neighbor(B)).toMatchObject({
      state: "Active",
      lastNotification: { direction: "received", code: 6, subcode: 2, name: "Cease/Administrative Shutdown", text: "good night" },
      lastReset: { reason: "received Cease/Administrative Shutdown (good night)" },
    });
    expect(b.neighbor(A)).toMatchObject({ state: "Idle", damped: false, lastNotification: { direction: "sent" } });
    expect(b.told.routes).toContain("lost");
  });

  test("inside one AS", async () => {
    const [a, b] = [await start(A), await start(B, { asn: 65001 })];
    a.speaker.addNeighbor({ address: B, remoteAsn: 65001, port: b.port, localAddress: A });
    b.speaker.addNeighbor({ address: A, remoteAsn: 65001, passive: true });
    await a.told.until("A up", () => a.told.hasEvent("session-up", B));
    expect(a.neighbor(B).type).toBe("internal");
  });

  test("a neighbor that is removed hears why, one that is reset comes back", async () => {
    const [a, b] = [await start(A), await start(B)];
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, port: b.port, localAddress: A });
    b.speaker.addNeighbor({ address: A, remoteAsn: 65001, passive: true });
    await b.told.until("B up", () => b.told.hasEvent("session-up", A));
    await a.told.until("A up", () => a.told.hasEvent("session-up", B));
    a.speaker.resetNeighbor(B, "once more");
    expect(a.told.routes.at(-1)).toBe("lost");
    await b.told.until("B up again", () => b.told.hasEvent("session-up", A, 2));
    expect(b.neighbor(A)).toMatchObject({
      lastNotification: { subcode: 4, text: "once more" },
      connectionsEstablished: 2,
      connectionsDropped: 1,
    });
    a.speaker.removeNeighbor(B);
    expect(a.speaker.neighbors()).toEqual([]);
    await b.told.until("B down", () => b.told.hasEvent("session-down", A, 2));
    expect(b.neighbor(A).lastNotification).toMatchObject({ name: "Cease/Peer De-configured" });
  });
});

describe("a session", () => {
  test("hands over routes in order, counts them, and their loss at once", async () => {
    const { a, peer } = await established();
    peer.say(announce("10.1.0.0/16", "10.2.0.0/16"), { kind: "update", withdrawn: [prefix("10.1.0.0/16")], announcements: [] });
    await a.told.until("two updates", () => a.told.updates.length === 2);
    expect(a.told.routes).toEqual(["+10.1.0.0/16 +10.2.0.0/16", "-10.1.0.0/16"]);
    expect(a.told.updates[0].peer).toEqual({ address: B, asn: 65002, routerId: B, type: "external", epoch: 1 });
    expect(a.neighbor(B)).toMatchObject({ prefixesReceived: 1, messagesReceived: { open: 1, keepalive: 1, update: 2 } });
    peer.socket.resetAndDestroy();
    await a.told.until("lost", () => a.told.routes.at(-1) === "lost");
    expect(a.told.updates.at(-1)).toMatchObject({ kind: "lost", reason: "read ECONNRESET", peer: { address: B } });
    expect(a.neighbor(B)).toMatchObject({ prefixesReceived: 0, connectionsDropped: 1 });
  });

  test("reads what a closing peer has said before: routes, then its NOTIFICATION", async () => {
    const { a, peer } = await established();
    peer.say(announce("10.1.0.0/16"), { kind: "notification", error: { code: 6, subcode: 2, data: new Uint8Array() } });
    peer.socket.end();
    await a.told.until("lost", () => a.told.routes.at(-1) === "lost");
    expect(a.told.routes).toEqual(["+10.1.0.0/16", "lost"]);
    expect(a.told.updates.at(-1)).toMatchObject({ reason: "received Cease/Administrative Shutdown" });
  });

  test("digests a long table in turns, without a loss and in order", async () => {
    const { a, peer } = await established();
    const prefixes = Array.from({ length: 5000 }, (_, i): Prefix => ({ address: 0x0b000000 + i * 256, length: 24 }));
    const texts = prefixes.map((each) => announce(`${formatAddress(each.address)}/24`));
    peer.say(...texts);
    await a.told.until("all updates", () => a.told.updates.length === 5000);
    expect(a.told.updates.flatMap((update) => (update.kind === "update" ? update.announced : []))).toEqual(prefixes);
    expect(a.neighbor(B).prefixesReceived).toBe(5000);
  });

  test("withdraws what it has no room for in a message, counts it and says so", async () => {
    const unsaid: string[] = [];
    const onTooLong = (at: unknown, prefixes: readonly Prefix[]) => unsaid.push(String(at), ...prefixes.map(formatPrefix));
    const { a, peer } = await established({ onTooLong });
    const path = (hops: number) => ({
      origin: 0 as const,
      asPath: [{ type: SEGMENT.sequence, asns: Array(hops).fill(65001) }],
      nextHop: A,
    });
    const say = (hops: number) =>
      a.speaker.announce(B, {
        withdrawn: [],
        announcements: [{ prefixes: [prefix("10.1.0.0/16"), prefix("10.2.0.0/16")], attributes: path(hops) }],
      });
    say(10);
    say(1100);
    const isWithdrawn = () => peer.received.some((message) => message.kind === "update" && message.withdrawn.length === 2);
    await eventually("withdrawn", isWithdrawn);
    expect(unsaid).toEqual([String(B), "10.1.0.0/16", "10.2.0.0/16"]);
    expect(a.neighbor(B)).toMatchObject({ state: "Established", pathsTooLong: 2 });
    expect(a.told.events).toContainEqual(
      expect.objectContaining({ kind: "path-too-long", count: 1, prefix: "10.1.0.0/16", neighbor: B }),
    );
  });

  test("does not let others wait: a turn is 64 messages at most", async () => {
    let count = 0;
    let afterOneTurn = 0;
    const onUpdate = () => {
      count++;
      if (count === 1) setImmediate(() => (afterOneTurn = count));
    };
    const { peer } = await established({ onUpdate });
    const [bytes] = encodeMessage(announce("10.1.0.0/16"), 4);
    peer.socket.write(Buffer.concat(Array(1000).fill(bytes)));
    await eventually("all are handed over", () => count === 1000);
    expect(afterOneTurn).toBeGreaterThan(0);
    expect(afterOneTurn).toBeLessThanOrEqual(64);
  });

  test("survives a malformed attribute and says so; a malformed message ends it with the NOTIFICATION that RFC 4271 has for it", async () => {
    const { a, peer } = await established();
    peer.say(announce("10.1.0.0/16"));
    peer.socket.write(frame(2, updateBody("", "400101 07 400206 0201 0000fdea 400304 0a000002", "10 0a01")));
    await a.told.until("withdrawn", () => a.told.routes.length === 2);
    expect(a.told.routes).toEqual(["+10.1.0.0/16", "-10.1.0.0/16"]);
    expect(a.told.events.at(-1)).toMatchObject({ kind: "update-fault", count: 1, consequence: "treat-as-withdraw" });
    expect(a.neighbor(B).updateFaults).toEqual({ discard: 0, "treat-as-withdraw": 1, "disable-family": 0, reset: 0 });
    const hexOfLast = formatHex(frame(2, updateBody("", "400101 07 400206 0201 0000fdea 400304 0a000002", "10 0a01")));
    expect(a.neighbor(B).lastUpdateFault).toMatchObject({ what: ["ORIGIN is 7, at most 2 wanted"], message: hexOfLast });
    peer.socket.write(frame(2, updateBody("", "", "21")));
    expect(await peer.hearsNotification()).toBe("UPDATE Message Error/Invalid Network Field");
    await peer.closed();
    expect(a.told.routes.at(-1)).toBe("lost");
  });

  test("counts every malformed message, and tells of one a second with its bytes", async () => {
    const clock = new FakeClock();
    const { a, peer } = await established({ clock });
    const bad = frame(2, updateBody("", "c00705 0000000000 400101 07", "10 0a01"));
    peer.socket.write(Buffer.concat(Array(500).fill(bad)));
    await eventually("all are counted", () => a.neighbor(B).updateFaults["treat-as-withdraw"] === 1500);
    const told = () => a.told.events.filter(({ kind }) => kind === "update-fault");
    expect(told()).toMatchObject([{ count: 1, consequence: "treat-as-withdraw", message: formatHex(bad) }]);
    await clock.advance(1000);
    expect(told()).toMatchObject([{ count: 1 }, { count: 499, message: formatHex(bad) }]);
    await clock.advance(5000);
    expect(told().length).toBe(2);
  });

  test.each([
    ["garbage", Uint8Array.from(Buffer.from("GET / HTTP/1.1\r\n\r\n")), "Message Header Error/Connection Not Synchronized"],
    ["an unknown type", Uint8Array.of(...new Uint8Array(16).fill(255), 0, 19, 9), "Message Header Error/Bad Message Type 09"],
    [
      "a length of 5000",
      Uint8Array.of(...new Uint8Array(16).fill(255), 0x13, 0x88),
      "Message Header Error/Bad Message Length 1388",
    ],
    ["a second OPEN", encodeMessage(openOf(B), 4)[0], "Finite State Machine Error/Unexpected Message in Established 01"],
  ])("answers %s", async (_, bytes, name) => {
    const { a, peer } = await established();
    peer.socket.write(bytes);
    expect(await peer.hearsNotification()).toBe(name);
    await peer.closed();
    expect(a.told.routes).toEqual(["lost"]);
  });

  test("sends an OPEN that MetalLB's native speaker takes, and one End-of-RIB; a route refresh is taken in silence", async () => {
    const { a, peer } = await established();
    peer.say({ kind: "route-refresh", family: IPV4_UNICAST, subtype: 0 });
    await peer.hears("update");
    peer.say({ kind: "update", withdrawn: [], announcements: [], endOfRib: IPV4_UNICAST });
    await a.told.until("End-of-RIB", () => a.told.hasEvent("end-of-rib", B));
    expect(peer.received).toEqual([
      openOf(A, {
        capabilities: [
          { name: "multiprotocol", family: IPV4_UNICAST },
          { name: "multiprotocol", family: IPV6_UNICAST },
          { name: "route-refresh" },
          { name: "extended-message" },
          { name: "graceful-restart", restarting: false, notification: true, restartTimeSeconds: 0, families: [] },
          { name: "four-octet-as", asn: 65001 },
          { name: "enhanced-route-refresh" },
        ],
      }),
      keepalive,
      { kind: "update", withdrawn: [], announcements: [], endOfRib: IPV4_UNICAST },
    ]);
    expect(peer.socket.bytesRead).toBe(19 + 40 + 19 + 23);
    expect(a.neighbor(B).messagesReceived["route-refresh"]).toBe(1);
    expect(a.told.updates).toEqual([]);
  });

  test.each([
    ["another AS", openOf(B, { asn: 65099, capabilities: [] }), "OPEN Message Error/Bad Peer AS"],
    ["a hold time of 2", openOf(B, { holdTimeSeconds: 2 }), "OPEN Message Error/Unacceptable Hold Time"],
    ["router id 0", openOf(B, { routerId: 0 }), "OPEN Message Error/Bad BGP Identifier"],
  ])("refuses %s", async (_, open, name) => {
    const a = await start(A);
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, passive: true });
    const peer = dialFrom(B, A, a.port);
    await peer.hears("open");
    peer.say(open);
    expect(await peer.hearsNotification()).toBe(name);
    expect(a.neighbor(B)).toMatchObject({ connectionsEstablished: 0, lastReset: { reason: `sent ${name}` } });
  });

  test("with a peer of two-octet AS numbers", async () => {
    const { a, peer } = await established({}, { capabilities: [] });
    peer.socket.write(
      frame(2, updateBody("", "400101 00 400206 0202 5ba0 0001 400304 0a000002 c0110a 0202 fa56ea00 00000001", "08 0a")),
    );
    await a.told.until("a route", () => a.told.updates.length === 1);
    expect(a.told.updates[0]).toMatchObject({ attributes: { asPath: [{ type: SEGMENT.sequence, asns: [4200000000, 1] }] } });
  });
});

describe("time", () => {
  test("a silent peer is given up after the hold time, and not a moment before", async () => {
    const clock = new FakeClock();
    const { a, peer } = await established({ clock }, { holdTimeSeconds: 9 });
    await clock.advance(8999);
    expect(a.neighbor(B).state).toBe("Established");
    expect(a.neighbor(B).messagesSent.keepalive).toBeGreaterThanOrEqual(3);
    await clock.advance(1);
    expect(await peer.hearsNotification()).toBe("Hold Timer Expired");
    expect(a.told.updates).toEqual([expect.objectContaining({ kind: "lost", reason: "sent Hold Timer Expired" })]);
  });

  test("keepalives keep it up, and go out after a third of the hold time at the latest", async () => {
    const clock = new FakeClock();
    const { a, peer } = await established({ clock }, { holdTimeSeconds: 9 });
    for (let passed = 1; passed <= 10; passed++) {
      const before = a.neighbor(B).messagesReceived.keepalive;
      peer.say(keepalive);
      await eventually("the keepalive arrives", () => a.neighbor(B).messagesReceived.keepalive > before);
      await clock.advance(3000);
      expect(a.neighbor(B).messagesSent.keepalive).toBeGreaterThanOrEqual(passed + 1);
    }
    expect(a.neighbor(B).state).toBe("Established");
  });

  test("a keepalive that lies in the socket counts, although the hold timer has its turn first", async () => {
    const clock = new FakeClock();
    const { a, peer } = await established({ clock }, { holdTimeSeconds: 9 });
    await clock.advance(8999);
    peer.say(keepalive);
    await clock.advance(1);
    expect(a.neighbor(B).state).toBe("Established");
    await clock.advance(9000);
    expect(await peer.hearsNotification()).toBe("Hold Timer Expired");
  });

  test("hold time 0: neither keepalives nor an end", async () => {
    const clock = new FakeClock();
    const { a, peer } = await established({ clock }, { holdTimeSeconds: 0 });
    await clock.advance(10 * 3600 * 1000);
    expect(a.neighbor(B)).toMatchObject({ state: "Established", holdTimeSeconds: 0, messagesSent: { keepalive: 1 } });
    peer.say(announce("10.1.0.0/16"));
    await a.told.until("a route", () => a.told.updates.length === 1);
  });

  test("a storm of a peer that fails each time is bounded: after five failures it is refused for a while", async () => {
    const clock = new FakeClock();
    const a = await start(A, { clock });
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, passive: true });
    const answers: string[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      const peer = dialFrom(B, A, a.port);
      peer.say(openOf(B, { asn: 64999, capabilities: [] }));
      answers.push(await peer.hearsNotification());
      await peer.closed();
    }
    expect(answers).toEqual([...Array(5).fill("OPEN Message Error/Bad Peer AS"), ...Array(3).fill("Cease/Connection Rejected")]);
    expect(a.neighbor(B)).toMatchObject({ state: "Active", damped: false, connectionsRefused: 3 });
    await clock.advance(5000);
    const peer = dialFrom(B, A, a.port);
    peer.say(openOf(B), keepalive);
    await a.told.until("the neighbor is up", () => a.told.hasEvent("session-up", B));
  });

  test("a refused dial is repeated after the connect-retry time, less a quarter at most", async () => {
    const clock = new FakeClock();
    const a = await start(A, { clock, connectRetrySeconds: 100, random: () => 0 });
    const closedPort = await unusedPort(B);
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, port: closedPort, localAddress: A });
    await a.told.until("refused", () => a.told.hasEvent("attempt-failed", B));
    expect(a.neighbor(B)).toMatchObject({
      state: "Active",
      lastReset: { reason: `connect ECONNREFUSED 127.0.1.2:${closedPort}` },
    });
    await clock.advance(74_999);
    expect(a.neighbor(B).state).toBe("Active");
    await clock.advance(1);
    await a.told.until("refused again", () => a.told.hasEvent("attempt-failed", B, 2));
  });
});

async function unusedPort(at: number): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, formatAddress(at), resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof bound === "object" && bound ? bound.port : 0;
}

describe("connections that are not taken", () => {
  test("of a stranger", async () => {
    // With a clock that stands still, only the proper way leads to the end of the connection.
    const a = await start(A, { clock: new FakeClock() });
    const peer = dialFrom(B, A, a.port);
    peer.say(openOf(B), keepalive);
    expect(await peer.hearsNotification()).toBe("Cease/Connection Rejected");
    await peer.closed();
    expect(a.speaker.refusedStrangers()).toBe(1);
    expect(a.told.events).toMatchObject([{ kind: "refused-connection", neighbor: B, reason: "not a neighbor" }]);
  });

  test("of a neighbor whose session is up", async () => {
    const { a, peer } = await established();
    const second = dialFrom(B, A, a.port);
    expect(await second.hearsNotification()).toBe("Cease/Connection Collision Resolution");
    await second.closed();
    expect(a.neighbor(B)).toMatchObject({ state: "Established", connectionsRefused: 1 });
    expect(peer.isClosed).toBe(false);
  });

  test("but a newer one takes the place of one that has got nowhere", async () => {
    const a = await start(A);
    a.speaker.addNeighbor({ address: B, remoteAsn: 65002, passive: true });
    const first = dialFrom(B, A, a.port);
    await first.hears("open");
    const second = dialFrom(B, A, a.port);
    expect(await first.hearsNotification()).toBe("Cease/Connection Collision Resolution");
    second.say(openOf(B), keepalive);
    await a.told.until("up", () => a.told.hasEvent("session-up", B));
  });
});

describe("a neighbor that restarts gracefully", () => {
  const restarts = (more: object = {}): Capability => ({
    name: "graceful-restart",
    restarting: false,
    notification: false,
    restartTimeSeconds: 120,
    families: [{ family: IPV4_UNICAST, forwardingPreserved: true }],
    ...more,
  });
  const capabilities = (...more: Capability[]): Capability[] => [
    ...[IPV4_UNICAST, IPV6_UNICAST].map((family): Capability => ({ name: "multiprotocol", family })),
    { name: "four-octet-as", asn: asnOf[B] },
    ...more,
  ];
  const endOfRib: Message = { kind: "update", withdrawn: [], announcements: [], endOfRib: IPV4_UNICAST };

  /** Up, with two routes, and gone without a word; routes said since then come after "stale". */
  async function gone(capability = restarts(), options: Partial<NeighborOptions> = {}) {
    const clock = new FakeClock();
    const { a, peer } = await established({ clock }, { capabilities: capabilities(capability) }, options);
    peer.say(announce("10.1.0.0/16", "10.2.0.0/16"));
    await a.told.until("routes", () => a.told.routes.length === 1);
    return { a, peer, clock };
  }

  async function comeBack(a: Awaited<ReturnType<typeof start>>, ...more: Capability[]): Promise<HandMade> {
    const ups = a.neighbor(B).connectionsEstablished;
    const peer = dialFrom(B, A, a.port);
    peer.say(openOf(B, { capabilities: capabilities(...more) }), keepalive);
    await a.told.until("up again", () => a.neighbor(B).connectionsEstablished > ups);
    return peer;
  }

  test("keeps its routes in use, and loses at End-of-RIB those that it has not said again", async () => {
    const { a, peer } = await gone();
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    // The other family was not on its list.
    expect(a.told.routes.slice(1)).toEqual(["stale ipv4", "lost ipv6"]);
    expect(a.neighbor(B)).toMatchObject({ state: "Active", staleFamilies: ["ipv4"] });
    expect(a.told.events).toContainEqual(expect.objectContaining({ kind: "routes-kept", families: ["ipv4"], seconds: 120 }));
    const back = await comeBack(a, restarts());
    back.say(announce("10.1.0.0/16"), endOfRib);
    await a.told.until("swept", () => a.told.routes.includes("lost ipv4 stale"));
    expect(a.told.routes.slice(3)).toEqual(["+10.1.0.0/16", "lost ipv4 stale"]);
    const [before, after] = [a.told.updates[0].peer, a.told.updates[3].peer].map(({ epoch = 0 }) => epoch);
    expect(after).toBeGreaterThan(before);
    expect(a.neighbor(B)).toMatchObject({ prefixesReceived: 1, staleFamilies: [] });
    expect(a.told.events.at(-1)).toMatchObject({ kind: "stale-routes-gone", family: "ipv4", reason: "End-of-RIB" });
  });

  test.each<[string, Capability[], string]>([
    [
      "did not keep its forwarding state",
      [restarts({ families: [{ family: IPV4_UNICAST, forwardingPreserved: false }] })],
      "was not preserved",
    ],
    ["does not speak of restarts any more", [], "was not preserved"],
  ])("loses the routes of one that %s", async (_, more, reason) => {
    const { a, peer } = await gone();
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    await comeBack(a, ...more);
    expect(a.told.routes.at(-1)).toBe("lost ipv4 stale");
    expect(a.told.updates.at(-1)).toMatchObject({ reason: expect.stringContaining(reason) });
  });

  test.each<[string, Partial<NeighborOptions>, number]>([
    ["as long as it asked for", {}, 120],
    ["no longer than we want", { restartTimeSeconds: 10 }, 10],
  ])("waits %s", async (_, options, seconds) => {
    const { a, peer, clock } = await gone(restarts(), options);
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    await clock.advance(seconds * 1000 - 1);
    expect(a.told.routes.at(-1)).toBe("lost ipv6");
    await clock.advance(1);
    expect(a.told.updates.at(-1)).toMatchObject({ kind: "lost", staleOnly: true, reason: "the peer did not come back in time" });
  });

  test("gives it stalePathsSeconds to say all again", async () => {
    const { a, peer, clock } = await gone(restarts(), { stalePathsSeconds: 20, holdTimeSeconds: 0 });
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    await clock.advance(119_000);
    await comeBack(a, restarts());
    await clock.advance(19_999);
    expect(a.told.routes.at(-1)).toBe("lost ipv6");
    await clock.advance(1);
    expect(a.told.updates.at(-1)).toMatchObject({ staleOnly: true, reason: "not all was said again in time" });
  });

  test("loses what is stale twice over", async () => {
    const { a, peer } = await gone();
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    const back = await comeBack(a, restarts());
    back.say(announce("10.1.0.0/16"));
    await a.told.until("said again", () => a.told.routes.at(-1) === "+10.1.0.0/16");
    back.socket.resetAndDestroy();
    await a.told.until("stale again", () => a.told.routes.filter((text) => text === "stale ipv4").length === 2);
    expect(a.told.routes.slice(-4)).toEqual(["+10.1.0.0/16", "lost ipv4 stale", "stale ipv4", "lost ipv6"]);
  });

  test.each<[string, Capability, Partial<NeighborOptions>, (peer: HandMade, clock: FakeClock) => unknown, string]>([
    ["a connection that is gone", restarts(), {}, (peer) => peer.socket.resetAndDestroy(), "kept"],
    ["the same, with help switched off", restarts(), { gracefulRestart: "off" }, (peer) => peer.socket.resetAndDestroy(), "lost"],
    ["the same, of a peer that lists no family", restarts({ families: [] }), {}, (peer) => peer.socket.end(), "lost"],
    ["a NOTIFICATION", restarts(), {}, (peer) => peer.say(notification(6, 4)), "lost"],
    ["a NOTIFICATION, under RFC 8538", restarts({ notification: true }), {}, (peer) => peer.say(notification(6, 4)), "kept"],
    ["a Hard Reset", restarts({ notification: true }), {}, (peer) => peer.say(notification(6, 9, 6, 2)), "lost"],
    ["the hold timer", restarts(), {}, (_, clock) => clock.advance(90_000), "lost"],
    ["the hold timer, under RFC 8538", restarts({ notification: true }), {}, (_, clock) => clock.advance(90_000), "kept"],
  ])("after %s", async (_, capability, options, act, wanted) => {
    const { a, peer, clock } = await gone(capability, options);
    await act(peer, clock);
    await a.told.until("the end", () => a.told.hasEvent("session-down", B));
    expect(a.told.routes.slice(1)).toEqual(wanted === "kept" ? ["stale ipv4", "lost ipv6"] : ["lost"]);
  });

  test("ends when we do not want it any more", async () => {
    const { a, peer } = await gone();
    peer.socket.resetAndDestroy();
    await a.told.until("stale", () => a.told.routes.includes("stale ipv4"));
    a.speaker.removeNeighbor(B);
    expect(a.told.routes.at(-1)).toBe("lost");
  });

  test("comes back on a new connection before we know that the old one is gone", async () => {
    const { a, peer } = await gone();
    const back = dialFrom(B, A, a.port);
    back.say(openOf(B, { capabilities: capabilities(restarts()) }), keepalive);
    // What the kernel of a machine that knows nothing of the old connection answers to the KEEPALIVE that asks.
    await peer.hears("keepalive", 2);
    peer.socket.resetAndDestroy();
    await a.told.until("up again", () => a.neighbor(B).connectionsEstablished === 2);
    expect(a.told.routes.slice(1)).toEqual(["stale ipv4", "lost ipv6"]);
    expect(a.neighbor(B).connectionsRefused).toBe(0);
  });

  test("within a session: what is not said again between the marks of a refresh is lost (RFC 7313)", async () => {
    const { a, peer } = await established({}, { capabilities: capabilities({ name: "enhanced-route-refresh" }) });
    peer.say(announce("10.1.0.0/16", "10.2.0.0/16"));
    const mark = (subtype: number): Message => ({ kind: "route-refresh", family: IPV4_UNICAST, subtype });
    peer.say(mark(2), mark(1), announce("10.1.0.0/16"), mark(7), mark(2), mark(2));
    await a.told.until("swept", () => a.told.routes.includes("lost ipv4 stale"));
    expect(a.told.routes).toEqual(["+10.1.0.0/16 +10.2.0.0/16", "stale ipv4", "+10.1.0.0/16", "lost ipv4 stale"]);
    peer.say(mark(0));
    await peer.hears("route-refresh", 2);
    expect(peer.received.slice(-2)).toEqual([mark(1), mark(2)]);
  });
});

describe("collision, with both connections under the test's hand", () => {
  test.each([
    ["ours wins", A, B],
    ["the peer's wins", B, A],
  ] as const)("%s", async (_, local, remote) => {
    // The higher identifier decides, and identifiers are addresses here.
    const accepted: HandMade[] = [];
    const news = new Recorder();
    const server = createServer((socket) => {
      accepted.push(new HandMade(socket));
      news.onEvent({ kind: "attempt-failed", reason: "", neighbor: 0, atMs: 0 });
    });
    await new Promise<void>((resolve) => server.listen(0, formatAddress(remote), resolve));
    cleanUps.push(() => server.close());
    const bound = server.address();
    const us = await start(local);
    us.speaker.addNeighbor({
      address: remote,
      remoteAsn: asnOf[remote],
      port: typeof bound === "object" && bound ? bound.port : 0,
      localAddress: local,
    });
    await news.until("we dialed", () => accepted.length === 1);
    const theirs = dialFrom(remote, local, us.port);
    await Promise.all([accepted[0].hears("open"), theirs.hears("open")]);
    accepted[0].say(openOf(remote));
    await accepted[0].hears("keepalive");
    theirs.say(openOf(remote));
    const [winner, loser] = local > remote ? [accepted[0], theirs] : [theirs, accepted[0]];
    expect(await loser.hearsNotification()).toBe("Cease/Connection Collision Resolution");
    winner.say(keepalive);
    await us.told.until("up", () => us.told.hasEvent("session-up", remote));
    expect(us.neighbor(remote)).toMatchObject({ connectionsEstablished: 1, connectionsDropped: 0 });
  });
});

describe("a change of options", () => {
  const options = (more: Partial<NeighborOptions> = {}): NeighborOptions => ({
    address: B,
    remoteAsn: asnOf[B],
    passive: true,
    ...more,
  });

  test("that the peer need not hear of leaves the session up", async () => {
    const { a } = await established();
    a.speaker.changeNeighbor(options({ description: "n1", connectRetrySeconds: 7, restartTimeSeconds: 1, port: 1179 }));
    expect(a.neighbor(B)).toMatchObject({ state: "Established", description: "n1", connectionsDropped: 0 });
    expect(a.told.routes).toEqual([]);
  });

  test("that it has to hear of ends the session, and says that it is for this", async () => {
    const { a, peer } = await established();
    a.speaker.changeNeighbor(options({ holdTimeSeconds: 30 }));
    expect(await peer.hearsNotification()).toBe("Cease/Other Configuration Change");
    expect(a.told.routes).toEqual(["lost"]);
    const again = dialFrom(B, A, a.port);
    expect(await again.hears("open")).toMatchObject({ holdTimeSeconds: 30 });
  });

  test("shuts the neighbor down with words, keeps it down, and lets it up again", async () => {
    const { a, peer } = await established();
    a.speaker.changeNeighbor(options({ shutdown: "rack 7 moves" }));
    await peer.closed();
    const heard = await peer.hears("notification");
    expect(heard.kind === "notification" && formatNotification(heard.error)).toBe("Cease/Administrative Shutdown (rack 7 moves)");
    expect(a.neighbor(B)).toMatchObject({ state: "Idle", damped: false, shutdown: "rack 7 moves" });
    expect(await dialFrom(B, A, a.port).hearsNotification()).toBe("Cease/Connection Rejected");
    a.speaker.changeNeighbor(options({ description: "still down", shutdown: "rack 7 moves" }));
    expect(a.neighbor(B).state).toBe("Idle");
    a.speaker.changeNeighbor(options());
    const back = dialFrom(B, A, a.port);
    back.say(openOf(B), keepalive);
    await a.told.until("up again", () => a.told.hasEvent("session-up", B, 2));
    expect(a.neighbor(B)).not.toHaveProperty("shutdown");
  });
});

describe("a range of neighbors", () => {
  const C = address("127.0.1.3");
  const range = (more: Partial<RangeOptions> = {}): RangeOptions => ({
    prefix: prefix("127.0.1.0/24"),
    remoteAsn: asnOf[B],
    limit: 1,
    description: "a node",
    ...more,
  });
  const come = async (a: Awaited<ReturnType<typeof start>>, from: number) => {
    const peer = dialFrom(from, A, a.port);
    peer.say(openOf(B, { routerId: from }), keepalive);
    await a.told.until("up", () => a.told.hasEvent("session-up", from));
    return peer;
  };

  test("takes whoever connects from inside, up to its limit, and forgets who is gone", async () => {
    const clock = new FakeClock();
    const a = await start(A, { clock });
    a.speaker.addRange(range());
    const peer = await come(a, B);
    expect(a.speaker.neighbors()).toMatchObject([{ address: B, description: "a node", range: range().prefix, passive: true }]);
    expect(await dialFrom(C, A, a.port).hearsNotification()).toBe("Cease/Connection Rejected");
    expect(a.told.events.at(-1)).toMatchObject({ neighbor: C, reason: "its range has 1 neighbors already" });
    peer.socket.resetAndDestroy();
    await a.told.until("gone", () => a.told.hasEvent("session-down", B));
    await clock.advance(4999);
    expect(a.speaker.neighbors()).toMatchObject([{ address: B, state: "Active" }]);
    await clock.advance(1);
    expect(a.speaker.neighbors()).toEqual([]);
    await come(a, C);
  });

  test("keeps who comes back in time", async () => {
    const clock = new FakeClock();
    const a = await start(A, { clock });
    a.speaker.addRange(range());
    (await come(a, B)).socket.resetAndDestroy();
    await a.told.until("gone", () => a.told.hasEvent("session-down", B));
    dialFrom(B, A, a.port).say(openOf(B), keepalive);
    await a.told.until("back", () => a.told.hasEvent("session-up", B, 2));
    await clock.advance(5000);
    expect(a.neighbor(B)).toMatchObject({ state: "Established", connectionsEstablished: 2 });
  });

  test("goes with its members; who is named is none; the longest range decides", async () => {
    const a = await start(A);
    a.speaker.addRange(range({ limit: 2 }));
    a.speaker.addRange(range({ prefix: prefix("127.0.1.3/32"), description: "the third" }));
    const [b, c] = [await come(a, B), await come(a, C)];
    expect(a.neighbor(C).description).toBe("the third");
    a.speaker.addNeighbor({ address: B, remoteAsn: asnOf[B], passive: true, description: "named" });
    expect(await b.hearsNotification()).toBe("Cease/Other Configuration Change");
    a.speaker.removeRange(prefix("127.0.1.3/32"));
    expect(await c.hearsNotification()).toBe("Cease/Peer De-configured");
    a.speaker.removeRange(prefix("127.0.1.0/24"));
    expect(a.speaker.neighbors()).toMatchObject([{ address: B, description: "named" }]);
  });
});

describe("a speaker", () => {
  test("says what is wrong with a neighbor's options", async () => {
    const { speaker } = recordedSpeaker({ asn: 65001, routerId: A });
    speaker.addNeighbor({ address: B, remoteAsn: 65002 });
    expect(() => speaker.addNeighbor({ address: B, remoteAsn: 65002 })).toThrow("Neighbor 127.0.1.2 is there already");
    const refused = (options: object) => expect(() => speaker.addNeighbor({ address: A, remoteAsn: 1, ...options }));
    refused({ holdTimeSeconds: 2 }).toThrow("Neighbor 127.0.1.1 has a hold time (seconds) of 2: 0 or 3 to 65535 wanted");
    refused({ holdTimeSeconds: 65536 }).toThrow("hold time");
    refused({ connectRetrySeconds: 0 }).toThrow("connect-retry time (seconds) of 0: 1 to 65535 wanted");
    refused({ port: 65536 }).toThrow("port of 65536: 1 to 65535 wanted");
    expect(speaker.neighbors()).toMatchObject([{ address: B, state: "Idle", damped: false }]);
  });

  test("cannot start where somebody listens", async () => {
    const a = await start(A);
    const { speaker } = recordedSpeaker({ asn: 65001, routerId: A, listen: { address: A, port: a.port } });
    await expect(speaker.start()).rejects.toThrow(/cannot bind.*Address already in use/);
  });

  test("stops within its time even if a peer does not close", async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      cleanUps.push(() => socket.destroy());
      socket.on("error", () => undefined);
      socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, formatAddress(B), resolve));
    cleanUps.push(() => server.close());
    const bound = server.address();
    const a = await start(A);
    a.speaker.addNeighbor({
      address: B,
      remoteAsn: 65002,
      localAddress: A,
      port: typeof bound === "object" && bound ? bound.port : 0,
    });
    const sent = new Promise((resolve) => server.once("connection", resolve));
    await sent;
    await a.speaker.stop();
    expect(a.neighbor(B).state).toBe("Idle");
  });
});

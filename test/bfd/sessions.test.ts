/** Which session a packet is for (RFC 5880 6.8.6), and what becomes of those that are configured otherwise; on a fake clock. */
import { describe, expect, it } from "vitest";
import type { BfdTimers } from "#src/bfd/machine.ts";
import { type ControlPacket, decodeControl, encodeControl } from "#src/bfd/packet.ts";
import { type Arrival, type BfdChange, type BfdPeer, Sessions } from "#src/bfd/sessions.ts";
import { seededRandom } from "#src/net/random.ts";

const TIMERS: BfdTimers = { minTxMs: 10, minRxMs: 10, multiplier: 3, minEchoRxMs: 0, passive: false };
const PEER = 0x0a000002;
const OTHER = 0x0a000003;
const peer = (more: Partial<BfdPeer> = {}): BfdPeer => ({
  address: PEER,
  multihop: false,
  minimumTtl: 255,
  timers: TIMERS,
  ...more,
});

function makeSessions() {
  let nowMs = 0;
  const sent: { readonly to: BfdPeer; readonly packet: ControlPacket }[] = [];
  const changes: BfdChange[] = [];
  const ended: BfdPeer[] = [];
  const sessions = new Sessions({
    clock: { nowMs: () => nowMs },
    random: seededRandom(1),
    onEnd: (one) => void ended.push(one),
    onChange: (change) => void changes.push(change),
    send(to, bytes) {
      const decoded = decodeControl(bytes);
      if ("drop" in decoded) throw new Error(`sent what we would drop for its ${decoded.drop}`);
      sent.push({ to, packet: decoded.packet });
    },
  });
  const hear = (more: Partial<ControlPacket> = {}, arrival: Partial<Arrival> = {}): void =>
    sessions.receive({
      bytes: encodeControl({
        ...{ diagnostic: 0, state: "Down", poll: false, final: false, independent: false, demand: false, multiplier: 3 },
        ...{ myDiscriminator: 99, yourDiscriminator: 0 },
        ...{ desiredMinTxUs: 10_000, requiredMinRxUs: 10_000, requiredMinEchoRxUs: 0 },
        ...more,
      }),
      ...{ source: PEER, ttl: 255, multihop: false },
      ...arrival,
    });
  /** Lets time pass in steps that no deadline outruns. */
  const advance = (ms: number): void => {
    for (const endMs = nowMs + ms; ; ) {
      const next = sessions.tick();
      if (next > endMs) {
        nowMs = endMs;
        return void sessions.tick();
      }
      nowMs = Math.max(nowMs, next);
    }
  };
  /** And what we polled for is settled. */
  const up = (): void => {
    hear();
    const yourDiscriminator = sessions.views()[0].discriminator;
    hear({ state: "Up", yourDiscriminator });
    hear({ state: "Up", yourDiscriminator, final: true });
  };
  return { sessions, sent, changes, ended, hear, advance, up };
}

describe("a packet", () => {
  it("without our discriminator is for the session of its source, with it for that one, and counted if for none", () => {
    const { sessions, hear } = makeSessions();
    sessions.configure([peer()]);
    hear({}, { source: OTHER });
    expect(sessions.drops["unknown-session"]).toBe(1);
    hear();
    const { discriminator, state } = sessions.views()[0];
    expect(state).toBe("Init");
    hear({ state: "Up", yourDiscriminator: discriminator ^ 1 });
    expect([sessions.drops["unknown-session"], sessions.views()[0].state]).toEqual([2, "Init"]);
    hear({ state: "Up", yourDiscriminator: discriminator });
    expect(sessions.views()[0]).toMatchObject({ state: "Up", received: 2, timesUp: 1, remote: { discriminator: 99 } });
  });

  it("is no better for a discriminator that is right, from elsewhere, from too far, or on the wrong port", () => {
    const { sessions, hear, up } = makeSessions();
    sessions.configure([peer()]);
    up();
    const yourDiscriminator = sessions.views()[0].discriminator;
    hear({ state: "Down", yourDiscriminator }, { source: OTHER });
    hear({ state: "Down", yourDiscriminator }, { ttl: 254 });
    hear({ state: "Down", yourDiscriminator }, { multihop: true });
    expect(sessions.drops).toMatchObject({ "unknown-session": 2, ttl: 1 });
    expect(sessions.views()[0].state).toBe("Up");
  });

  it("over many hops may have traveled as far as was said", () => {
    const { sessions, hear } = makeSessions();
    sessions.configure([peer({ multihop: true, minimumTtl: 250 })]);
    hear({}, { multihop: true, ttl: 249 });
    expect([sessions.drops.ttl, sessions.views()[0].state]).toEqual([1, "Down"]);
    hear({}, { multihop: true, ttl: 250 });
    expect(sessions.views()[0].state).toBe("Init");
  });

  it("that is wrong by itself is counted by what is wrong", () => {
    const { sessions } = makeSessions();
    sessions.receive({ bytes: new Uint8Array(3), source: PEER, ttl: 255, multihop: false });
    sessions.receive({ bytes: new Uint8Array(24), source: PEER, ttl: 255, multihop: false });
    expect(sessions.drops).toMatchObject({ length: 1, version: 1 });
  });
});

describe("a configuration", () => {
  it("makes sessions that speak within a second, each with a discriminator of its own", () => {
    const { sessions, sent, advance } = makeSessions();
    sessions.configure([peer(), peer({ address: OTHER })]);
    advance(1);
    expect(sent.map(({ to }) => to.address)).toEqual([PEER, OTHER]);
    advance(1000);
    expect(sent.length).toBeGreaterThanOrEqual(4);
    expect(new Set(sent.map(({ packet }) => packet.myDiscriminator)).size).toBe(2);
  });

  it("changes timers in the session that there is", () => {
    const { sessions, sent, changes, up } = makeSessions();
    sessions.configure([peer()]);
    up();
    const { discriminator } = sessions.views()[0];
    const told = changes.length;
    sessions.configure([peer({ timers: { ...TIMERS, minTxMs: 50 } })]);
    expect(sessions.views()[0]).toMatchObject({ discriminator, state: "Up" });
    expect(sent.at(-1)?.packet).toMatchObject({ poll: true, desiredMinTxUs: 50_000 });
    sessions.configure([peer({ timers: { ...TIMERS, minTxMs: 50 } })]);
    expect(changes.length).toBe(told);
  });

  it("begins anew where the path is another", () => {
    const { sessions, sent, ended, up } = makeSessions();
    sessions.configure([peer()]);
    up();
    const { discriminator } = sessions.views()[0];
    sessions.configure([peer({ multihop: true, minimumTtl: 254 })]);
    expect(sent.at(-1)?.packet.state).toBe("AdminDown");
    expect(ended).toHaveLength(1);
    expect(sessions.views()).toMatchObject([{ multihop: true, state: "Down" }]);
    expect(sessions.views()[0].discriminator).not.toBe(discriminator);
  });

  it("says AdminDown of one that goes until the peer must have heard, and then forgets it", () => {
    const { sessions, sent, changes, ended, advance, up } = makeSessions();
    sessions.configure([peer()]);
    up();
    sessions.configure([]);
    expect(sessions.views()).toEqual([]);
    expect(changes.at(-1)).toMatchObject({ from: "Up", to: "AdminDown", diagnostic: 7 });
    const before = sent.length;
    advance(2900);
    expect(sent.slice(before).map(({ packet }) => packet.state)).toEqual(Array(sent.length - before).fill("AdminDown"));
    expect([sent.length - before > 1, ended]).toEqual([true, []]);
    advance(200);
    expect(ended).toHaveLength(1);
    expect(sessions.tick()).toBe(Number.POSITIVE_INFINITY);
  });

  it("may want back one that is going", () => {
    const { sessions, sent, advance, up } = makeSessions();
    sessions.configure([peer()]);
    up();
    sessions.configure([]);
    sessions.configure([peer()]);
    advance(1);
    expect(sessions.views()).toMatchObject([{ state: "Down" }]);
    expect(sent.at(-1)?.packet).toMatchObject({ state: "Down", yourDiscriminator: 0 });
  });
});

describe("a loss", () => {
  it("is told with how long the peer was silent, and how long it might have been", () => {
    const { sessions, changes, advance, up } = makeSessions();
    sessions.configure([peer()]);
    up();
    advance(100);
    expect(changes.at(-1)).toMatchObject({ from: "Up", to: "Down", diagnostic: 1, detectionTimeMs: 30 });
    expect(changes.at(-1)?.silentMs).toBe(30);
    expect(sessions.views()[0]).toMatchObject({ timesDown: 1, state: "Down", sinceMs: 30 });
  });
});

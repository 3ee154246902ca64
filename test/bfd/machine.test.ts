/** Section by section of RFC 5880 6.8, and two machines on a wire that loses and delays. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BfdTimers,
  beginSession,
  deadlineMs,
  detectionTimeMs,
  type SessionState,
  step,
  transmitIntervalMs,
} from "#src/bfd/machine.ts";
import { type ControlPacket, STATES, type State } from "#src/bfd/packet.ts";
import { seededRandom } from "#src/net/random.ts";

const TIMERS: BfdTimers = { minTxMs: 10, minRxMs: 20, multiplier: 3, minEchoRxMs: 0, passive: false };
const OURS = 7;
const THEIRS = 9;
const random = seededRandom(1);

const packet = (more: Partial<ControlPacket> = {}): ControlPacket => ({
  diagnostic: 0,
  state: "Down",
  poll: false,
  final: false,
  independent: false,
  demand: false,
  multiplier: 5,
  myDiscriminator: THEIRS,
  yourDiscriminator: OURS,
  desiredMinTxUs: 40_000,
  requiredMinRxUs: 30_000,
  requiredMinEchoRxUs: 0,
  ...more,
});

const hear = (session: SessionState, more: Partial<ControlPacket>, nowMs: number) =>
  step(session, { kind: "packet", packet: packet(more) }, nowMs, random);
const wait = (session: SessionState, nowMs: number) => step(session, { kind: "time" }, nowMs, random);

/** A session in the state, at time 0; Up is polled and settled. */
function sessionIn(state: State, timers: BfdTimers = TIMERS): SessionState {
  const fresh = wait(beginSession(timers, OURS, 0), 0).session;
  if (state === "Down") return fresh;
  if (state === "AdminDown") return step(fresh, { kind: "disable" }, 0, random).session;
  const init = hear(fresh, { state: "Down", yourDiscriminator: 0 }, 0).session;
  if (state === "Init") return init;
  const up = hear(init, { state: "Up" }, 0).session;
  return hear(up, { state: "Up", final: true }, 0).session;
}

describe("what a received state makes of ours (6.8.6)", () => {
  const expected: Record<State, Record<State, readonly [State, number]>> = {
    AdminDown: { AdminDown: ["AdminDown", 7], Down: ["AdminDown", 7], Init: ["AdminDown", 7], Up: ["AdminDown", 7] },
    Down: { AdminDown: ["Down", 0], Down: ["Init", 0], Init: ["Up", 0], Up: ["Down", 0] },
    Init: { AdminDown: ["Down", 3], Down: ["Init", 0], Init: ["Up", 0], Up: ["Up", 0] },
    Up: { AdminDown: ["Down", 3], Down: ["Down", 3], Init: ["Up", 0], Up: ["Up", 0] },
  };
  it.each(STATES.flatMap((ours) => STATES.map((theirs) => [ours, theirs] as const)))("%s hears %s", (ours, theirs) => {
    const { state, diagnostic } = hear(sessionIn(ours), { state: theirs }, 1).session;
    expect([state, diagnostic]).toEqual(expected[ours][theirs]);
  });

  it("a change is told at once, whatever the interval", () => {
    const { packets } = hear(sessionIn("Down"), { state: "Down", yourDiscriminator: 0 }, 1);
    expect(packets).toMatchObject([{ state: "Init", myDiscriminator: OURS, yourDiscriminator: THEIRS }]);
    expect(hear(sessionIn("Up"), { state: "Up" }, 0.001).packets).toEqual([]);
  });
});

describe("silence (6.8.4)", () => {
  it("may last the peer's multiplier times the slower of what it sends and we take", () => {
    expect(detectionTimeMs(sessionIn("Up"))).toBe(5 * 40);
    expect(detectionTimeMs(hear(sessionIn("Up"), { state: "Up", desiredMinTxUs: 1 }, 0).session)).toBe(5 * 20);
    expect(detectionTimeMs(sessionIn("Down"))).toBe(Number.POSITIVE_INFINITY);
  });

  it.each(["Init", "Up"] as const)("ends %s when it is over and no sooner, and is told", (state) => {
    const session = sessionIn(state);
    expect(wait(session, 199.9).session.state).toBe(state);
    const { session: down, packets } = wait(session, 200);
    expect(down).toMatchObject({ state: "Down", diagnostic: 1, remote: { discriminator: 0 } });
    expect(packets).toMatchObject([{ state: "Down", diagnostic: 1, yourDiscriminator: 0 }]);
  });

  it("counts from the last packet, and no deadline lies beyond it", () => {
    const session = hear(sessionIn("Up"), { state: "Up" }, 100).session;
    expect(wait(session, 299).session.state).toBe("Up");
    expect(deadlineMs(session)).toBeLessThanOrEqual(300);
    expect(wait(session, 300).session.state).toBe("Down");
  });
});

describe("sending (6.8.3, 6.8.7)", () => {
  it("is once a second at the most until the session is Up", () => {
    expect(transmitIntervalMs(sessionIn("Down"))).toBe(1000);
    expect(transmitIntervalMs(sessionIn("Init"))).toBe(1000);
    expect(transmitIntervalMs(sessionIn("Down", { ...TIMERS, minTxMs: 3000 }))).toBe(3000);
    expect(transmitIntervalMs(sessionIn("Up"))).toBe(30);
  });

  it.each([
    [3, 0.75, 1],
    [1, 0.75, 0.9],
  ])("with a multiplier of %i is spread from %d to %d of the interval", (multiplier, least, most) => {
    const intervals = Array.from({ length: 500 }, () => {
      const { session } = wait(sessionIn("Up", { ...TIMERS, multiplier }), 50);
      return (session.transmitAtMs - session.sentAtMs) / 30;
    });
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(least);
    expect(Math.min(...intervals)).toBeLessThan(least + 0.02);
    expect(Math.max(...intervals)).toBeLessThanOrEqual(most);
    expect(Math.max(...intervals)).toBeGreaterThan(most - 0.02);
  });

  it("is not done for a peer that takes nothing, nor, until it asks, for one in demand mode", () => {
    expect(transmitIntervalMs(hear(sessionIn("Up"), { state: "Up", requiredMinRxUs: 0 }, 0).session)).toBe(
      Number.POSITIVE_INFINITY,
    );
    const demanded = hear(sessionIn("Up"), { state: "Up", demand: true }, 0).session;
    expect(transmitIntervalMs(demanded)).toBe(Number.POSITIVE_INFINITY);
    expect(hear(demanded, { state: "Up", demand: true, poll: true }, 1).packets).toMatchObject([{ final: true }]);
    const polling = step(demanded, { kind: "configure", timers: { ...TIMERS, minRxMs: 50 } }, 1, random);
    expect(polling.packets).toMatchObject([{ poll: true }]);
    expect(transmitIntervalMs(polling.session)).toBe(30);
    expect(transmitIntervalMs(hear(demanded, { state: "Up" }, 2).session)).toBe(30);
  });

  it("is not begun by a passive side, which answers", () => {
    const passive = beginSession({ ...TIMERS, passive: true }, OURS, 0);
    const silent = wait(passive, 0);
    expect([silent.packets, deadlineMs(silent.session)]).toEqual([[], Number.POSITIVE_INFINITY]);
    const answer = hear(silent.session, { state: "Down", yourDiscriminator: 0 }, 5000);
    expect(answer.packets).toMatchObject([{ state: "Init" }]);
    const up = hear(answer.session, { state: "Up" }, 5001).session;
    expect(wait(up, 9000).packets).toEqual([]);
  });

  it("becomes faster from the packet before on when the peer takes more", () => {
    const slow = wait(hear(sessionIn("Up"), { state: "Up", requiredMinRxUs: 10_000_000 }, 0).session, 40).session;
    expect(slow.transmitAtMs - slow.sentAtMs).toBeGreaterThan(7000);
    const fast = hear(slow, { state: "Up", requiredMinRxUs: 30_000 }, 41).session;
    expect(fast.transmitAtMs - fast.sentAtMs).toBeLessThanOrEqual(30);
  });
});

describe("polls (6.5)", () => {
  it("are answered at once with F and without P, also while we poll", () => {
    expect(hear(sessionIn("Up"), { state: "Up", poll: true }, 0.001).packets).toMatchObject([{ final: true, poll: false }]);
    const polling = hear(sessionIn("Init"), { state: "Up" }, 0).session;
    expect(polling.polling).toBe(true);
    expect(hear(polling, { state: "Up", poll: true }, 0.001).packets).toMatchObject([{ final: true, poll: false }]);
  });

  it("go out with each packet from the moment that we are Up until F comes", () => {
    const up = hear(sessionIn("Init"), { state: "Init" }, 0);
    expect(up.packets).toMatchObject([{ state: "Up", poll: true, desiredMinTxUs: 10_000 }]);
    expect(wait(up.session, 50).packets).toMatchObject([{ poll: true }]);
    const settled = hear(up.session, { state: "Up", final: true }, 60).session;
    expect(wait(settled, 100).packets).toMatchObject([{ poll: false }]);
  });

  it("precede what could look like a loss: slower sending and shorter patience wait for F, the rest does not", () => {
    const slower = step(sessionIn("Up"), { kind: "configure", timers: { ...TIMERS, minTxMs: 500, minRxMs: 100 } }, 1, random);
    expect(slower.packets).toMatchObject([{ poll: true, desiredMinTxUs: 500_000, requiredMinRxUs: 100_000 }]);
    expect([transmitIntervalMs(slower.session), detectionTimeMs(slower.session)]).toEqual([30, 5 * 100]);
    const settled = hear(slower.session, { state: "Up", final: true }, 2).session;
    expect(transmitIntervalMs(settled)).toBe(500);

    const shorter = step(settled, { kind: "configure", timers: { ...TIMERS, minRxMs: 10 } }, 3, random).session;
    expect([transmitIntervalMs(shorter), detectionTimeMs(shorter)]).toEqual([30, 5 * 100]);
    expect(detectionTimeMs(hear(shorter, { state: "Up", final: true }, 4).session)).toBe(5 * 40);
  });

  it("are not needed where nobody is Up", () => {
    const session = step(sessionIn("Down"), { kind: "configure", timers: { ...TIMERS, minTxMs: 5000 } }, 1, random).session;
    expect([session.polling, transmitIntervalMs(session)]).toEqual([false, 5000]);
  });
});

describe("switching it off (6.8.16)", () => {
  it("is said at once, and nothing is heard any more", () => {
    const off = step(sessionIn("Up"), { kind: "disable" }, 1, random);
    expect(off.packets).toMatchObject([{ state: "AdminDown", diagnostic: 7 }]);
    expect(hear(off.session, { state: "Init", poll: true }, 2)).toEqual({ session: off.session, packets: [] });
    expect(wait(off.session, 1002).packets).toMatchObject([{ state: "AdminDown" }]);
  });
});

/** Two machines; what one says reaches the other after `delayMs`, unless `loses` says so. Time moves from event to event. */
function simulate(timers: readonly [BfdTimers, BfdTimers], delayMs: number, loses: (atMs: number) => boolean, untilMs: number) {
  const chance = seededRandom(3);
  const sides = timers.map((one, i) => beginSession(one, i + 1, 0));
  const wire: { atMs: number; to: number; packet: ControlPacket }[] = [];
  const log: { atMs: number; side: number; state: State }[] = [];
  const feed = (side: number, event: Parameters<typeof step>[1], nowMs: number): void => {
    const before = sides[side];
    const { session, packets } = step(before, event, nowMs, chance);
    sides[side] = session;
    if (session.state !== before.state) log.push({ atMs: nowMs, side, state: session.state });
    for (const one of packets) if (!loses(nowMs)) wire.push({ atMs: nowMs + delayMs, to: 1 - side, packet: one });
  };
  for (let nowMs = 0; nowMs < untilMs; ) {
    const due = wire.findIndex(({ atMs }) => atMs <= nowMs);
    if (due >= 0) {
      const [{ to, packet: one }] = wire.splice(due, 1);
      feed(to, { kind: "packet", packet: one }, nowMs);
      continue;
    }
    for (const side of [0, 1]) if (deadlineMs(sides[side]) <= nowMs) feed(side, { kind: "time" }, nowMs);
    nowMs = Math.min(...wire.map(({ atMs }) => atMs), ...sides.map(deadlineMs), untilMs);
  }
  return { sides, log };
}

describe("two sides", () => {
  const anyTimers = fc.record({
    minTxMs: fc.integer({ min: 10, max: 1500 }),
    minRxMs: fc.integer({ min: 10, max: 1500 }),
    multiplier: fc.integer({ min: 2, max: 5 }),
    minEchoRxMs: fc.constant(0),
    passive: fc.boolean(),
  });

  it("come up, settle, and raise no false alarm, whatever their timers, unless both are passive", () => {
    fc.assert(
      fc.property(anyTimers, anyTimers, fc.integer({ min: 0, max: 5 }), (a, b, delayMs) => {
        fc.pre(!(a.passive && b.passive));
        const { sides, log } = simulate([a, b], delayMs, () => false, 20_000);
        expect(sides.map(({ state, polling }) => [state, polling])).toEqual([
          ["Up", false],
          ["Up", false],
        ]);
        expect(log.filter(({ state }) => state === "Down")).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("both find out within the detection time when the wire is cut, and come back after it", () => {
    fc.assert(
      fc.property(anyTimers, anyTimers, (a, b) => {
        fc.pre(!(a.passive && b.passive));
        const [cutMs, mendedMs] = [20_000, 40_000];
        const { sides, log } = simulate([a, b], 1, (atMs) => atMs >= cutMs && atMs < mendedMs, 70_000);
        for (const side of [0, 1]) {
          const [down, ...more] = log.filter((entry) => entry.side === side && entry.state === "Down" && entry.atMs >= cutMs);
          const [ours, theirs] = side === 0 ? [a, b] : [b, a];
          const detectionMs = theirs.multiplier * Math.max(ours.minRxMs, theirs.minTxMs);
          expect(down.atMs).toBeGreaterThan(cutMs);
          expect(down.atMs).toBeLessThanOrEqual(cutMs + 1 + detectionMs);
          expect(more.filter(({ atMs }) => atMs < mendedMs)).toEqual([]);
        }
        expect(sides.map(({ state }) => state)).toEqual(["Up", "Up"]);
      }),
      { numRuns: 40 },
    );
  });
});

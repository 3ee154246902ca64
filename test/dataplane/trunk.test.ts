import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shareInterfaces } from "#src/dataplane/trunk.ts";
import { vlanStack } from "#src/dataplane/vlan.ts";
import { FaultyPort } from "#src/port/fault.ts";
import { createFaultMemory } from "#src/port/fault-rule.ts";
import { createSlots, placeFrame } from "#src/port/frame-slots.ts";
import { NO_COUNTERS, type Port } from "#src/port/port.ts";
import { setSharedValue } from "#src/port/shared-value.ts";
import { makePacket, tagFrame } from "./packets.ts";

const PLACES = [
  { interface: "trunk0", vlans: vlanStack(10) },
  { interface: "other0", vlans: 0 },
  { interface: "trunk0", vlans: 0 },
  { interface: "trunk0", vlans: vlanStack(20, 7) },
] as const;
const RECEIVER = 0;
const [TEN, OTHER, PLAIN, TWICE] = PLACES.keys();

/** What is on the wire, and whose it is: a stranger is the first one's, which drops it. */
const KINDS = [
  { tags: [{ id: 10 }], vlanTci: 0, owner: TEN },
  { tags: [], vlanTci: 0x8100000a, owner: TEN },
  { tags: [{ id: 99 }], vlanTci: 0, owner: TEN },
  { tags: [{ id: 7 }], vlanTci: 0x88a80014, owner: TWICE },
  { tags: [{ type: 0x88a8, id: 20 }, { id: 7 }], vlanTci: 0, owner: TWICE },
  { tags: [], vlanTci: 0x88a80014, owner: TEN },
  { tags: [], vlanTci: 0, owner: PLAIN },
  { tags: [], vlanTci: 0x81006000, owner: PLAIN },
  { tags: [{ id: 1 }, { id: 2 }, { id: 3 }], vlanTci: 0, owner: TEN },
];

interface Sent {
  readonly kind: number;
  readonly mark: number;
}

/** A port over nothing: `queue` is what comes, a batch at a time. */
function makePort(name: string) {
  let batch = createSlots();
  const queue: Sent[][] = [];
  const asked: number[] = [];
  const port: Port = {
    name,
    get batch() {
      return batch;
    },
    receive() {
      const frames = queue.shift() ?? [];
      batch.count = 0;
      for (const { kind, mark } of frames) {
        const { tags, vlanTci } = KINDS[kind];
        placeFrame(batch, batch.count++, { bytes: tagFrame(makePacket({ sourcePort: mark }), ...tags), vlanTci });
      }
      asked.push(frames.length);
      return batch.count;
    },
    transmit: () => 0,
    counters: () => ({ ...NO_COUNTERS, receivedFrames: 1e6, transmittedFrames: 3, receiveDrops: name === "trunk0" ? 5 : 0 }),
    close() {},
  };
  const renew = (): void => {
    batch = createSlots();
  };
  return { port, queue, asked, renew };
}

const makeTrunk = () => {
  const inner = PLACES.map(({ interface: name }) => makePort(name));
  return {
    inner,
    ports: shareInterfaces(
      inner.map(({ port }) => port),
      PLACES,
    ),
  };
};

/** The marks of what a port is handed. */
function take(port: Port): number[] {
  const count = port.receive();
  const { bytes, rows } = port.batch;
  return Array.from({ length: count }, (_, i) => {
    const [offset, length] = rows.subarray(i * 8);
    const frame = Buffer.from(bytes.subarray(offset, offset + length));
    return frame.readUInt16BE(length - 28);
  });
}

describe("ports of one interface", () => {
  it("are handed each frame once, whose tags they have, in order, whoever asks when", () => {
    const batches = fc.array(fc.array(fc.nat(KINDS.length - 1), { maxLength: 64 }), { maxLength: 6 });
    const turns = fc.array(fc.constantFrom(TEN, PLAIN, TWICE), { maxLength: 30 });
    fc.assert(
      fc.property(batches, turns, (kinds, order) => {
        const { inner, ports } = makeTrunk();
        let mark = 0;
        const sent = kinds.map((batch) => batch.map((kind): Sent => ({ kind, mark: mark++ })));
        inner[RECEIVER].queue.push(...sent);
        const taken = new Map<number, number[]>(PLACES.map((_, port) => [port, []]));
        const rounds = Array.from({ length: kinds.length + 1 }, () => [TEN, PLAIN, TWICE]).flat();
        for (const port of [...order, ...rounds]) taken.get(port)?.push(...take(ports[port]));
        for (const port of [TEN, PLAIN, TWICE]) {
          const own = sent.flat().filter(({ kind }) => KINDS[kind].owner === port);
          expect(taken.get(port)).toEqual(own.map((one) => one.mark));
          expect(ports[port].counters().receivedFrames).toBe(own.length);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("leave the wire alone while somebody's frames wait, whose memory would be given back", () => {
    const { inner, ports } = makeTrunk();
    const { queue, asked } = inner[RECEIVER];
    queue.push([{ kind: 6, mark: 1 }], [{ kind: 0, mark: 2 }]);
    expect([take(ports[TEN]), take(ports[TEN]), take(ports[TWICE])]).toEqual([[], [], []]);
    expect(asked).toEqual([1]);
    expect([take(ports[PLAIN]), take(ports[TEN])]).toEqual([[1], [2]]);
    expect(asked).toEqual([1, 1]);
  });

  it("keep nothing of an interface that was closed and opened anew", () => {
    const { inner, ports } = makeTrunk();
    const { queue, renew } = inner[RECEIVER];
    queue.push([{ kind: 6, mark: 1 }]);
    expect(take(ports[TEN])).toEqual([]);
    renew();
    queue.push([{ kind: 6, mark: 2 }]);
    expect(take(ports[PLAIN])).toEqual([2]);
    expect(ports[PLAIN].batch.bytes).toBe(inner[RECEIVER].port.batch.bytes);
    expect(ports[PLAIN].counters().receivedFrames).toBe(1);
  });

  it("have no less when frames of one of them are delayed", () => {
    const { inner, ports } = makeTrunk();
    const { queue } = inner[RECEIVER];
    const memory = createFaultMemory(1);
    const none = { losePct: 0, corruptPct: 0, duplicatePct: 0, reorderPct: 0, jitterMs: 0 };
    setSharedValue(memory.rules, [{ id: "1", direction: "in", seed: 1, ...none, delayMs: 1 }]);
    let now = 0;
    const delayed = new FaultyPort({ port: ports[TEN], memory, index: 0, dropReason: 1, nowMs: () => now });
    const taken = { delayed: 0, plain: 0 };
    for (let breath = 0; breath < 100; breath++, now += 0.05) {
      queue.push(Array.from({ length: 64 }, (_, i) => ({ kind: i % 2 ? 0 : 6, mark: i })));
      taken.delayed += delayed.receive();
      taken.plain += ports[PLAIN].receive();
    }
    expect(taken.plain).toBe(100 * 32);
    // But for those of the last millisecond.
    expect(taken.delayed).toBeGreaterThanOrEqual((100 - 22) * 32);
  });

  it("count what they send each; what the interface lost is the first one's", () => {
    const { ports } = makeTrunk();
    expect(ports[TEN].counters()).toMatchObject({ receivedFrames: 0, transmittedFrames: 3, receiveDrops: 5 });
    expect(ports[PLAIN].counters()).toMatchObject({ receivedFrames: 0, transmittedFrames: 3 });
  });

  it("are what they were where an interface is one port", () => {
    const { inner, ports } = makeTrunk();
    expect(ports[OTHER]).toBe(inner[OTHER].port);
  });
});

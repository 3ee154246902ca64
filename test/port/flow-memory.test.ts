/**
 * Our side of the memory of carried flows, over memory that is shared with nobody. What is entered where is held against a slow twin,
 * which has flows by their names in sets of four and computes its hash in whole numbers of any size.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ENTRY, HOP_BYTES, LANE_ROW, LOCKED, layOutFlows, PORT_COUNTS, PROCESSOR_ROW, ROW_BYTES } from "#src/port/flow-layout.ts";
import { createFlowMemory } from "#src/port/flow-memory.ts";
import { makePacket, makePacket6, tagFrame } from "../dataplane/packets.ts";

const SIZE = { ports: 4, processors: 3, lanes: 2, nextHops: 8, flows: 32, seed: 0x9abcdef1, ringSlots: 8192 };
const LAYOUT = layOutFlows(SIZE);
const SETS = SIZE.flows / 4;
const IDLE_SECONDS = 2;
/** In front of frames. */
const ROOM = 7;

interface Flow {
  readonly isIpv6: boolean;
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly ingress: number;
}

interface Decision {
  readonly egress: number;
  readonly nextHop: number;
  readonly lane: number;
  readonly to: string;
}

interface Entry extends Decision {
  readonly generation: number;
  readonly flow: string;
  readonly after: number;
  used: number;
}

const ICMP: Readonly<Record<number, readonly number[]>> = { 1: [8, 0], 58: [128, 129] };

function frameOf(flow: Flow, to: string): Buffer {
  const frame = (flow.isIpv6 ? makePacket6 : makePacket)({ ...flow, to });
  const types = ICMP[flow.protocol];
  // Request or reply, as its first byte.
  if (types) frame[flow.isIpv6 ? 54 : 34] = types[flow.sourcePort & 1];
  return frame;
}

const isEcho = ({ protocol }: Flow): boolean => ICMP[protocol] !== undefined;
const addressOf = ({ isIpv6 }: Flow, text: string): Buffer =>
  isIpv6 ? Buffer.from(text, "hex") : Buffer.concat([Buffer.alloc(12), Buffer.from(text.split(".").map(Number))]);
const portsOf = (flow: Flow): Buffer => {
  const ports = Buffer.alloc(4);
  if (isEcho(flow)) return ports;
  ports.writeUInt16BE(flow.sourcePort, 0);
  ports.writeUInt16BE(flow.destinationPort, 2);
  return ports;
};
const nameOf = (flow: Flow): string =>
  [
    flow.isIpv6 ? 6 : 4,
    flow.protocol,
    flow.ingress,
    addressOf(flow, flow.source).toString("hex"),
    addressOf(flow, flow.destination).toString("hex"),
    portsOf(flow).toString("hex"),
  ].join(" ");

/** The two sets of a flow. */
function slowSets(flow: Flow): readonly number[] {
  const most = 2n ** 32n;
  const words = [flow.protocol + (flow.ingress + (flow.isIpv6 ? 128 : 0)) * 256];
  for (const text of [flow.source, flow.destination]) {
    const bytes = addressOf(flow, text);
    for (let at = flow.isIpv6 ? 0 : 12; at < 16; at += 4) words.push(bytes.readUInt32LE(at));
  }
  const mix = (hash: bigint, word: number): bigint => {
    const mixed = ((hash ^ BigInt(word)) * 0x9e3779b1n) % most;
    return mixed ^ (mixed / 2n ** 15n);
  };
  const ports = portsOf(flow);
  const near = (words.reduce(mix, BigInt(SIZE.seed)) + BigInt(ports.readUInt16BE(0) + ports.readUInt16BE(2))) % most;
  return [near, mix(near, ports.readUInt32LE()) / 2n ** 16n].map((hash) => Number(hash % BigInt(SETS)));
}

/** Flows in their places; one that is `"locked"` is being written by somebody else. */
function createTwin() {
  const places: (Entry | "locked" | undefined)[] = Array(SIZE.flows).fill(undefined);
  const isHeld = (place: number, generation: number): boolean => {
    const entry = places[place];
    return entry !== undefined && entry !== "locked" && entry.generation === generation;
  };
  return {
    places,
    seconds: 0,
    generation: 1,
    enter(flow: Flow, entry: Entry): void {
      if (entry.generation === 0 || entry.generation !== this.generation) return;
      const candidates = slowSets(flow).flatMap((set) => [0, 1, 2, 3].map((way) => set * 4 + way));
      if (candidates.some((place) => isHeld(place, entry.generation) && (places[place] as Entry).flow === entry.flow)) return;
      const free = candidates.find((place) => {
        const held = places[place];
        if (held === "locked") return false;
        return !isHeld(place, entry.generation) || (this.seconds - (held as Entry).used + 65536) % 65536 >= IDLE_SECONDS;
      });
      if (free !== undefined) places[free] = entry;
    },
    flows(): number {
      return this.generation === 0 ? 0 : places.filter((_, place) => isHeld(place, this.generation)).length;
    },
  };
}

/** What lies in the memory, as the twin would say it. */
function readEntries(buffer: ArrayBuffer): (Entry | "locked" | undefined)[] {
  const view = new DataView(buffer);
  const hex = (from: number, bytes: number): string => Buffer.from(buffer, from, bytes).toString("hex");
  return Array.from({ length: SIZE.flows }, (_, place) => {
    const at = LAYOUT.sets + place * ROW_BYTES;
    const generation = view.getUint32(at + ENTRY.generation, true);
    if (generation === 0) return undefined;
    if (generation === LOCKED) return "locked";
    const port = view.getUint8(at + ENTRY.meta + 1);
    const key = [port & 0x80 ? 6 : 4, view.getUint8(at + ENTRY.meta), port & 0x7f];
    return {
      generation,
      flow: [...key, hex(at + ENTRY.source, 16), hex(at + ENTRY.destination, 16), hex(at + ENTRY.ports, 4)].join(" "),
      after: view.getUint32(at + ENTRY.after, true),
      lane: view.getUint8(at + ENTRY.lane),
      egress: view.getUint8(at + ENTRY.egress),
      to: hex(at + ENTRY.macs, 6),
      nextHop: view.getUint16(at + ENTRY.nextHop, true),
      used: view.getUint16(at + ENTRY.used, true),
    };
  });
}

function createMemory() {
  const buffer = new ArrayBuffer(LAYOUT.bytes);
  const memory = createFlowMemory(buffer, LAYOUT);
  const view = new DataView(buffer);
  memory.setGeneration(1);
  const laneRow = (port: number, lane: number): number => LAYOUT.laneRows + (port * SIZE.lanes + lane) * ROW_BYTES;
  const entryAt = (place: number): number => LAYOUT.sets + place * ROW_BYTES;
  return {
    buffer,
    view,
    memory,
    entryAt,
    /** As the filter does with what it lets through. */
    pass: (port: number, lane: number, frames: number) => view.setUint32(laneRow(port, lane) + LANE_ROW.passed, frames, true),
    done: (port: number, lane: number) => view.getUint32(laneRow(port, lane) + LANE_ROW.done, true),
    passed: (port: number, lane: number) => view.getUint32(laneRow(port, lane) + LANE_ROW.passed, true),
    enter(frame: Uint8Array, { egress = 1, nextHop = 2, lane = 0, ingress = 0, generation = 1 } = {}) {
      const room = new Uint8Array(ROOM + frame.length + 64).fill(0x45);
      room.set(frame, ROOM);
      memory.enter(generation, room, ROOM, ingress, egress, nextHop, lane);
    },
    entries: () => readEntries(buffer),
  };
}

const addresses4 = fc.tuple(fc.nat(1), fc.nat(255)).map(([a, b]) => `10.${a}.0.${b}`);
const addresses6 = fc.nat(255).map((last) => `20010db8${"0".repeat(22)}${last.toString(16).padStart(2, "0")}`);
const flows = fc.boolean().chain((isIpv6) =>
  fc.record<Flow>({
    isIpv6: fc.constant(isIpv6),
    protocol: fc.constantFrom(6, 17, isIpv6 ? 58 : 1),
    source: isIpv6 ? addresses6 : addresses4,
    destination: isIpv6 ? addresses6 : addresses4,
    sourcePort: fc.nat(0xffff),
    destinationPort: fc.nat(0xffff),
    ingress: fc.nat(SIZE.ports - 1),
  }),
);

interface Step {
  readonly kind: "enter" | "forget" | "time" | "use" | "lock" | "unlock";
  readonly flow: number;
  readonly decision: Decision;
  /** Decided before the last change. */
  readonly isStale: boolean;
  readonly after: number;
  readonly isOff: boolean;
  readonly seconds: number;
  readonly place: number;
}

const decisions = fc.record<Decision>({
  egress: fc.nat(SIZE.ports - 1),
  nextHop: fc.nat(SIZE.nextHops - 1),
  lane: fc.nat(SIZE.lanes - 1),
  to: fc.nat(0xffffff).map((n) => `02fe80${n.toString(16).padStart(6, "0")}`),
});
const KINDS = { enter: 20, forget: 1, time: 2, use: 3, lock: 1, unlock: 1 } as const;
const steps = fc.record<Step>({
  kind: fc.constantFrom(...(Object.keys(KINDS) as Step["kind"][]).flatMap((kind) => Array<Step["kind"]>(KINDS[kind]).fill(kind))),
  flow: fc.nat(63),
  decision: decisions,
  isStale: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  after: fc.nat(0xffffffff),
  isOff: fc.boolean(),
  // The clock's 16 bits go round, too.
  seconds: fc.constantFrom(1, 1, 1, 2, 65530),
  place: fc.nat(SIZE.flows - 1),
});

describe("the memory of carried flows", () => {
  it("has after whatever was entered, used, forgotten and locked what its slow twin has", () => {
    let held = 0;
    let elsewhere = 0;
    fc.assert(
      fc.property(
        fc.array(flows, { minLength: 64, maxLength: 64 }),
        fc.array(steps, { minLength: 60, maxLength: 150 }),
        (pool, list) => {
          const { view, memory, entryAt, pass, enter, entries } = createMemory();
          const twin = createTwin();
          let newest = 1;
          const run = (step: Step): void => {
            if (step.kind === "enter") {
              const flow = pool[step.flow];
              const { decision, after } = step;
              const generation = step.isStale ? Math.max(1, newest - 1) : memory.generation();
              pass(flow.ingress, decision.lane, after);
              enter(frameOf(flow, decision.to), { ...decision, ingress: flow.ingress, generation });
              twin.enter(flow, { ...decision, generation, flow: nameOf(flow), after, used: twin.seconds });
            } else if (step.kind === "forget") {
              twin.generation = step.isOff ? 0 : ++newest;
              memory.setGeneration(twin.generation);
            } else if (step.kind === "time") {
              twin.seconds = (twin.seconds + step.seconds) % 65536;
              memory.setSeconds(twin.seconds);
            } else {
              const at = entryAt(step.place);
              const entry = twin.places[step.place];
              if (step.kind === "use" && typeof entry === "object") {
                entry.used = twin.seconds;
                view.setUint16(at + ENTRY.used, twin.seconds, true);
              }
              if (step.kind === "lock") {
                twin.places[step.place] = "locked";
                view.setUint32(at + ENTRY.generation, LOCKED, true);
              }
              if (step.kind === "unlock" && entry === "locked") {
                twin.places[step.place] = undefined;
                view.setUint32(at + ENTRY.generation, 0, true);
              }
            }
          };
          for (const step of list) run(step);
          expect(entries()).toEqual(twin.places);
          expect(memory.flows()).toBe(twin.flows());
          held += twin.flows();
          for (const [place, entry] of twin.places.entries()) {
            const flow = pool.find((one) => typeof entry === "object" && nameOf(one) === entry.flow);
            if (flow && slowSets(flow)[0] !== Math.floor(place / 4)) elsewhere++;
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(held).toBeGreaterThan(1000);
    expect(elsewhere).toBeGreaterThan(100);
  });

  it.each<[string, Buffer]>([
    ["the first of its fragments", makePacket({ fragment: 0x2000 })],
    ["a later fragment", makePacket({ fragment: 185 })],
    ["options", makePacket({ options: Uint8Array.of(1, 1, 1, 0) })],
    ["an ICMP error", Buffer.from(makePacket({ protocol: 1 })).fill(3, 34, 35)],
    ["an ICMP request that is no echo", Buffer.from(makePacket({ protocol: 1 })).fill(13, 34, 35)],
    ["ICMPv6 as an IPv4 packet", Buffer.from(makePacket({ protocol: 58 })).fill(128, 34, 35)],
    ["GRE", makePacket({ protocol: 47 })],
    ["SCTP", makePacket({ protocol: 132 })],
    ["ESP", makePacket6({ protocol: 50 })],
    ["an ICMPv6 error", Buffer.from(makePacket6({ protocol: 58 })).fill(1, 54, 55)],
    ["a neighbor solicitation", Buffer.from(makePacket6({ protocol: 58 })).fill(135, 54, 55)],
    ["ICMP as an IPv6 packet", Buffer.from(makePacket6({ protocol: 1 })).fill(8, 54, 55)],
    ["a fragment of IPv6", makePacket6({ extensions: [{ type: 44, body: new Uint8Array(7) }] })],
    ["hop-by-hop options", makePacket6({ extensions: [{ type: 0, body: new Uint8Array(7) }] })],
    ["a tag", tagFrame(makePacket(), { id: 100 })],
    ["another type", makePacket({ ethertype: 0x0806 })],
  ])("takes no packet that is or has %s", (_, frame) => {
    const { memory, enter } = createMemory();
    enter(frame);
    expect(memory.flows()).toBe(0);
  });

  it.each<[string, Buffer]>([
    ["TCP", makePacket()],
    ["UDP that may not be cut", makePacket({ protocol: 17, fragment: 0x4000 })],
    ["the reserved bit, which says nothing of fragments", makePacket({ fragment: 0x8000 })],
    ["an echo request", Buffer.from(makePacket({ protocol: 1 })).fill(8, 34, 35)],
    ["an echo reply", Buffer.from(makePacket({ protocol: 1 })).fill(0, 34, 35)],
    ["TCP over IPv6", makePacket6()],
    ["UDP over IPv6", makePacket6({ protocol: 17 })],
    ["an echo request over IPv6", Buffer.from(makePacket6({ protocol: 58 })).fill(128, 54, 55)],
    ["an echo reply over IPv6", Buffer.from(makePacket6({ protocol: 58 })).fill(129, 54, 55)],
    ["ports of 0", makePacket({ sourcePort: 0, destinationPort: 0 })],
  ])("takes %s, once a generation and ingress, and nothing while there is no generation", (_, frame) => {
    const { memory, enter } = createMemory();
    memory.setGeneration(0);
    enter(frame, { generation: 0 });
    expect(memory.flows()).toBe(0);
    memory.setGeneration(7);
    enter(frame, { generation: 7 });
    enter(frame, { generation: 7, egress: 3, nextHop: 5, lane: 1 });
    expect(memory.flows()).toBe(1);
    enter(frame, { generation: 7, ingress: 2 });
    expect(memory.flows()).toBe(2);
    memory.setGeneration(8);
    expect(memory.flows()).toBe(0);
  });

  it("keeps what was decided first, and enters nothing of a generation that is no more", () => {
    const { memory, enter, entries } = createMemory();
    enter(makePacket({ to: "020000000aaa" }), { egress: 1 });
    enter(makePacket({ to: "020000000bbb" }), { egress: 2 });
    memory.setGeneration(2);
    enter(makePacket({ to: "020000000bbb" }), { generation: 2, egress: 2 });
    const kept = entries();
    enter(makePacket({ to: "020000000aaa" }), { generation: 1, egress: 1 });
    expect(entries()).toEqual(kept);
    expect(kept.flatMap((entry) => (typeof entry === "object" ? [entry.to] : []))).toEqual(["020000000bbb"]);
  });

  it("has the highest generation below that of a lock as it is", () => {
    const { memory, enter } = createMemory();
    memory.setGeneration(LOCKED - 1);
    expect(memory.generation()).toBe(LOCKED - 1);
    enter(makePacket(), { generation: LOCKED - 1 });
    expect(memory.flows()).toBe(1);
  });

  it("finds room for flows that are idle for two seconds, and for none before", () => {
    const { memory, enter, entries } = createMemory();
    for (let port = 0; port < 2000; port++) enter(makePacket({ sourcePort: port }));
    const full = entries();
    expect(memory.flows()).toBe(SIZE.flows);
    memory.setSeconds(IDLE_SECONDS - 1);
    enter(makePacket({ sourcePort: 3000 }));
    expect(entries()).toEqual(full);
    memory.setSeconds(IDLE_SECONDS);
    enter(makePacket({ sourcePort: 3000 }));
    expect(entries().filter((entry, place) => JSON.stringify(entry) !== JSON.stringify(full[place]))).toHaveLength(1);
  });
});

describe("what the memory of carried flows tells", () => {
  it("of a lane, what has become of its frames, in 32 bits", () => {
    const { memory, pass, passed, done } = createMemory();
    pass(2, 1, 17);
    pass(2, 0, 5);
    const progress = memory.progressOf(2, 1);
    progress.begin();
    expect([passed(2, 1), done(2, 1), passed(2, 0)]).toEqual([0, 0, 5]);
    pass(2, 1, 48);
    progress.done(64);
    progress.done(0);
    progress.done(0xfffffff0);
    expect([done(2, 1), done(2, 0), done(1, 1)]).toEqual([48, 0, 0]);
    progress.begin();
    pass(2, 1, 3);
    progress.done(3);
    expect(done(2, 1)).toBe(3);
  });

  it("what the programs have counted, over all processors", () => {
    const { view, memory } = createMemory();
    fc.assert(
      fc.property(fc.array(fc.nat(0xffffffff), { minLength: SIZE.processors, maxLength: SIZE.processors }), (counts) => {
        const total = counts.reduce((sum, count) => sum + count * 1024, 0);
        const put = (at: number): void => {
          for (const [processor, count] of counts.entries())
            view.setBigUint64(LAYOUT.processorRows + processor * LAYOUT.processorBytes + at, BigInt(count) * 1024n, true);
        };
        const clean = () => new Uint8Array(view.buffer).fill(0);
        for (let port = 0; port < SIZE.ports; port++) {
          for (const name of Object.keys(PORT_COUNTS) as (keyof typeof PORT_COUNTS)[]) {
            clean();
            put(PROCESSOR_ROW.ports + port * ROW_BYTES + PORT_COUNTS[name]);
            for (let other = 0; other < SIZE.ports; other++)
              expect(memory.countsOfPort(other)).toEqual({
                ...{ receivedFrames: 0, receivedBytes: 0, sentFrames: 0, sentBytes: 0 },
                ...(other === port && { [name]: total }),
              });
          }
        }
        for (let hop = 0; hop < SIZE.nextHops; hop++) {
          clean();
          put(LAYOUT.hopCounts + hop * HOP_BYTES);
          for (let other = 0; other < SIZE.nextHops; other++)
            expect(memory.countsOfNextHop(other)).toEqual({ packets: other === hop ? total : 0, bytes: 0 });
        }
        clean();
        put(PROCESSOR_ROW.refused);
        expect(memory.refused()).toBe(total);
      }),
      { numRuns: 5 },
    );
  });

  it("nowhere that one thing lies over another", () => {
    const { processorRows, processorBytes, hopCounts, sets, bytes, portRows, laneRows } = LAYOUT;
    expect(portRows).toBeGreaterThanOrEqual(8);
    expect(laneRows - portRows).toBe(SIZE.ports * ROW_BYTES);
    expect(processorRows - laneRows).toBe(SIZE.ports * SIZE.lanes * ROW_BYTES);
    expect(processorBytes - hopCounts).toBe(SIZE.nextHops * HOP_BYTES);
    expect(sets - processorRows).toBeGreaterThanOrEqual(SIZE.processors * processorBytes);
    expect(sets % 256).toBe(0);
    expect(bytes - sets).toBe(SIZE.flows * ROW_BYTES);
  });
});

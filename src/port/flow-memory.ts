/**
 * Our side of the memory of carried flows (`flow-layout.ts`): workers look for a flow and enter it, tell how far their rings have come,
 * and everybody reads what the programs have counted. Nothing here is a system call, and nothing allocates but the counts that are
 * asked for.
 */
import { swapBytes16 } from "../net/byte-order.ts";
import { PROTOCOLS } from "../net/flow.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import {
  CONTROL,
  ENTRY,
  type FlowLayout,
  HOP_BYTES,
  IPV6_BIT,
  LANE_ROW,
  LOCKED,
  MIX,
  PORT_COUNTS,
  PORT_ROW,
  PROCESSOR_ROW,
  ROW_BYTES,
  SECOND_SET_SHIFT,
  SET_BYTES,
} from "./flow-layout.ts";

/** An entry that was not used for so long gives way to another flow. */
const IDLE_SECONDS = 2;
/** Ahead of all numbers that there are: an entry behind that waits. */
const FAR = 1 << 30;
/**
 * Frames may come into a ring in another order than that of their numbers, if several processors bring them: while it is not empty, one that
 * so many others have followed is taken for done with.
 */
const OVERTAKEN = 64;
const IPV4 = 0x0008;
const IPV6 = 0xdd86;
const FRAGMENT_BITS = 0xff3f;
// Imported objects are looked up at every use; these are not.
const { tcp: TCP, udp: UDP, icmp: ICMP, icmp6: ICMP6 } = PROTOCOLS;
const ETHERNET = ETHERNET_HEADER_LENGTH;

/** How a worker's ring tells how far it has come. */
export interface LaneProgress {
  /** Before anything comes in: numbers begin anew. */
  begin(): void;
  /** Of the frames since, so many more are done with. False: others are in the ring, or nobody has said that they were lost. */
  done(frames: number): boolean;
  /** And so many were lost in front of the ring, behind others that are in it still: at most `slots`. */
  lost(frames: number, slots: number): void;
  /** After `done` the ring was found empty, and what it has lost is told. */
  empty(): void;
}

export interface FlowCounts {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly sentFrames: number;
  readonly sentBytes: number;
}

export type FlowMemory = ReturnType<typeof createFlowMemory>;

/** `buffer`: of `layout.bytes`, shared with the programs or (in tests) with nobody. */
export function createFlowMemory(buffer: ArrayBuffer, layout: FlowLayout) {
  const words = new Int32Array(buffer);
  const halves = new Uint16Array(buffer);
  const longs = new BigUint64Array(buffer);
  /** What was decided before the last change is worth no place: it would take that of a flow that is carried. */
  const isCarried = (generation: number): boolean =>
    generation !== 0 && Atomics.load(words, CONTROL.generation) === (generation | 0);
  const setMask = layout.flows / (SET_BYTES / ROW_BYTES) - 1;

  const key = new Int32Array(10);
  /** Over all processors. */
  const sum = (at: number): number => {
    let total = 0;
    for (let i = 0; i < layout.processors; i++)
      total += Number(longs[(layout.processorRows + i * layout.processorBytes + at) >>> 3]);
    return total;
  };

  /** Of the packet in `frame`, into `key`: ports, meta, source, destination, as entries have them. False: it is none to be carried. */
  const readKey = (frame: Uint8Array, at: number, ingress: number): boolean => {
    const ip = at + ETHERNET;
    const type = half(frame, at + 12);
    if (type === IPV4) {
      if (frame[ip] !== 0x45 || (half(frame, ip + 6) & FRAGMENT_BITS) !== 0) return false;
      key.fill(0, 2);
      key[5] = word(frame, ip + 12);
      key[9] = word(frame, ip + 16);
      return readTransport(frame, frame[ip + 9], ip + 20, ingress, ICMP);
    }
    if (type !== IPV6) return false;
    for (let i = 0; i < 8; i++) key[2 + i] = word(frame, ip + 8 + i * 4);
    return readTransport(frame, frame[ip + 6], ip + 40, ingress | IPV6_BIT, ICMP6);
  };

  const readTransport = (frame: Uint8Array, protocol: number, at: number, place: number, icmp: number): boolean => {
    const hasPorts = protocol === TCP || protocol === UDP;
    if (!hasPorts && (protocol !== icmp || !isEcho(frame[at], icmp))) return false;
    key[0] = hasPorts ? word(frame, at) : 0;
    key[1] = protocol | (place << 8);
    return true;
  };

  const hashAddresses = (): number => {
    const isIpv6 = (key[1] & (IPV6_BIT << 8)) !== 0;
    let hash = mix(layout.seed, key[1]);
    for (let i = isIpv6 ? 2 : 5; i < 10; i += isIpv6 ? 1 : 4) hash = mix(hash, key[i]);
    return hash;
  };

  const hasKey = (entry: number): boolean => {
    const at = entry >>> 2;
    if (words[at + 2] !== key[0] || (words[at + 3] & 0xffff) !== key[1]) return false;
    for (let i = 0; i < 8; i++) if (words[at + 4 + i] !== key[2 + i]) return false;
    return true;
  };

  const isFree = (entry: number, generation: number): boolean => {
    const held = words[entry >>> 2];
    if (held === (LOCKED | 0)) return false;
    const idle = (halves[CONTROL.seconds >>> 1] - halves[(entry + ENTRY.used) >>> 1]) & 0xffff;
    return held !== (generation | 0) || idle >= IDLE_SECONDS;
  };

  const write = (entry: number, frame: Uint8Array, at: number, egress: number, nextHop: number, lane: number): void => {
    const to = entry >>> 2;
    words[to + 2] = key[0];
    words[to + 3] = key[1] | (lane << 16) | (egress << 24);
    for (let i = 0; i < 8; i++) words[to + 4 + i] = key[2 + i];
    for (let i = 0; i < 3; i++) words[to + 12 + i] = word(frame, at + i * 4);
    halves[(entry + ENTRY.nextHop) >>> 1] = nextHop;
    halves[(entry + ENTRY.used) >>> 1] = halves[CONTROL.seconds >>> 1];
  };

  const laneRow = (port: number, lane: number): number => (layout.laneRows + (port * layout.lanes + lane) * ROW_BYTES) >>> 2;

  return {
    layout,

    /** What is entered with it holds until it changes: to be asked before anything is decided. 0: nothing is carried. */
    generation: (): number => Atomics.load(words, CONTROL.generation) >>> 0,

    /** Nothing that was entered before holds. */
    setGeneration: (generation: number): void => void Atomics.store(words, CONTROL.generation, generation),

    setSeconds: (seconds: number): void => void Atomics.store(halves, CONTROL.seconds >>> 1, seconds & 0xffff),

    /** Interface 0: nothing goes out by it. */
    setPort(port: number, interfaceIndex: number, mtu: number, isAcross: boolean): void {
      const row = (layout.portRows + port * ROW_BYTES) >>> 2;
      Atomics.store(words, row + (PORT_ROW.mtu >>> 2), mtu);
      Atomics.store(words, row + (PORT_ROW.isAcross >>> 2), isAcross ? 1 : 0);
      Atomics.store(words, row + (PORT_ROW.interface >>> 2), interfaceIndex);
    },

    /**
     * A packet that was forwarded, as its frame leaves: its flow is carried from now on, if it is a plain one of TCP or UDP and there
     * is room. The ports are those of a worker, the lane is the worker's own.
     */
    enter(
      generation: number,
      frame: Uint8Array,
      at: number,
      ingress: number,
      egress: number,
      nextHop: number,
      lane: number,
    ): void {
      if (!isCarried(generation) || !readKey(frame, at, ingress)) return;
      const near = (hashAddresses() + swapBytes16(key[0] & 0xffff) + swapBytes16(key[0] >>> 16)) | 0;
      const far = mix(near, key[0]) >>> SECOND_SET_SHIFT;
      const first = layout.sets + (near & setMask) * SET_BYTES;
      const second = layout.sets + (far & setMask) * SET_BYTES;
      let free = 0;
      for (let place = 0; place < 2 * SET_BYTES; place += ROW_BYTES) {
        const entry = place < SET_BYTES ? first + place : second + place - SET_BYTES;
        if (words[entry >>> 2] === (generation | 0) && hasKey(entry)) return;
        if (free === 0 && isFree(entry, generation)) free = entry;
      }
      if (free === 0) return;
      const held = words[free >>> 2];
      if (Atomics.compareExchange(words, free >>> 2, held, LOCKED | 0) !== held) return;
      write(free, frame, at, egress, nextHop, lane);
      const passed = laneRow(ingress, lane) + (LANE_ROW.passed >>> 2);
      const after = (free + ENTRY.after) >>> 2;
      const unknown = (Atomics.load(words, passed) + FAR) | 0;
      Atomics.store(words, after, unknown);
      Atomics.store(words, free >>> 2, generation | 0);
      // Whoever has not seen the entry took its number before this is read, and whoever has seen it put its own there.
      Atomics.compareExchange(words, after, unknown, Atomics.load(words, passed));
    },

    progressOf(port: number, lane: number): LaneProgress {
      const passed = laneRow(port, lane) + (LANE_ROW.passed >>> 2);
      const told = laneRow(port, lane) + (LANE_ROW.done >>> 2);
      let done = 0;
      let lost = 0;
      /** When so many are done with, nothing is in the ring that was there when the last was lost. */
      let settled = 0;
      let seen = 0;
      const tell = (): boolean => {
        seen = Atomics.load(words, passed);
        const isEmpty = seen === ((done + lost) | 0);
        if (lost !== 0 && (isEmpty || ((done - settled) | 0) >= 0)) {
          done = (done + lost) | 0;
          lost = 0;
        }
        Atomics.store(words, told, isEmpty ? done : (done - OVERTAKEN) | 0);
        return isEmpty;
      };
      return {
        begin() {
          done = 0;
          lost = 0;
          Atomics.store(words, passed, 0);
          Atomics.store(words, told, 0);
        },
        done(frames) {
          done = (done + frames) | 0;
          return tell();
        },
        lost(frames, slots) {
          if (frames === 0) return;
          lost += frames;
          settled = (done + slots) | 0;
        },
        empty() {
          // Each processor may be on its way with one. More are in no ring of ours: one of a worker that has died has numbered them.
          const behind = (seen - done - lost) | 0;
          if (behind > OVERTAKEN) done = (done + behind) | 0;
          tell();
        },
      };
    },

    /** Frames of the port that were not let into a ring that overflowed (`flow-filter.ts`). */
    leftOut(port: number): number {
      let total = 0;
      for (let lane = 0; lane < layout.lanes; lane++) total += words[laneRow(port, lane) + (LANE_ROW.leftOut >>> 2)] >>> 0;
      return total;
    },

    countsOfPort(port: number): FlowCounts {
      const at = PROCESSOR_ROW.ports + port * ROW_BYTES;
      return {
        receivedFrames: sum(at + PORT_COUNTS.receivedFrames),
        receivedBytes: sum(at + PORT_COUNTS.receivedBytes),
        sentFrames: sum(at + PORT_COUNTS.sentFrames),
        sentBytes: sum(at + PORT_COUNTS.sentBytes),
      };
    },

    countsOfNextHop(index: number): { packets: number; bytes: number } {
      const at = layout.hopCounts + index * HOP_BYTES;
      return { packets: sum(at), bytes: sum(at + 8) };
    },

    /** Frames that the kernel could not rewrite, and dropped. */
    refused: (): number => sum(PROCESSOR_ROW.refused),

    /** Entries that hold. */
    flows(): number {
      const generation = words[CONTROL.generation];
      let held = 0;
      for (let entry = layout.sets; entry < layout.bytes; entry += ROW_BYTES) if (words[entry >>> 2] === generation) held++;
      return generation === 0 ? 0 : held;
    },
  };
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, MIX.factor);
  return mixed ^ (mixed >>> MIX.shift);
}

/** Request or reply: these have no other packet in them, by which they might be hashed. */
const isEcho = (type: number, icmp: number): boolean => (icmp === ICMP ? type === 8 || type === 0 : type === 128 || type === 129);

const half = (bytes: Uint8Array, at: number): number => bytes[at] | (bytes[at + 1] << 8);
const word = (bytes: Uint8Array, at: number): number =>
  bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);

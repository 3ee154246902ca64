/**
 * What a worker counts, in shared memory that it alone writes and everybody may read. The numbers of a breath are added in
 * one go between two steps of a sequence word (a seqlock), so that whoever reads sees whole breaths and the law holds at
 * every moment: received = forwarded + punted + slow + dropped, each the sum of its reasons.
 *
 *   Int32   sequence (odd while being written)
 *   Float64 totals │ drops by reason │ punts by reason │ slow by reason │ ports │ next hops: packets, bytes
 */
import { MAXIMUM_NEXT_HOPS } from "../fib/layout.ts";
import { type Batch, ROW, ROW_WORDS, VERDICT } from "../port/batch.ts";
import type { PortCounters } from "../port/port.ts";
import { DROP, DROP_REASONS, PUNT_REASONS, SLOW_REASONS } from "./verdict.ts";

export const MAXIMUM_PORTS = 64;
const PORT_WORDS = 6;
const TOTAL = { received: 0, receivedBytes: 1, forwarded: 2, forwardedBytes: 3 } as const;
const DROPS = 4;
const PUNTS = DROPS + DROP_REASONS.length;
const SLOWS = PUNTS + PUNT_REASONS.length;
const PORTS = SLOWS + SLOW_REASONS.length;
const NEXT_HOP_COUNTS = PORTS + MAXIMUM_PORTS * PORT_WORDS;
const VALUES = NEXT_HOP_COUNTS + MAXIMUM_NEXT_HOPS * 2;
const SEQUENCE_BYTES = 8;

export interface CounterSnapshot {
  readonly received: number;
  readonly receivedBytes: number;
  readonly forwarded: number;
  readonly forwardedBytes: number;
  readonly punted: Readonly<Record<string, number>>;
  readonly slow: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  readonly ports: readonly PortCounters[];
}

export const createCounterMemory = (): SharedArrayBuffer => new SharedArrayBuffer(SEQUENCE_BYTES + VALUES * 8);

const views = (memory: SharedArrayBuffer): { sequence: Int32Array; values: Float64Array } => ({
  sequence: new Int32Array(memory, 0, 1),
  values: new Float64Array(memory, SEQUENCE_BYTES, VALUES),
});

/** The writing side: one for each worker. */
export interface CounterWriter {
  /** Adds a batch whose frames all have their verdict; `refused` of those to be forwarded were not taken by their egress. */
  account(batch: Batch, refused: number): void;
  setPort(index: number, counters: PortCounters): void;
}

export function createCounterWriter(memory: SharedArrayBuffer): CounterWriter {
  const { sequence, values } = views(memory);
  // A worker that died while writing leaves the word odd; its successor goes on from an even one.
  if (Atomics.load(sequence, 0) & 1) Atomics.add(sequence, 0, 1);
  const reasonBase = new Uint32Array([0, 0, DROPS, PUNTS, SLOWS]);
  return {
    account({ rows, count }, refused) {
      Atomics.add(sequence, 0, 1);
      let receivedBytes = 0;
      let forwarded = 0;
      let forwardedBytes = 0;
      for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
        const length = rows[row + ROW.wireLength];
        const verdict = rows[row + ROW.verdict];
        receivedBytes += length;
        if (verdict === VERDICT.forward) {
          forwarded++;
          forwardedBytes += length;
          const nextHop = NEXT_HOP_COUNTS + rows[row + ROW.nextHop] * 2;
          values[nextHop]++;
          values[nextHop + 1] += length;
        } else values[reasonBase[verdict] + rows[row + ROW.reason]]++;
      }
      values[TOTAL.received] += count;
      values[TOTAL.receivedBytes] += receivedBytes;
      values[TOTAL.forwarded] += forwarded - refused;
      values[TOTAL.forwardedBytes] += forwardedBytes;
      values[DROPS + DROP["egress-refused"]] += refused;
      Atomics.add(sequence, 0, 1);
    },
    setPort(index, counters) {
      Atomics.add(sequence, 0, 1);
      const base = PORTS + index * PORT_WORDS;
      values[base] = counters.receivedFrames;
      values[base + 1] = counters.receivedBytes;
      values[base + 2] = counters.transmittedFrames;
      values[base + 3] = counters.transmittedBytes;
      values[base + 4] = counters.transmitErrors;
      values[base + 5] = counters.receiveDrops;
      Atomics.add(sequence, 0, 1);
    },
  };
}

/** All values of one worker as of one moment between two breaths. */
function readConsistent(memory: SharedArrayBuffer): Float64Array {
  const { sequence, values } = views(memory);
  for (;;) {
    const before = Atomics.load(sequence, 0);
    const copy = values.slice();
    if (!(before & 1) && Atomics.load(sequence, 0) === before) return copy;
  }
}

/** The sum over workers. */
export function readCounters(memories: readonly SharedArrayBuffer[], ports: number): CounterSnapshot {
  const sum = new Float64Array(VALUES);
  for (const memory of memories) {
    const values = readConsistent(memory);
    for (let i = 0; i < VALUES; i++) sum[i] += values[i];
  }
  const named = (names: readonly string[], base: number): Record<string, number> =>
    Object.fromEntries(names.map((name, i) => [name, sum[base + i]]));
  return {
    received: sum[TOTAL.received],
    receivedBytes: sum[TOTAL.receivedBytes],
    forwarded: sum[TOTAL.forwarded],
    forwardedBytes: sum[TOTAL.forwardedBytes],
    punted: named(PUNT_REASONS, PUNTS),
    slow: named(SLOW_REASONS, SLOWS),
    dropped: named(DROP_REASONS, DROPS),
    ports: Array.from({ length: ports }, (_, i) => {
      const [receivedFrames, receivedBytes, transmittedFrames, transmittedBytes, transmitErrors, receiveDrops] = sum.subarray(
        PORTS + i * PORT_WORDS,
        PORTS + (i + 1) * PORT_WORDS,
      );
      return { receivedFrames, receivedBytes, transmittedFrames, transmittedBytes, transmitErrors, receiveDrops };
    }),
  };
}

/** Frames, by what became of them; `missed`: those that a port had no room for. */
export function totalsOf({ received, forwarded, punted, slow, dropped, ports }: CounterSnapshot) {
  const sum = (reasons: Readonly<Record<string, number>>): number => Object.values(reasons).reduce((a, b) => a + b, 0);
  const missed = ports.reduce((total, { receiveDrops }) => total + receiveDrops, 0);
  return { received, forwarded, punted: sum(punted), slow: sum(slow), dropped: sum(dropped), missed };
}

/** Packets and bytes forwarded to next hop `index`, over all workers. */
export function readNextHopCounters(memories: readonly SharedArrayBuffer[], index: number): { packets: number; bytes: number } {
  let packets = 0;
  let bytes = 0;
  for (const memory of memories) {
    const { values } = views(memory);
    packets += values[NEXT_HOP_COUNTS + index * 2];
    bytes += values[NEXT_HOP_COUNTS + index * 2 + 1];
  }
  return { packets, bytes };
}

/**
 * What `FaultyPort` is told and what it tells: rules, which the main thread sets while workers forward, and counts, which
 * each worker adds to in words of its own. A frame meets the first rule that matches it, and no other.
 */
import { createSharedValue } from "./shared-value.ts";

export interface FaultRule {
  /** A rule that keeps its id keeps its place in its sequence of random numbers. */
  readonly id: string;
  /** Of what the port sends, or of what it receives. */
  readonly direction: "out" | "in";
  /** An index of the FIB: only frames that go to it. */
  readonly nextHop?: number | undefined;
  readonly seed: number;
  readonly losePct: number;
  readonly duplicatePct: number;
  readonly reorderPct: number;
  readonly corruptPct: number;
  readonly delayMs: number;
  /** The delay is up to so much longer or shorter, and never negative. */
  readonly jitterMs: number;
}

/**
 * `unsegmented`: to be corrupted, but for the kernel to segment, which would give each segment a right checksum.
 * `overflowed`: lost because too many frames were being held.
 */
export const FAULT_COUNTS = ["lost", "duplicated", "reordered", "corrupted", "delayed", "unsegmented", "overflowed"] as const;
export type FaultCount = (typeof FAULT_COUNTS)[number];
export type FaultCounts = Readonly<Record<FaultCount, number>>;

export interface FaultMemory {
  /** A shared value: FaultRule[]. */
  readonly rules: SharedArrayBuffer;
  /** FAULT_COUNTS a worker. */
  readonly counts: SharedArrayBuffer;
}

export const createFaultMemory = (workers: number): FaultMemory => ({
  rules: createSharedValue(),
  counts: new SharedArrayBuffer(workers * FAULT_COUNTS.length * 8),
});

/** The words that worker `index` alone adds to. */
export const faultCountsOf = ({ counts }: FaultMemory, index: number): Float64Array =>
  new Float64Array(counts, index * FAULT_COUNTS.length * 8, FAULT_COUNTS.length);

/** The sum over workers. */
export function readFaultCounts({ counts }: FaultMemory): FaultCounts {
  const all = new Float64Array(counts);
  const sum = (column: number): number =>
    all.reduce((sum, value, i) => (i % FAULT_COUNTS.length === column ? sum + value : sum), 0);
  return Object.fromEntries(FAULT_COUNTS.map((name, column) => [name, sum(column)])) as Record<FaultCount, number>;
}

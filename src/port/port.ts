/**
 * Where frames come from and go to. A port belongs to one thread; nothing in it waits: a `Waiter` does that for all ports
 * of a worker at once. Faults, taps and captures have this same shape and wrap a port.
 */
import type { Batch } from "./batch.ts";

export interface PortCounters {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly transmittedFrames: number;
  readonly transmittedBytes: number;
  /** Frames that the egress refused (queue full, interface down, too long). */
  readonly transmitErrors: number;
  /** Frames lost before we saw them: the ring was full (`tp_drops` of PACKET_STATISTICS). */
  readonly receiveDrops: number;
}

/** Of a port that has just been opened. */
export const NO_COUNTERS: PortCounters = {
  receivedFrames: 0,
  receivedBytes: 0,
  transmittedFrames: 0,
  transmittedBytes: 0,
  transmitErrors: 0,
  receiveDrops: 0,
};

export interface Port {
  readonly name: string;
  readonly batch: Batch;
  /** Gives the frames of the last batch back, fills `batch` with those that wait now, and returns their number. */
  receive(): number;
  /** Sends the frames of `batch` whose verdict is forward and whose egress is `egress`; returns how many were refused. */
  transmit(batch: Batch, egress: number): number;
  counters(): PortCounters;
  close(): void;
}

export interface Waiter {
  /** Returns when one of the ports has frames, when somebody called `wake`, or after `timeoutMs`. */
  wait(timeoutMs: number): void;
  close(): void;
}

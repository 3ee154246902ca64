/**
 * What is put around every port, and in which order: tap, faults, port, so that a capture shows what the router decided and the
 * drop that a fault made of it. Workers put both around theirs, and so does the warm-up, since code is compiled for the very
 * shape that it has seen; the slow path's ways out have a tap alone, as faults are drawn by the worker.
 */
import type { Clock } from "../net/clock.ts";
import { FaultyPort } from "../port/fault.ts";
import { createFaultMemory, type FaultMemory } from "../port/fault-rule.ts";
import type { Port } from "../port/port.ts";
import { createSharedValue } from "../port/shared-value.ts";
import { TapPort } from "../port/tap.ts";
import { DROP } from "./verdict.ts";

/** Of one port; nothing happens around it until these say so. */
export interface PortSettings {
  readonly fault: FaultMemory;
  readonly tap: SharedArrayBuffer;
}

export const createPortSettings = (workers: number): PortSettings => ({
  fault: createFaultMemory(workers),
  tap: createSharedValue(),
});

export interface TapPlace {
  /** Of the port. */
  readonly index: number;
  /** Where all taps of this thread put what they copy. */
  readonly copies: SharedArrayBuffer;
  readonly clock: Pick<Clock, "unixMicroseconds">;
}

export interface WorkerPlace extends TapPlace {
  readonly worker: number;
  readonly clock: Clock;
}

export interface SurroundedPort {
  /** What is used. */
  readonly outer: TapPort;
  /** What may hold frames that a sleep must not be longer than. */
  readonly faulty: FaultyPort;
}

export const withTap = (port: Port, settings: SharedArrayBuffer, { index, copies, clock }: TapPlace): TapPort =>
  new TapPort({ port, index, settings, memory: copies, unixMicroseconds: clock.unixMicroseconds });

export function surround(port: Port, { fault, tap }: PortSettings, place: WorkerPlace): SurroundedPort {
  const { worker, clock } = place;
  const faulty = new FaultyPort({ port, memory: fault, index: worker, dropReason: DROP.fault, nowMs: clock.nowMs });
  return { outer: withTap(faulty, tap, place), faulty };
}

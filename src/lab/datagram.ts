/** A flow of numbered datagrams: what the client is asked to send, and what came back of it. */
import type { ConnectionTarget } from "./connection.ts";

export interface DatagramOrder extends ConnectionTarget {
  readonly everyMs: number;
}

/** By which way datagrams went: the pod that answered them, and the source that it saw. */
export interface Entrance {
  readonly pod: string;
  readonly sourceSeen: string;
}

export interface DatagramRecord {
  readonly flow: string;
  readonly begunAtMs: number;
  sent: number;
  /** Each number once. */
  answered: number;
  /** Answers whose number had come before. */
  duplicated: number;
  /** Answers that came after one of a higher number. */
  reordered: number;
  /** Of all answers. */
  bytes: number;
  firstByteAtMs?: number;
  lastByteAtMs?: number;
  /** In the order in which their datagrams were sent, each only where it differs from the one before it. */
  entrances: readonly Entrance[];
}

/** Of what was sent, when the last answers had their time. */
export const lostOf = ({ sent, answered }: DatagramRecord): number => sent - answered;

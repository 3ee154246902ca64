/** What the load client is asked to open, and what it saw happen to each connection. Times are CLOCK_MONOTONIC (net/clock). */
import type { AddressFamily } from "../net/address.ts";

/** What a client asks for instead of an address, and whom. */
export interface TargetName {
  readonly name: string;
  readonly server: string;
  readonly family: AddressFamily;
}

export interface ConnectionTarget {
  /** The flow as people name it; it names the connection everywhere. */
  readonly flow: string;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  /** With a name: what it is planned to lead to. */
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly name?: TargetName | undefined;
}

export interface ConnectionRecord {
  readonly flow: string;
  /** What its name led to. */
  resolved?: string;
  /** The pod's first line has come. */
  opened: boolean;
  /** Why it did not open, or the system's word for how it ended. */
  error?: string;
  openedAtMs?: number;
  pod?: string;
  /** The source address that the pod saw. */
  sourceSeen?: string;
  /** Of all that came back. */
  bytes: number;
  firstByteAtMs?: number;
  /** When something last came back (or, before anything did, when it was begun). */
  lastEchoAtMs: number;
  /** The longest time in which nothing came back, while it lived. */
  longestSilenceMs: number;
  /** It broke, was dialed again from another port, and its new pod has spoken. */
  reopenedAtMs?: number;
  /** How often it was dialed again. */
  redials: number;
  /** At most one of the three is set; none of them: it lives. */
  resetAtMs?: number;
  timedOutAtMs?: number;
  /** Ended by the other side, in order. */
  closedAtMs?: number;
}

/** When it broke; undefined while it lives. */
export const brokenAtMs = ({ resetAtMs, timedOutAtMs, closedAtMs }: ConnectionRecord): number | undefined =>
  resetAtMs ?? timedOutAtMs ?? closedAtMs;

export const isBroken = (record: ConnectionRecord): boolean => brokenAtMs(record) !== undefined;

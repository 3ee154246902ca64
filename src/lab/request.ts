/** A short request: what the client is asked to send and when, and what became of it. */
import type { CancelTimer, Clock } from "../net/clock.ts";
import type { ConnectionTarget } from "./connection.ts";
import { afterSilence } from "./silence.ts";

export interface RequestOrder extends ConnectionTarget {
  /** After the client was told to begin. */
  readonly atMs: number;
  /** What the pods of its service speak. */
  readonly language: "echo" | "http";
  readonly exchanges: number;
  readonly everyMs: number;
  /** Of each question, and of its answer. */
  readonly bytes: number;
  readonly retries: number;
}

/** How a request failed whose answer did not come in time. */
export const NO_ANSWER = "no answer";

export interface RequestRecord {
  readonly flow: string;
  /** Times are CLOCK_MONOTONIC (net/clock). */
  readonly begunAtMs: number;
  /** What its name led to at its first attempt. */
  resolved?: string;
  /** Which pod answered its first attempt, and the source address that the pod saw. */
  pod?: string;
  sourceSeen?: string;
  /** When its first attempt was over, one way or the other. */
  endedAtMs?: number;
  /** Since when its first attempt waited for its last answer, and why it failed. */
  awaitedSinceMs?: number;
  failed?: string;
  attempts: number;
  /** Of all answers. */
  bytes: number;
  /** Of the last attempt's answers. */
  firstByteAtMs?: number;
  lastByteAtMs?: number;
  /** After the last attempt that it was allowed. */
  answered: boolean;
}

/** How long an answer may take. */
export const ANSWER_TIMEOUT_MS = 1000;

export interface Attempt {
  readonly clock: Clock;
  readonly order: RequestOrder;
  /** Undefined: the system's choice, as of all attempts but the first. */
  readonly localPort: number | undefined;
  readonly record: RequestRecord;
}

/** `fail` when the answer that is awaited from now on takes too long. */
export function awaitAnswer({ clock, localPort, record }: Attempt, fail: () => void): CancelTimer {
  if (localPort !== undefined) record.awaitedSinceMs = clock.nowMs();
  return afterSilence(clock, ANSWER_TIMEOUT_MS, fail);
}

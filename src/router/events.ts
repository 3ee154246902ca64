/**
 * What happened, in order, on one clock: a bounded record that `ecmp show events` reads and follows. Everything that an
 * experiment measures from (a session seen down, a change in force) is an event here.
 */
import type { Clock } from "../net/clock.ts";

export interface RouterEvent {
  /** CLOCK_MONOTONIC, milliseconds: comparable with other processes of this machine. */
  readonly atMs: number;
  /** RFC 3339. */
  readonly time: string;
  readonly kind: string;
  readonly [detail: string]: unknown;
}

export interface EventRecord {
  add(kind: string, details?: Readonly<Record<string, unknown>>): void;
  past(): readonly RouterEvent[];
  /** Calls back for each event from now on; returns what ends that. */
  follow(listener: (event: RouterEvent) => void): () => void;
}

const CAPACITY = 10_000;

export function createEventRecord(clock: Clock, capacity = CAPACITY): EventRecord {
  let events: RouterEvent[] = [];
  const listeners = new Set<(event: RouterEvent) => void>();
  return {
    add(kind, details = {}) {
      const event = { ...details, atMs: clock.nowMs(), time: clock.timestamp(), kind };
      events.push(event);
      if (events.length >= capacity * 2) events = events.slice(-capacity);
      for (const listener of listeners) listener(event);
    },
    past: () => events.slice(-capacity),
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

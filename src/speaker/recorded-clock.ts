/**
 * Time as a recording has it: it stands still until the next record says when that was, and what was due until then happens
 * first. By it a replay loses stale routes when the router lost them.
 */
import { type CancelTimer, type Clock, formatTimestamp } from "../net/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

export class RecordedClock implements Clock {
  private microseconds = 0;
  private readonly timers = new Set<Timer>();

  nowMs(): number {
    return this.microseconds / 1000;
  }

  timestamp(): string {
    return formatTimestamp(this.microseconds);
  }

  unixMicroseconds(): number {
    return this.microseconds;
  }

  setTimer(delayMs: number, run: () => void): CancelTimer {
    const timer = { atMs: this.nowMs() + delayMs, run };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /** It does not go back: what a merged recording has out of order happened at the latest time before. */
  advanceTo(microseconds: number): void {
    for (let due = this.firstUntil(microseconds / 1000); due; due = this.firstUntil(microseconds / 1000)) {
      this.timers.delete(due);
      this.microseconds = Math.max(this.microseconds, due.atMs * 1000);
      due.run();
    }
    this.microseconds = Math.max(this.microseconds, microseconds);
  }

  /** There are two for each peer at most. */
  private firstUntil(ms: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.timers)
      if (timer.atMs <= ms && timer.atMs < (first?.atMs ?? Number.POSITIVE_INFINITY)) first = timer;
    return first;
  }
}

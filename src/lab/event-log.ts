/** The router's events as they come in, to be searched and waited for. Waiting always has a deadline. */
import type { Clock } from "../net/clock.ts";

export interface RouterEvent {
  readonly atMs: number;
  readonly kind: string;
  readonly peer?: string;
  readonly [detail: string]: unknown;
}

export class EventLog {
  readonly #clock: Clock;
  readonly #events: RouterEvent[] = [];
  #wake: (() => void)[] = [];
  #failure: Error | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(event: RouterEvent): void {
    this.#events.push(event);
    this.#wakeAll();
  }

  /** No more events will come: whoever waits, now or later, is told why. */
  end(failure: Error): void {
    this.#failure = failure;
    this.#wakeAll();
  }

  /** Asks `check` now and again after each event, until it answers or `deadlineMs` (from now) has passed. */
  async until<T>(check: () => Promise<T | undefined>, deadlineMs: number): Promise<T | undefined> {
    const endMs = this.#clock.nowMs() + deadlineMs;
    for (;;) {
      const seen = this.#events.length;
      const answer = this.#failure ? undefined : await check();
      if (answer === undefined && this.#failure) throw this.#failure;
      const leftMs = endMs - this.#clock.nowMs();
      if (answer !== undefined || leftMs <= 0) return answer;
      if (this.#events.length === seen) await this.#nextEvent(leftMs);
    }
  }

  /** The first event, past or to come, that `wanted` accepts. */
  find(wanted: (event: RouterEvent) => boolean, deadlineMs: number): Promise<RouterEvent | undefined> {
    return this.until(async () => this.#events.find(wanted), deadlineMs);
  }

  /** The first of those that are here. */
  earliest(wanted: (event: RouterEvent) => boolean): RouterEvent | undefined {
    return this.#events.find(wanted);
  }

  /** The latest of them. */
  latest(wanted: (event: RouterEvent) => boolean): RouterEvent | undefined {
    return this.#events.findLast(wanted);
  }

  /** All that are here, in the order in which they came. */
  all = (): readonly RouterEvent[] => this.#events;

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  #nextEvent(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(deadlineMs, resolve);
      this.#wake.push(() => {
        cancel();
        resolve();
      });
    });
  }
}

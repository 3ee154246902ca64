/**
 * Short requests, each a connection of its own: it is opened at its time from its own source port, asks its questions one
 * after the other, and is over. A request that fails is tried again from its beginning, from another port, as often
 * as it may. `load-process.ts` runs this beside the long-lived connections.
 */
import { type Clock, delay } from "../net/clock.ts";
import { attemptByEcho } from "./echo-attempt.ts";
import { attemptByHttp } from "./http-attempt.ts";
import { resolveTarget } from "./name-client.ts";
import type { Attempt, RequestOrder, RequestRecord } from "./request.ts";

/** Before another attempt. */
const RETRY_PAUSE_MS = 100;

/** Why an attempt failed, or undefined. */
const ATTEMPTS: Readonly<Record<RequestOrder["language"], (attempt: Attempt) => Promise<string | undefined>>> = {
  echo: attemptByEcho,
  http: attemptByHttp,
};

export class RequestClient {
  readonly #clock: Clock;
  readonly #records: RequestRecord[] = [];
  #pending: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(orders: readonly RequestOrder[]): void {
    this.#pending = Promise.all(orders.map((order) => this.#play(order)));
  }

  /** When every request that was begun is over. */
  async records(): Promise<readonly RequestRecord[]> {
    await this.#pending;
    return this.#records;
  }

  async #play(order: RequestOrder): Promise<void> {
    await delay(this.#clock, order.atMs);
    const record: RequestRecord = { flow: order.flow, begunAtMs: this.#clock.nowMs(), attempts: 0, bytes: 0, answered: false };
    this.#records.push(record);
    while (!record.answered && record.attempts <= order.retries) {
      if (record.attempts > 0) await delay(this.#clock, RETRY_PAUSE_MS);
      const localPort = record.attempts === 0 ? order.sourcePort : undefined;
      const destinationAddress = await resolveTarget(order);
      if (order.name) record.resolved ??= destinationAddress;
      const attempt = { clock: this.#clock, order: { ...order, destinationAddress }, localPort, record };
      const failure = await ATTEMPTS[order.language](attempt);
      if (record.attempts === 0) record.endedAtMs = this.#clock.nowMs();
      if (record.attempts === 0 && failure !== undefined) record.failed = failure;
      record.attempts += 1;
      record.answered = failure === undefined;
    }
  }
}

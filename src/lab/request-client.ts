/**
 * Short requests, each a connection of its own: it is opened at its time from its own source port, asks its questions one
 * after the other, and is reset. A request that fails is tried again from its beginning, from another port, as often
 * as it may. `load-process.ts` runs this beside the long-lived connections.
 */
import { connect } from "node:net";
import { type CancelTimer, type Clock, delay } from "../net/clock.ts";
import { reset } from "./load-client.ts";
import type { PodGreeting } from "./pod.ts";
import { NO_ANSWER, type RequestOrder, type RequestRecord } from "./request.ts";

/** How long an answer may take, and the pause before another attempt. */
export const ANSWER_TIMEOUT_MS = 1000;
const RETRY_PAUSE_MS = 100;
/** A timer that is later than this was held up by more than its like. */
const LATE_MS = 20;

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
      const sourcePort = record.attempts === 0 ? order.sourcePort : undefined;
      const failure = await this.#attempt(order, sourcePort, record);
      if (record.attempts === 0) record.endedAtMs = this.#clock.nowMs();
      if (record.attempts === 0 && failure !== undefined) record.failed = failure;
      record.attempts += 1;
      record.answered = failure === undefined;
    }
  }

  /** Why it failed, or undefined. */
  #attempt(
    { destinationAddress, destinationPort, sourceAddress, ...order }: RequestOrder,
    localPort: number | undefined,
    record: RequestRecord,
  ): Promise<string | undefined> {
    return new Promise((settled) => {
      const socket = connect({
        host: destinationAddress,
        port: destinationPort,
        localAddress: sourceAddress,
        noDelay: true,
        ...(localPort === undefined ? {} : { localPort }),
      });
      let failure: string | undefined;
      let left = order.exchanges;
      // Of the answer that is awaited; the first one is the pod's greeting, and ends with its line.
      let missing = Number.POSITIVE_INFINITY;
      const fail = (why: string) => {
        failure ??= why;
        // Ended in order, it would wait for the answer that does not come, and the next run could not have its port.
        reset(socket);
      };
      const patience = () => this.#afterSilence(ANSWER_TIMEOUT_MS, () => fail(NO_ANSWER));
      let cancel = patience();
      const ask = () => {
        missing = order.bytes;
        socket.write(Buffer.alloc(order.bytes, "ask\n"));
        cancel = patience();
      };
      socket.on("data", (bytes) => {
        cancel();
        const isGreeting = missing === Number.POSITIVE_INFINITY;
        if (isGreeting && localPort !== undefined && record.pod === undefined) {
          const { pod, source } = JSON.parse(bytes.toString("utf8")) as PodGreeting;
          Object.assign(record, { pod, sourceSeen: source });
        }
        missing = isGreeting && bytes.includes("\n") ? 0 : missing - bytes.length;
        record.lastByteAtMs = this.#clock.nowMs();
        if (isGreeting) record.firstByteAtMs = record.lastByteAtMs;
        else record.bytes += bytes.length;
        if (missing > 0) {
          cancel = patience();
          return;
        }
        left -= 1;
        // A reset leaves no TIME_WAIT: the same source ports can be used again at once.
        if (left <= 0) return void socket.resetAndDestroy();
        cancel = this.#clock.setTimer(order.everyMs, ask);
      });
      socket.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      socket.on("end", () => (left > 0 ? fail("closed") : undefined));
      socket.on("close", () => {
        cancel();
        settled(failure);
      });
    });
  }

  /**
   * Timers run before the sockets are read. One that is late tells that this very process stood still, and the answer may be waiting:
   * it is awaited for as long again.
   */
  #afterSilence(forMs: number, done: () => void): CancelTimer {
    const dueMs = this.#clock.nowMs() + forMs;
    let cancel = this.#clock.setTimer(forMs, () => {
      const lateMs = this.#clock.nowMs() - dueMs;
      if (lateMs < LATE_MS) done();
      else cancel = this.#afterSilence(lateMs, done);
    });
    return () => cancel();
  }
}

/**
 * A port whose interface may go and come back while it is in use: the port behind it is closed and opened anew, what is around
 * it stays, and its counters go on. While there is none nothing is received, and what is sent is refused and counted.
 */
import { type Batch, createBatch, ROW, ROW_WORDS, VERDICT } from "./batch.ts";
import { NO_COUNTERS, type Port, type PortCounters } from "./port.ts";

const NO_FRAMES = createBatch(new Uint8Array(), 0);

export class LivePort<Inner extends Port> implements Port {
  readonly name: string;
  readonly #open: () => Inner;
  #inner: Inner | undefined;
  #isClosed = false;
  /** Of those that were here before. */
  #past = NO_COUNTERS;

  /** There is none until `renew`. */
  constructor(name: string, open: () => Inner) {
    this.name = name;
    this.#open = open;
  }

  get inner(): Inner | undefined {
    return this.#inner;
  }

  get batch(): Batch {
    return this.#inner?.batch ?? NO_FRAMES;
  }

  /** In the place of what was there. If it cannot be opened there is none, and the reason is thrown. */
  renew(): void {
    this.drop();
    this.#inner = this.#open();
  }

  /** The interface is gone. */
  drop(): void {
    if (!this.#inner) return;
    this.#inner.close();
    this.#past = this.counters();
    this.#inner = undefined;
  }

  receive(): number {
    this.#check();
    return this.#inner ? this.#inner.receive() : 0;
  }

  transmit(batch: Batch, egress: number): number {
    this.#check();
    if (this.#inner) return this.#inner.transmit(batch, egress);
    const { rows, count } = batch;
    let refused = 0;
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS)
      if (rows[row + ROW.verdict] === VERDICT.forward && rows[row + ROW.egress] === egress) refused++;
    this.#past = { ...this.#past, transmitErrors: this.#past.transmitErrors + refused };
    return refused;
  }

  counters(): PortCounters {
    const now = this.#inner?.counters();
    if (!now) return this.#past;
    const sum = Object.entries(this.#past).map(([name, value]) => [name, value + now[name as keyof PortCounters]]);
    return Object.fromEntries(sum) as unknown as PortCounters;
  }

  close(): void {
    this.drop();
    this.#isClosed = true;
  }

  #check(): void {
    if (this.#isClosed) throw new Error(`${this.name}: the port is closed; wanted an open one`);
  }
}

/**
 * A tap around any port: what passes it is copied for a capture file, what was received with the verdict that it got. That is
 * known when the port is asked for the next batch, and by then the frame in the ring is another, so a received frame is copied
 * when it comes and told when it is judged. Switched on and off, and filtered, through shared memory; while it is off it costs
 * a load a batch.
 */
import { CAPTURE_DIRECTION } from "../pcap/pcapng-writer.ts";
import { BATCH_CAPACITY, type Batch, ROW, ROW_WORDS, VERDICT } from "./batch.ts";
import type { Port, PortCounters } from "./port.ts";
import { createRecordWriter, type RecordWriter } from "./record-ring.ts";
import { createSharedReader } from "./shared-value.ts";
import { compileTapFilter, type FrameFilter, type TapFilter } from "./tap-filter.ts";
import { TAP, TAP_WORDS } from "./tap-memory.ts";

/** The shared value that switches a tap on. */
export interface TapSettings extends TapFilter {
  /** Of each frame; the rest is told by its length only. */
  readonly snapBytes: number;
  /** Of VERDICT; undefined: whatever became of the frame. */
  readonly verdict?: number | undefined;
}

export interface TapOptions {
  readonly port: Port;
  /** Index of the port. */
  readonly index: number;
  /** A shared value: TapSettings. */
  readonly settings: SharedArrayBuffer;
  /** Of this thread, for all its taps. */
  readonly memory: SharedArrayBuffer;
  readonly unixMicroseconds: () => number;
}

export class TapPort implements Port {
  readonly name: string;
  readonly #inner: Port;
  readonly #writer: RecordWriter;
  readonly #look: () => TapSettings | undefined;
  readonly #unixMicroseconds: () => number;
  #settings: TapSettings | undefined;
  #takes: FrameFilter = () => false;
  /** Of the batch that was received last and is being judged: the frames that are wanted, one behind the other... */
  #copies = new Uint8Array();
  /** ...and what they were when they came: they are rewritten in place, and are longer if they leave with more tags. */
  #received: { readonly row: number; readonly length: number; readonly wireLength: number }[] = [];
  /** The batch itself: the port may have another by then, if its interface went away. */
  #judged: Batch;
  #receivedAt = 0;
  readonly #record = new Uint32Array(TAP_WORDS);

  constructor(options: TapOptions) {
    this.#inner = options.port;
    this.#judged = options.port.batch;
    this.name = options.port.name;
    this.#writer = createRecordWriter(options.memory);
    this.#look = createSharedReader(options.settings);
    this.#unixMicroseconds = options.unixMicroseconds;
    this.#record[TAP.port] = options.index;
  }

  get batch(): Batch {
    return this.#inner.batch;
  }

  receive(): number {
    if (this.#received.length > 0) this.#tellReceived();
    this.#update();
    const count = this.#inner.receive();
    if (this.#settings && count > 0) this.#copyReceived(this.#settings);
    return count;
  }

  transmit(batch: Batch, egress: number): number {
    this.#update();
    if (this.#settings && (this.#settings.verdict ?? VERDICT.forward) === VERDICT.forward)
      this.#tellSent(batch, egress, this.#settings);
    return this.#inner.transmit(batch, egress);
  }

  counters(): PortCounters {
    return this.#inner.counters();
  }

  close(): void {
    if (this.#received.length > 0) this.#tellReceived();
    this.#inner.close();
  }

  #update(): void {
    const settings = this.#look();
    if (settings === this.#settings) return;
    this.#settings = settings;
    this.#takes = settings ? compileTapFilter(settings) : () => false;
    this.#copies = new Uint8Array(settings ? settings.snapBytes * BATCH_CAPACITY : 0);
    this.#received = [];
  }

  #copyReceived({ snapBytes }: TapSettings): void {
    this.#judged = this.#inner.batch;
    const { bytes, rows, count } = this.#judged;
    this.#receivedAt = this.#unixMicroseconds();
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      const [offset, length] = [rows[row + ROW.offset], rows[row + ROW.length]];
      if (!this.#takes(bytes, offset, length)) continue;
      const kept = Math.min(length, snapBytes);
      this.#copies.set(bytes.subarray(offset, offset + kept), this.#received.length * snapBytes);
      this.#received.push({ row, length: kept, wireLength: rows[row + ROW.wireLength] });
    }
  }

  #tellReceived(): void {
    const { rows } = this.#judged;
    const { snapBytes = 0, verdict } = this.#settings ?? {};
    for (const [i, { row, length, wireLength }] of this.#received.entries()) {
      if (verdict !== undefined && rows[row + ROW.verdict] !== verdict) continue;
      this.#describe(rows, row, CAPTURE_DIRECTION.in, this.#receivedAt);
      this.#record[TAP.vlanTci] = rows[row + ROW.vlanTci];
      this.#record[TAP.wireLength] = wireLength;
      this.#writer.push(this.#record, this.#copies, i * snapBytes, length);
    }
    this.#received = [];
  }

  #tellSent({ bytes, rows, count }: Batch, egress: number, { snapBytes }: TapSettings): void {
    const sentAt = this.#unixMicroseconds();
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      if (rows[row + ROW.verdict] !== VERDICT.forward || rows[row + ROW.egress] !== egress) continue;
      const [offset, length] = [rows[row + ROW.offset], rows[row + ROW.length]];
      if (!this.#takes(bytes, offset, length)) continue;
      this.#describe(rows, row, CAPTURE_DIRECTION.out, sentAt);
      // What leaves has its tags in the frame again.
      this.#record[TAP.vlanTci] = 0;
      this.#record[TAP.wireLength] = length;
      this.#writer.push(this.#record, bytes, offset, Math.min(length, snapBytes));
    }
  }

  #describe(rows: Uint32Array, row: number, direction: number, unixMicroseconds: number): void {
    const record = this.#record;
    record[TAP.direction] = direction;
    record[TAP.verdict] = rows[row + ROW.verdict];
    record[TAP.reason] = rows[row + ROW.reason];
    record[TAP.nextHop] = rows[row + ROW.nextHop];
    record[TAP.timeHigh] = Math.floor(unixMicroseconds / 0x100000000);
    record[TAP.timeLow] = unixMicroseconds % 0x100000000;
  }
}

/**
 * The portable port: frames of one interface by way of libpcap (the package `cap`), for what the packet ring cannot serve. That
 * package takes its process down with an interface, so it has one of its own:
 *
 *   worker: PcapLive  <- rings of records ->  thread: pcap-live-thread  <- pipes ->  process: pcap-live-process
 *
 * There is no virtio header here: a frame whose checksum or segmentation was left to the device comes unfinished or too long to
 * be sent, so the neighbors' offloads have to be off. One thread receives (`index` 0); all may send. While there is no process
 * nothing comes, and what is sent is refused and counted. What libpcap refuses later is counted here too, after the fact.
 */
import { type Batch, ROW } from "./batch.ts";
import { createSlots, LARGEST_FRAME, placeFrame, rowsToSend } from "./frame-slots.ts";
import { CAPTURE, type CaptureMemory } from "./pcap-live-memory.ts";
import type { Port, PortCounters } from "./port.ts";
import { createRecordReader, createRecordWriter, type RecordReader, type RecordWriter } from "./record-ring.ts";
import { untag } from "./vlan-tag.ts";

export interface PcapLiveOptions {
  readonly name: string;
  readonly memory: CaptureMemory;
  /** Of the thread. */
  readonly index: number;
}

const NO_WORDS = new Uint32Array();

export class PcapLive implements Port {
  readonly name: string;
  readonly batch: Batch = createSlots();
  readonly #state: Int32Array;
  /** Undefined: another thread receives. */
  readonly #received: RecordReader | undefined;
  readonly #sent: RecordWriter;
  #isClosed = false;
  readonly #counters = { receivedFrames: 0, receivedBytes: 0, transmittedFrames: 0, transmittedBytes: 0, transmitErrors: 0 };

  constructor({ name, memory, index }: PcapLiveOptions) {
    this.name = name;
    this.#state = new Int32Array(memory.state);
    this.#received = index === 0 ? createRecordReader(memory.received, 1) : undefined;
    this.#received?.arm();
    this.#sent = createRecordWriter(memory.sent[index]);
  }

  receive(): number {
    this.#check();
    const { batch } = this;
    batch.count = 0;
    while (this.#received && batch.count < batch.capacity) {
      const record = this.#received.next();
      if (record === undefined) {
        if (this.#received.arm()) break;
        continue;
      }
      const frame = untag(record.bytes);
      const wireLength = record.words[0] - (record.bytes.length - frame.bytes.length);
      placeFrame(batch, batch.count++, { ...frame, wireLength });
      this.#counters.receivedFrames++;
      this.#counters.receivedBytes += wireLength;
    }
    return batch.count;
  }

  transmit(batch: Batch, egress: number): number {
    this.#check();
    const { bytes, rows } = batch;
    const wanted = rowsToSend(this.name, batch, egress);
    let refused = 0;
    for (const row of wanted) {
      const length = rows[row + ROW.length];
      if (this.#isUp() && length <= LARGEST_FRAME && this.#sent.push(NO_WORDS, bytes, rows[row + ROW.offset], length)) {
        this.#counters.transmittedFrames++;
        this.#counters.transmittedBytes += length;
      } else refused++;
    }
    if (this.#sent.takeBell()) {
      Atomics.add(this.#state, CAPTURE.bell, 1);
      Atomics.notify(this.#state, CAPTURE.bell);
    }
    this.#counters.transmitErrors += refused;
    return refused;
  }

  /** What concerns all threads is told by the one that receives, once. */
  counters(): PortCounters {
    const { transmitErrors, ...counters } = this.#counters;
    if (!this.#received) return { ...counters, transmitErrors, receiveDrops: 0 };
    const read = (word: number): number => Atomics.load(this.#state, word) >>> 0;
    return {
      ...counters,
      transmitErrors: transmitErrors + read(CAPTURE.unsent),
      receiveDrops: read(CAPTURE.libpcapDrops) + read(CAPTURE.queueDrops),
    };
  }

  /** The capture goes on: it is who opened it that ends it. */
  close(): void {
    this.#isClosed = true;
    this.batch.count = 0;
  }

  #isUp(): boolean {
    return Atomics.load(this.#state, CAPTURE.isUp) === 1;
  }

  #check(): void {
    if (this.#isClosed) throw new Error(`${this.name}: the port is closed; wanted an open one`);
  }
}

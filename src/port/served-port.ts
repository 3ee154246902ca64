/**
 * A port whose frames another thread brings and takes away: libpcap's, or that of a port over capture files. Workers see rings
 * of records in shared memory and nothing of what is behind, so they neither wait for it nor notice its end.
 *
 *   worker: ServedPort  <- rings of records ->  thread: pcap-live-thread  <- pipes ->  process: pcap-live-process
 *   worker: ServedPort  <- rings of records ->  thread: capture-file-thread  <->  files
 *
 * There is no virtio header behind it. What comes without its checksum stays so; what leaves gets the one that was left to the
 * device, but no segmentation: libpcap finds such a frame too long, a file has it as it is. One thread receives (`index` 0); all
 * may send. While nobody takes what is sent it is refused and counted; what is refused later is counted too, after the fact.
 */
import { finishChecksum } from "../wire/checksum.ts";
import { type Batch, ROW, VIRTIO_HEADER_LENGTH } from "./batch.ts";
import { createSlots, LARGEST_FRAME, placeFrame, rowsToSend } from "./frame-slots.ts";
import type { Port, PortCounters } from "./port.ts";
import { createRecordReader, createRecordWriter, type RecordReader, type RecordWriter } from "./record-ring.ts";
import { type PortMemory, SERVED } from "./served-memory.ts";
import { untag } from "./vlan-tag.ts";

export interface ServedPortOptions {
  readonly name: string;
  readonly memory: PortMemory;
  /** Of the thread. */
  readonly index: number;
}

const NO_WORDS = new Uint32Array();

export class ServedPort implements Port {
  readonly name: string;
  readonly batch: Batch = createSlots();
  readonly #state: Int32Array;
  /** Undefined: another thread receives, or another port. */
  readonly #received: RecordReader | undefined;
  readonly #sent: RecordWriter;
  #isClosed = false;
  readonly #counters = { receivedFrames: 0, receivedBytes: 0, transmittedFrames: 0, transmittedBytes: 0, transmitErrors: 0 };

  constructor({ name, memory, index }: ServedPortOptions) {
    this.name = name;
    this.#state = new Int32Array(memory.state);
    this.#received = index === 0 && memory.received ? createRecordReader(memory.received, 1) : undefined;
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
    if (this.#received && Atomics.exchange(this.#state, SERVED.wantsRoom, 0) === 1) this.#ring();
    return batch.count;
  }

  transmit(batch: Batch, egress: number): number {
    this.#check();
    const { bytes, rows } = batch;
    const wanted = rowsToSend(this.name, batch, egress);
    let refused = 0;
    for (const row of wanted) {
      const [frame, length] = [rows[row + ROW.offset], rows[row + ROW.length]];
      finishChecksum(bytes, frame - VIRTIO_HEADER_LENGTH, frame + length);
      if (this.#isUp() && length <= LARGEST_FRAME && this.#sent.push(NO_WORDS, bytes, frame, length)) {
        this.#counters.transmittedFrames++;
        this.#counters.transmittedBytes += length;
      } else refused++;
    }
    if (this.#sent.takeBell()) this.#ring();
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
      transmitErrors: transmitErrors + read(SERVED.unsent),
      receiveDrops: read(SERVED.lost) + read(SERVED.queueDrops),
    };
  }

  /** What serves it goes on: it is who opened that who ends it. */
  close(): void {
    this.#isClosed = true;
    this.batch.count = 0;
  }

  #ring(): void {
    Atomics.add(this.#state, SERVED.bell, 1);
    Atomics.notify(this.#state, SERVED.bell);
  }

  #isUp(): boolean {
    return Atomics.load(this.#state, SERVED.isUp) === 1;
  }

  #check(): void {
    if (this.#isClosed) throw new Error(`${this.name}: the port is closed; wanted an open one`);
  }
}

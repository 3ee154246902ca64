/** A port of nobody, for the warm-up: batches of made-up frames come in by it, and what is sent there is gone. */
import { type Batch, createBatch, ROW, ROW_WORDS, VIRTIO_HEADER_LENGTH } from "../port/batch.ts";
import { NO_COUNTERS, type Port, type PortCounters } from "../port/port.ts";
import { MADE_UP_FRAMES } from "./made-up-frames.ts";

const SLOT_BYTES = 128;

export class MadeUpPort implements Port {
  readonly name = "made up";
  readonly batch: Batch = createBatch(new Uint8Array(SLOT_BYTES * 64));
  #next = 0;

  /** Every size of a batch there is, and empty ones between them, as where packets are sparse. */
  receive(): number {
    const { batch } = this;
    const turn = this.#next++;
    batch.count = turn % 3 === 0 ? 0 : turn % (batch.capacity + 1);
    for (let i = 0; i < batch.count; i++) {
      const frame = MADE_UP_FRAMES[(turn + i) % MADE_UP_FRAMES.length];
      const offset = i * SLOT_BYTES + VIRTIO_HEADER_LENGTH;
      const row = i * ROW_WORDS;
      batch.bytes.set(frame, offset);
      batch.rows.fill(0, row, row + ROW_WORDS);
      batch.rows[row + ROW.offset] = offset;
      batch.rows[row + ROW.length] = batch.rows[row + ROW.wireLength] = frame.length;
    }
    return batch.count;
  }

  transmit(): number {
    return 0;
  }

  counters(): PortCounters {
    return NO_COUNTERS;
  }

  close(): void {}
}

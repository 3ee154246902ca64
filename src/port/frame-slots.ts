/**
 * The batch of a port whose frames come one by one, out of a queue and not out of a ring that is shared with the kernel: a slot
 * for each frame, with the largest that there is (14 + 4 + 65535 bytes) and its virtio header. And the other way round: which
 * frames of any batch such a port is to send.
 */
import { BATCH_CAPACITY, type Batch, createBatch, ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "./batch.ts";

const SLOT_BYTES = 65 * 1024;
/** The IP header is aligned as in a ring. */
const FRAME_OFFSET = 18;
const SMALLEST_FRAME = 14;

export const LARGEST_FRAME = SLOT_BYTES - FRAME_OFFSET;

/** A frame as it is on the wire, with what the kernel would still have to do to it (all zero: nothing). */
export interface WireFrame {
  readonly bytes: Uint8Array;
  readonly virtioHeader?: Uint8Array;
  /** Of the frame, if `bytes` is only its first part. */
  readonly wireLength?: number;
  /** See ROW.vlanTci. */
  readonly vlanTci?: number;
}

export const createSlots = (): Batch => createBatch(new Uint8Array(BATCH_CAPACITY * SLOT_BYTES));

/** Puts the frame into slot `index`, as just received. */
export function placeFrame({ bytes, rows }: Batch, index: number, frame: WireFrame): void {
  const offset = index * SLOT_BYTES + FRAME_OFFSET;
  bytes.fill(0, offset - VIRTIO_HEADER_LENGTH, offset);
  if (frame.virtioHeader) bytes.set(frame.virtioHeader, offset - VIRTIO_HEADER_LENGTH);
  bytes.set(frame.bytes, offset);
  const row = index * ROW_WORDS;
  rows.fill(0, row, row + ROW_WORDS);
  rows[row + ROW.offset] = offset;
  rows[row + ROW.length] = frame.bytes.length;
  rows[row + ROW.wireLength] = frame.wireLength ?? frame.bytes.length;
  rows[row + ROW.vlanTci] = frame.vlanTci ?? 0;
}

/** The rows to be sent to `egress`; a batch with a mistake in it is refused as a whole. */
export function rowsToSend(port: string, { bytes, rows, count }: Batch, egress: number): number[] {
  const wanted: number[] = [];
  for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
    if (rows[row + ROW.verdict] !== VERDICT.forward || rows[row + ROW.egress] !== egress) continue;
    const [offset, length] = [rows[row + ROW.offset], rows[row + ROW.length]];
    if (offset < VIRTIO_HEADER_LENGTH || length < SMALLEST_FRAME || offset + length > bytes.length) {
      throw new RangeError(
        `${port}: row ${row / ROW_WORDS}: frame at ${offset} of ${length} bytes; wanted at least ${VIRTIO_HEADER_LENGTH} ` +
          `bytes in front and an Ethernet header, within the ${bytes.length} bytes of the batch`,
      );
    }
    wanted.push(row);
  }
  return wanted;
}

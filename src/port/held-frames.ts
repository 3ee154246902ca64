/**
 * Frames that a faulty port holds back: copies, in the order of the time at which they are due, those due at the same time in
 * the order in which they came. Bounded, so that a delay under a flood loses frames instead of memory.
 */
import { BATCH_HEADROOM, type Batch, createBatch, ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "./batch.ts";

/** Two seconds of 2,000 packets each, or 32 MiB of large ones. */
const MAXIMUM_FRAMES = 4096;
const MAXIMUM_BYTES = 32 * 1024 * 1024;
const LARGEST_FRAME = 1 << 17;

export interface HeldFrame {
  readonly dueMs: number;
  /** The virtio header, then the frame. */
  readonly bytes: Uint8Array;
  readonly row: Uint32Array;
}

/** Whether the frame lies where a frame can lie; of one that does not, the port below will say so. */
export const isWithin = ({ bytes, rows }: Batch, row: number): boolean =>
  rows[row + ROW.offset] >= VIRTIO_HEADER_LENGTH && rows[row + ROW.offset] + rows[row + ROW.length] <= bytes.length;

export function copyFrame({ bytes, rows }: Batch, row: number, dueMs: number): HeldFrame {
  const offset = rows[row + ROW.offset];
  return {
    dueMs,
    bytes: bytes.slice(offset - VIRTIO_HEADER_LENGTH, offset + rows[row + ROW.length]),
    row: rows.slice(row, row + ROW_WORDS),
  };
}

/** A batch with room for any one frame, or for several that are smaller. */
export const createHeldBatch = (capacity: number): Batch => createBatch(new Uint8Array(LARGEST_FRAME), capacity);

/**
 * Puts the frame behind those in `batch`, from byte `at` on, as just received or to be forwarded to port 0. Returns where the
 * next may begin: IP headers are aligned to four bytes.
 */
export function place(batch: Batch, { bytes, row }: HeldFrame, verdict: number, at = 0): number {
  const to = batch.count++ * ROW_WORDS;
  batch.bytes.set(bytes, at + BATCH_HEADROOM);
  batch.rows.set(row, to);
  batch.rows[to + ROW.offset] = at + BATCH_HEADROOM + VIRTIO_HEADER_LENGTH;
  batch.rows[to + ROW.verdict] = verdict;
  if (verdict === VERDICT.forward) batch.rows[to + ROW.egress] = 0;
  return (at + BATCH_HEADROOM + bytes.length + 3) & ~3;
}

/** Whether the frame has room in `batch` from byte `at` on. */
export const hasRoom = (batch: Batch, { bytes }: HeldFrame, at: number): boolean =>
  batch.count < batch.capacity && at + BATCH_HEADROOM + bytes.length <= batch.bytes.length;

export class HeldFrames {
  readonly #frames: HeldFrame[] = [];
  #bytes = 0;

  /** False: there is no room. */
  add(frame: HeldFrame): boolean {
    if (this.#frames.length === MAXIMUM_FRAMES || this.#bytes + frame.bytes.length > MAXIMUM_BYTES) return false;
    if (frame.bytes.length > LARGEST_FRAME - BATCH_HEADROOM) return false;
    let at = this.#frames.length;
    while (at > 0 && this.#frames[at - 1].dueMs > frame.dueMs) at--;
    this.#frames.splice(at, 0, frame);
    this.#bytes += frame.bytes.length;
    return true;
  }

  /** The next one that is due by `nowMs`; it stays. */
  next(nowMs: number): HeldFrame | undefined {
    return this.nextDueMs > nowMs ? undefined : this.#frames[0];
  }

  /** Takes the next one away. */
  shift(): void {
    this.#bytes -= this.#frames.shift()?.bytes.length ?? 0;
  }

  get nextDueMs(): number {
    return this.#frames.length === 0 ? Number.POSITIVE_INFINITY : this.#frames[0].dueMs;
  }

  clear(): void {
    this.#frames.length = 0;
    this.#bytes = 0;
  }
}

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

/** A batch that holds one frame, alone. */
export const createSingle = (): Batch => createBatch(new Uint8Array(LARGEST_FRAME), 1);

/** Puts the frame into `single`: as just received, or to be forwarded to port 0. */
export function place(single: Batch, { bytes, row }: HeldFrame, verdict: number): void {
  single.bytes.set(bytes, BATCH_HEADROOM);
  single.rows.set(row);
  single.rows[ROW.offset] = BATCH_HEADROOM + VIRTIO_HEADER_LENGTH;
  single.rows[ROW.verdict] = verdict;
  if (verdict === VERDICT.forward) single.rows[ROW.egress] = 0;
  single.count = 1;
}

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

  /** The next one that is due by `nowMs`. */
  take(nowMs: number): HeldFrame | undefined {
    if (this.nextDueMs > nowMs) return undefined;
    const frame = this.#frames.shift();
    this.#bytes -= frame?.bytes.length ?? 0;
    return frame;
  }

  get nextDueMs(): number {
    return this.#frames.length === 0 ? Number.POSITIVE_INFINITY : this.#frames[0].dueMs;
  }

  clear(): void {
    this.#frames.length = 0;
    this.#bytes = 0;
  }
}

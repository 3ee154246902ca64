/**
 * The port without a network: two ends of a wire in memory, for tests and for everything offline. What one end transmits the
 * other receives. Either end may be held by hand instead: `inject` puts a frame in as if the wire had brought it, `take` draws
 * out what it did bring. Frames are copied at each step, as a real wire would.
 *
 *   router <- receive() - [ near ] <- queue - - - transmit() - [ far ] - router
 *                              ^ inject()                          v take()
 */
import { BATCH_CAPACITY, type Batch, createBatch, ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "./batch.ts";
import type { Port, PortCounters } from "./port.ts";

/** A frame as it is on the wire, with what the kernel would still have to do to it (all zero: nothing). */
export interface WireFrame {
  readonly bytes: Uint8Array;
  readonly virtioHeader?: Uint8Array;
  /** Of the frame, if `bytes` is only its first part. */
  readonly wireLength?: number;
  /** See ROW.vlanTci. */
  readonly vlanTci?: number;
}

export interface LoopbackOptions {
  readonly name: string;
  /** How many frames may wait at this end before more are refused. */
  readonly queueFrames?: number;
}

/** A frame of 14 + 4 + 65535 bytes fits, with its virtio header; the IP header is aligned as in a ring. */
const SLOT_BYTES = 65 * 1024;
const FRAME_OFFSET = 18;
const LARGEST_FRAME = SLOT_BYTES - FRAME_OFFSET;
const SMALLEST_FRAME = 14;

export class Loopback implements Port {
  readonly name: string;
  readonly batch: Batch;
  #peer: Loopback | undefined;
  #open = true;
  readonly #queueFrames: number;
  readonly #queue: WireFrame[] = [];
  readonly #counters = {
    receivedFrames: 0,
    receivedBytes: 0,
    transmittedFrames: 0,
    transmittedBytes: 0,
    transmitErrors: 0,
    receiveDrops: 0,
  };

  constructor(options: LoopbackOptions) {
    this.name = options.name;
    this.#queueFrames = options.queueFrames ?? 1024;
    this.batch = createBatch(new Uint8Array(BATCH_CAPACITY * SLOT_BYTES));
  }

  /** Without a peer, what is transmitted is refused. */
  connect(peer: Loopback): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  inject(frame: WireFrame | Uint8Array): boolean {
    this.#check();
    const accepted = this.#accept(frame instanceof Uint8Array ? { bytes: frame } : frame);
    if (!accepted) this.#counters.receiveDrops++;
    return accepted;
  }

  take(): WireFrame[] {
    this.#check();
    return this.#queue.splice(0);
  }

  receive(): number {
    this.#check();
    const { bytes, rows, capacity } = this.batch;
    const frames = this.#queue.splice(0, capacity);
    for (const [index, frame] of frames.entries()) {
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
      this.#counters.receivedFrames++;
      this.#counters.receivedBytes += rows[row + ROW.wireLength];
    }
    this.batch.count = frames.length;
    return frames.length;
  }

  transmit(batch: Batch, egress: number): number {
    this.#check();
    const peer = this.#peer;
    let refused = 0;
    for (const frame of this.#copyOut(batch, egress)) {
      const accepted = peer ? peer.#accept(frame) : false;
      if (accepted) {
        this.#counters.transmittedFrames++;
        this.#counters.transmittedBytes += frame.bytes.length;
      } else refused++;
    }
    this.#counters.transmitErrors += refused;
    return refused;
  }

  counters(): PortCounters {
    return { ...this.#counters };
  }

  close(): void {
    this.#open = false;
    this.#queue.length = 0;
    this.batch.count = 0;
  }

  /** All before any is sent: a batch with a mistake in it is refused as a whole. */
  #copyOut({ bytes, rows, count }: Batch, egress: number): WireFrame[] {
    const frames: WireFrame[] = [];
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      if (rows[row + ROW.verdict] !== VERDICT.forward || rows[row + ROW.egress] !== egress) continue;
      const offset = rows[row + ROW.offset];
      const length = rows[row + ROW.length];
      if (offset < VIRTIO_HEADER_LENGTH || length < SMALLEST_FRAME || offset + length > bytes.length) {
        throw new RangeError(
          `${this.name}: row ${row / ROW_WORDS}: frame at ${offset} of ${length} bytes; wanted at least ${VIRTIO_HEADER_LENGTH} ` +
            `bytes in front and an Ethernet header, within the ${bytes.length} bytes of the batch`,
        );
      }
      const virtioHeader = bytes.slice(offset - VIRTIO_HEADER_LENGTH, offset);
      frames.push({ bytes: bytes.slice(offset, offset + length), virtioHeader });
    }
    return frames;
  }

  #accept(frame: WireFrame): boolean {
    if (!this.#open || this.#queue.length >= this.#queueFrames || frame.bytes.length > LARGEST_FRAME) return false;
    this.#queue.push(frame);
    return true;
  }

  #check(): void {
    if (!this.#open) throw new Error(`${this.name}: the port is closed; wanted an open one`);
  }
}

/** The two ends of one wire. */
export function createLoopbackPair(near: LoopbackOptions, far: LoopbackOptions): [Loopback, Loopback] {
  const ends: [Loopback, Loopback] = [new Loopback(near), new Loopback(far)];
  ends[0].connect(ends[1]);
  return ends;
}

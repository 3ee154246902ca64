/**
 * The port without a network: two ends of a wire in memory, for tests and for everything offline. What one end transmits the
 * other receives. Either end may be held by hand instead: `inject` puts a frame in as if the wire had brought it, `take` draws
 * out what it did bring. Frames are copied at each step, as a real wire would.
 *
 *   router <- receive() - [ near ] <- queue - - - transmit() - [ far ] - router
 *                              ^ inject()                          v take()
 */
import { type Batch, ROW, VIRTIO_HEADER_LENGTH } from "./batch.ts";
import { createSlots, LARGEST_FRAME, placeFrame, rowsToSend, type WireFrame } from "./frame-slots.ts";
import { NO_COUNTERS, type Port, type PortCounters } from "./port.ts";

export interface LoopbackOptions {
  readonly name: string;
  /** How many frames may wait at this end before more are refused. */
  readonly queueFrames?: number;
}

export class Loopback implements Port {
  readonly name: string;
  readonly batch: Batch;
  #peer: Loopback | undefined;
  #open = true;
  readonly #queueFrames: number;
  readonly #queue: WireFrame[] = [];
  readonly #counters = { ...NO_COUNTERS };

  constructor(options: LoopbackOptions) {
    this.name = options.name;
    this.#queueFrames = options.queueFrames ?? 1024;
    this.batch = createSlots();
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
    const frames = this.#queue.splice(0, this.batch.capacity);
    for (const [index, frame] of frames.entries()) {
      placeFrame(this.batch, index, frame);
      this.#counters.receivedFrames++;
      this.#counters.receivedBytes += frame.wireLength ?? frame.bytes.length;
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

  /** All before any is sent. */
  #copyOut(batch: Batch, egress: number): WireFrame[] {
    const { bytes, rows } = batch;
    return rowsToSend(this.name, batch, egress).map((row) => {
      const offset = rows[row + ROW.offset];
      const virtioHeader = bytes.slice(offset - VIRTIO_HEADER_LENGTH, offset);
      return { bytes: bytes.slice(offset, offset + rows[row + ROW.length]), virtioHeader };
    });
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

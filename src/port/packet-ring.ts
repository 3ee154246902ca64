/**
 * The port over a packet ring: frames of one interface, in memory shared with the kernel (AF_PACKET, TPACKET_V2, virtio
 * headers). Workers open one for each interface they serve. All per-frame work of this file is none: one native call for each
 * batch received and one for each batch sent; `native-bindings/ring.h` has the picture of the memory.
 */
import { markAsUntransferable } from "node:worker_threads";
import { loadNative, type NativeBindings, type RingCounters } from "../../native-bindings/index.ts";
import { BATCH_CAPACITY, type Batch, ROW_WORDS } from "./batch.ts";
import type { RingFlows } from "./flow-offload.ts";
import type { Port } from "./port.ts";

export interface RingSize {
  /** A multiple of 32. As many frames may wait: 8192 forgive a worker a pause of 40 ms at 200,000 packets a second. */
  readonly slots: number;
  /**
   * A power of two from 256 to 2048; a frame has 82 bytes less. What does not fit comes by a system call and a copy more, and slots
   * that are larger than their frames spread these over more pages than a processor translates without looking: bench/README.md.
   */
  readonly slotBytes: number;
}

export const DEFAULT_RING_SIZE: RingSize = { slots: 8192, slotBytes: 512 };

export interface PacketRingOptions extends Partial<RingSize> {
  readonly interface: string;
  /** The frames of each flow, both directions, go to one of the rings that name the same group (0 to 65535) and interface. */
  readonly fanout?: { readonly group: number };
  /** False: a port that only transmits. */
  readonly receive?: boolean;
  /** Nothing comes in until `listen`. */
  readonly isDeaf?: boolean;
}

/** Besides what every port counts: frames cut to their slot, and how often the interface was found down or gone. */
export type PacketRingCounters = RingCounters;

export class PacketRing implements Port {
  readonly name: string;
  readonly batch: Batch;
  /** The ring's number at the native border, for `PacketWaiter`. */
  readonly ring: number;
  /** Room for frames larger than a slot that wait; small where the kernel forbids more, and then such frames arrive cut. */
  readonly receiveBufferBytes: number;
  readonly #native: NativeBindings;
  #lastCounters: PacketRingCounters | undefined;
  #progress: RingFlows["progress"] | undefined;
  readonly #slots: number;
  #drops = 0;

  constructor(options: PacketRingOptions) {
    this.#native = loadNative();
    this.name = options.interface;
    const { receive = true, slots, slotBytes } = { ...DEFAULT_RING_SIZE, ...options };
    this.#slots = slots;
    const opened = this.#native.openRing(options.interface, receive, slots, slotBytes, BATCH_CAPACITY);
    // Another thread would hold memory that this one unmaps.
    markAsUntransferable(opened.buffer);
    this.ring = opened.ring;
    this.receiveBufferBytes = opened.receiveBufferBytes;
    this.batch = {
      bytes: new Uint8Array(opened.buffer, 0, opened.frameBytes),
      rows: new Uint32Array(opened.buffer, opened.frameBytes, BATCH_CAPACITY * ROW_WORDS),
      capacity: BATCH_CAPACITY,
      count: 0,
    };
    if (options.isDeaf) return;
    try {
      this.listen(options.fanout);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Of a deaf one, once. To open a ring takes the kernel some 20 ms, this takes it none. */
  listen(fanout?: PacketRingOptions["fanout"], flows?: RingFlows): void {
    if (flows) {
      this.#progress = flows.progress;
      flows.progress.begin();
      this.#native.filterRing(this.ring, flows.filter);
    }
    this.#native.listen(this.ring, fanout?.group ?? -1);
  }

  /** For good. What has come is still there to be received. */
  deafen(): void {
    this.#native.deafen(this.ring);
  }

  receive(): number {
    const isInStep = this.#progress?.done(this.batch.count) ?? true;
    const count = this.#native.receive(this.ring);
    this.batch.count = count;
    // Flows wait for whatever was lost until it is known: there is time to ask now.
    if (count === 0 && !isInStep) {
      this.counters();
      this.#progress?.empty();
    }
    return count;
  }

  transmit(batch: Batch, egress: number): number {
    return this.#native.transmit(this.ring, batch.bytes, batch.rows, batch.count, egress);
  }

  /** Of a closed port: what they were at the end. */
  counters(): PacketRingCounters {
    if (this.#lastCounters) return this.#lastCounters;
    const counters = this.#native.counters(this.ring);
    this.#progress?.lost(counters.receiveDrops - this.#drops, this.#slots);
    this.#drops = counters.receiveDrops;
    return counters;
  }

  /** Gives the interface and the memory back; `batch` is empty and without memory from then on. A second time does nothing. */
  close(): void {
    if (this.#lastCounters) return;
    this.#lastCounters = this.#native.counters(this.ring);
    this.batch.count = 0;
    this.#native.closeRing(this.ring);
  }
}

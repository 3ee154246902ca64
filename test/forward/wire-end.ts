/** The far end of a cable, by hand: sends frames with whatever tags, and hears with their tags those that come. */
import { expect } from "vitest";
import { systemClock } from "#src/net/clock.ts";
import { createBatch, ROW, ROW_WORDS, VERDICT } from "#src/port/batch.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { Wake } from "#src/port/wake.ts";
import { tagFrame } from "../dataplane/packets.ts";

const DEADLINE_MS = 20_000;

export class WireEnd {
  readonly #ring: PacketRing;
  readonly #wake = new Wake();
  readonly #waiter: PacketWaiter;
  /** Heard, and not asked for yet. */
  readonly #heard: Buffer[] = [];

  readonly #answerTo: (frame: Buffer) => Uint8Array | undefined;

  /** `answerTo`: what the hosts there say when they hear a frame, which happens while somebody listens. */
  constructor(name: string, answerTo: (frame: Buffer) => Uint8Array | undefined = () => undefined) {
    this.#answerTo = answerTo;
    this.#ring = new PacketRing({ interface: name });
    this.#waiter = new PacketWaiter([this.#ring], this.#wake.descriptor);
  }

  send(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      const batch = createBatch(new Uint8Array(frame.length + 32), 1);
      batch.bytes.set(frame, 32);
      batch.rows.set([32, frame.length, frame.length, 0, VERDICT.forward, 0, 0, 0]);
      batch.count = 1;
      expect(this.#ring.transmit(batch, 0)).toBe(0);
    }
  }

  /** The next frame that is wanted, its outer tag back in it; those before it are forgotten. */
  receive(isWanted: (frame: Buffer) => boolean): Buffer {
    return this.receiveUntil(isWanted).at(-1) as Buffer;
  }

  /** All that came, up to the one that is wanted. */
  receiveUntil(isWanted: (frame: Buffer) => boolean): Buffer[] {
    const { passed, isHeard } = this.#pass(isWanted, DEADLINE_MS);
    if (!isHeard) throw new Error("nothing of what was waited for came in twenty seconds");
    return passed;
  }

  /** Whether it comes within the time. */
  hears(isWanted: (frame: Buffer) => boolean, withinMs: number): boolean {
    return this.#pass(isWanted, withinMs).isHeard;
  }

  close(): void {
    this.#waiter.close();
    this.#ring.close();
    this.#wake.close();
  }

  #pass(isWanted: (frame: Buffer) => boolean, withinMs: number): { passed: Buffer[]; isHeard: boolean } {
    const passed: Buffer[] = [];
    const deadlineMs = systemClock.nowMs() + withinMs;
    do {
      this.#listen();
      for (let frame = this.#heard.shift(); frame; frame = this.#heard.shift()) {
        passed.push(frame);
        if (isWanted(frame)) return { passed, isHeard: true };
      }
      this.#waiter.wait(Math.max(0, Math.min(50, deadlineMs - systemClock.nowMs())));
    } while (systemClock.nowMs() < deadlineMs);
    return { passed, isHeard: false };
  }

  #listen(): void {
    for (let count = this.#ring.receive(); count > 0; count = this.#ring.receive()) {
      const { bytes, rows } = this.#ring.batch;
      for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
        const [offset, length, , tag] = rows.subarray(row + ROW.offset, row + ROW.vlanTci + 1);
        const frame = Buffer.from(bytes.subarray(offset, offset + length));
        const whole = tag === 0 ? frame : tagFrame(frame, { type: tag >>> 16, id: tag & 0xffff });
        this.#heard.push(whole);
        const answer = this.#answerTo(whole);
        if (answer) this.send(answer);
      }
    }
  }
}

/** `tags`: their bytes, in hex. */
export const untagged = (frame: Buffer, tags: string): Buffer =>
  Buffer.concat([frame.subarray(0, 12), frame.subarray(12 + tags.length / 2)]);

export const hasTags = (frame: Buffer, tags: string, ethertype: string): boolean =>
  frame
    .subarray(12)
    .toString("hex")
    .startsWith(tags + ethertype);

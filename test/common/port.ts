/**
 * What every port does, whatever it is over. An implementation hands in how to make a wire with a port at each end; frames
 * carry an EtherType for experiments, so that no kernel answers them.
 */

import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { type Batch, createBatch, ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import type { Port } from "#src/port/port.ts";

export interface Wire {
  readonly near: Port;
  readonly far: Port;
  /** Returns when one of the ends may have a frame, or soon. */
  pause(): void;
  close(): void;
}

/** A wire in this thread's memory: what was sent is there at once. */
export const memoryWire = (near: Port, far: Port): Wire => ({
  near,
  far,
  pause() {},
  close() {
    near.close();
    far.close();
  },
});

const EGRESS = 5;
const PATIENCE = 100;

/** A frame of `length` bytes that tells its number. */
export function numberedFrame(number: number, length = 60): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => (i * 7 + number) & 0xff);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  if (length >= 18) new DataView(frame.buffer).setUint32(14, number);
  return frame;
}

/** A batch in memory of its own, each frame to be forwarded to EGRESS. */
export function batchOf(frames: readonly Uint8Array[], egress = EGRESS): Batch {
  const stride = Math.max(14, ...frames.map((frame) => frame.length)) + VIRTIO_HEADER_LENGTH;
  const batch = createBatch(new Uint8Array(frames.length * stride), frames.length);
  for (const [index, frame] of frames.entries()) {
    const offset = index * stride + VIRTIO_HEADER_LENGTH;
    batch.bytes.set(frame, offset);
    batch.rows.set([offset, frame.length, frame.length, 0, VERDICT.forward, 0, egress, 0], index * ROW_WORDS);
  }
  batch.count = frames.length;
  return batch;
}

export interface SeenFrame {
  readonly bytes: Uint8Array;
  readonly virtioHeader: Uint8Array;
  readonly row: readonly number[];
}

/** Copies of the frames of the batch that was just received. */
export function copyFrames({ bytes, rows, count }: Batch): SeenFrame[] {
  return Array.from({ length: count }, (_, index) => {
    const row = [...rows.subarray(index * ROW_WORDS, (index + 1) * ROW_WORDS)];
    const [offset, length] = row;
    return { bytes: bytes.slice(offset, offset + length), virtioHeader: bytes.slice(offset - VIRTIO_HEADER_LENGTH, offset), row };
  });
}

/** Receives until `wanted` frames have come, or no more do. */
export function collect(port: Port, wanted: number, pause: () => void): SeenFrame[] {
  const seen: SeenFrame[] = [];
  for (let turn = 0; turn < PATIENCE && seen.length < wanted; turn++) {
    if (port.receive() === 0) pause();
    else seen.push(...copyFrames(port.batch));
  }
  return seen;
}

/** Receives once something has come; how many frames. */
function receiveSome(port: Port, pause: () => void): number {
  let count = port.receive();
  for (let turn = 0; turn < PATIENCE && count === 0; turn++) {
    pause();
    count = port.receive();
  }
  return count;
}

/** As toEqual would say, which takes a second for each megabyte. */
export function expectSameFrames(seen: readonly SeenFrame[], wanted: readonly Uint8Array[]): void {
  expect(seen).toHaveLength(wanted.length);
  const different = seen.findIndex(({ bytes }, index) => Buffer.compare(bytes, wanted[index]) !== 0);
  if (different >= 0) expect(seen[different].bytes).toEqual(wanted[different]);
}

export function portSuite(title: string, openWire: () => Wire): void {
  describe(title, () => {
    let wire: Wire;
    const open = () => {
      wire = openWire();
      return wire;
    };
    afterEach(() => wire.close());

    test("has no frames at first", () => {
      const { near } = open();
      expect(near.receive()).toBe(0);
      expect(near.batch.count).toBe(0);
    });

    test("brings a frame as it was sent, with its row and ten zero bytes in front", () => {
      const { near, far, pause } = open();
      const frame = numberedFrame(1, 61);
      expect(near.transmit(batchOf([frame]), EGRESS)).toBe(0);
      const [seen] = collect(far, 1, pause);
      expect(seen.bytes).toEqual(frame);
      expect(seen.virtioHeader).toEqual(new Uint8Array(VIRTIO_HEADER_LENGTH));
      expect(seen.row.slice(1)).toEqual([61, 61, 0, VERDICT.none, 0, 0, 0]);
    });

    test("aligns the IP header to four bytes", () => {
      const { near, far, pause } = open();
      near.transmit(batchOf([numberedFrame(1), numberedFrame(2)]), EGRESS);
      for (const { row } of collect(far, 2, pause)) expect((row[ROW.offset] + 14) % 4).toBe(0);
    });

    test("brings at most a batch at a time, the rest next time, in order", () => {
      const { near, far, pause } = open();
      const total = far.batch.capacity * 2 + 3;
      near.transmit(batchOf(Array.from({ length: total }, (_, i) => numberedFrame(i))), EGRESS);
      const first = receiveSome(far, pause);
      expect(first).toBeGreaterThan(0);
      expect(first).toBeLessThanOrEqual(far.batch.capacity);
      const seen = [...copyFrames(far.batch), ...collect(far, total - first, pause)];
      expect(seen.map(({ bytes }) => new DataView(bytes.buffer).getUint32(14))).toEqual(
        Array.from({ length: total }, (_, i) => i),
      );
    });

    test("sends only rows to be forwarded, and only those to the egress named", () => {
      const { near, far, pause } = open();
      const batch = batchOf([0, 1, 2, 3, 4, 5].map((i) => numberedFrame(i)));
      for (const [index, verdict] of [VERDICT.none, VERDICT.drop, VERDICT.punt, VERDICT.slow].entries()) {
        batch.rows[index * ROW_WORDS + ROW.verdict] = verdict;
      }
      batch.rows[4 * ROW_WORDS + ROW.egress] = EGRESS + 1;
      near.transmit(batch, EGRESS);
      expect(collect(far, 1, pause).map(({ bytes }) => bytes[17])).toEqual([5]);
      near.transmit(batch, EGRESS + 1);
      expect(collect(far, 1, pause).map(({ bytes }) => bytes[17])).toEqual([4]);
      expect(near.counters().transmittedFrames).toBe(2);
    });

    test("sends frames on from the memory they were received in", () => {
      const { near, far, pause } = open();
      near.transmit(batchOf([numberedFrame(7)]), EGRESS);
      receiveSome(far, pause);
      const { bytes, rows } = far.batch;
      bytes[rows[ROW.offset] + 20] = 0x5a;
      rows[ROW.verdict] = VERDICT.forward;
      rows[ROW.egress] = EGRESS;
      expect(far.transmit(far.batch, EGRESS)).toBe(0);
      const [seen] = collect(near, 1, pause);
      const wanted = numberedFrame(7);
      wanted[20] = 0x5a;
      expect(seen.bytes).toEqual(wanted);
    });

    test("brings any frames whole and in order", () => {
      const { near, far, pause } = open();
      const lengths = fc.array(fc.integer({ min: 14, max: 1514 }), { minLength: 1, maxLength: 150 });
      fc.assert(
        fc.property(lengths, (list) => {
          const frames = list.map((length, index) => numberedFrame(index, length));
          expect(near.transmit(batchOf(frames), EGRESS)).toBe(0);
          expectSameFrames(collect(far, frames.length, pause), frames);
        }),
        { numRuns: 30 },
      );
    });

    test("refuses a batch with a row outside of its memory, by name, and sends nothing of it", () => {
      const { near, far, pause } = open();
      const bad: [number, number][] = [
        [9, 60],
        [10, 13],
        [10, 0xffffffff],
        [0xfffffff0, 60],
        [121, 20],
        [141, 14],
      ];
      for (const [offset, length] of bad) {
        const batch = batchOf([numberedFrame(0), numberedFrame(1)]);
        expect(batch.bytes.length).toBe(140);
        batch.rows[ROW_WORDS + ROW.offset] = offset;
        batch.rows[ROW_WORDS + ROW.length] = length;
        expect(() => near.transmit(batch, EGRESS)).toThrow(/row 1/);
      }
      near.transmit(batchOf([numberedFrame(99)]), EGRESS);
      expect(collect(far, 1, pause).map(({ bytes }) => bytes[17])).toEqual([99]);
    });

    test("counts frames and bytes at both ends", () => {
      const { near, far, pause } = open();
      near.transmit(batchOf([numberedFrame(0, 60), numberedFrame(1, 1000)]), EGRESS);
      collect(far, 2, pause);
      expect(near.counters()).toMatchObject({
        transmittedFrames: 2,
        transmittedBytes: 1060,
        transmitErrors: 0,
        receivedFrames: 0,
      });
      expect(far.counters()).toMatchObject({ receivedFrames: 2, receivedBytes: 1060, receiveDrops: 0, transmittedFrames: 0 });
    });

    test("counts what the egress refuses, and sends what follows", () => {
      const { near, far, pause } = open();
      // Longer than any MTU here, without a virtio header that would have it segmented.
      expect(near.transmit(batchOf([numberedFrame(0), numberedFrame(1, 70_000), numberedFrame(2)]), EGRESS)).toBe(1);
      expect(collect(far, 2, pause).map(({ bytes }) => bytes[17])).toEqual([0, 2]);
      expect(near.counters()).toMatchObject({ transmittedFrames: 2, transmitErrors: 1 });
    });

    test("can be closed twice; used after that, it says so and keeps its counters", () => {
      const { near, far, pause } = open();
      near.transmit(batchOf([numberedFrame(0)]), EGRESS);
      collect(far, 1, pause);
      far.close();
      far.close();
      expect(far.batch.count).toBe(0);
      expect(() => far.receive()).toThrow(`${far.name}: the port is closed`);
      expect(() => far.transmit(batchOf([numberedFrame(0)]), EGRESS)).toThrow(`${far.name}: the port is closed`);
      expect(far.counters().receivedFrames).toBe(1);
    });
  });
}

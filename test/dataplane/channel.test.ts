import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createChannelMemory, createChannelReader, createChannelWriter } from "#src/dataplane/channel.ts";

const frameOf = (length: number, fill: number): Uint8Array => new Uint8Array(10 + length).fill(fill);

describe("the channel", () => {
  it("gives back what was pushed, in order, once, through any number of turns around the ring", () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 0, max: 300 }) }),
      fc.record({ drain: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 64, max: 256 }), (steps, words) => {
        const memory = createChannelMemory(words * 4);
        const reader = createChannelReader(memory);
        const writer = createChannelWriter(memory);
        const expected: { kind: number; port: number; nextHop: number; bytes: Uint8Array }[] = [];
        let serial = 0;
        const drain = (limit: number): void => {
          reader.drain(limit, (entry) => expect(entry).toEqual(expected.shift()));
        };
        for (const one of steps) {
          if ("drain" in one) drain(one.drain);
          else {
            const bytes = frameOf(one.push, ++serial & 255);
            const accepted = writer.push(1 + (serial % 2), serial % 3, serial, bytes, 10, one.push);
            if (accepted) expected.push({ kind: 1 + (serial % 2), port: serial % 3, nextHop: serial, bytes });
            // An empty ring of this size takes half its length at the least.
            else expect(expected.length > 0 || one.push + 34 > words * 2).toBe(true);
          }
        }
        while (expected.length > 0) drain(100);
      }),
    );
  });

  it("rings the bell once after it was armed, and arms it when it was read to the end", () => {
    const memory = createChannelMemory(4096);
    const reader = createChannelReader(memory);
    const writer = createChannelWriter(memory);
    const push = () => writer.push(1, 0, 0, frameOf(10, 1), 10, 10);
    expect(writer.takeBell()).toBe(false);
    push();
    expect(writer.takeBell()).toBe(true);
    push();
    expect(writer.takeBell()).toBe(false);
    expect(reader.drain(1, () => {})).toEqual({ more: true });
    expect(reader.drain(10, () => {})).toEqual({ more: false });
    push();
    expect(writer.takeBell()).toBe(true);
  });

  it("loses nothing between two threads: what is pushed while the reader arms the bell is seen", () => {
    const memory = createChannelMemory(4096);
    const reader = createChannelReader(memory);
    const writer = createChannelWriter(memory);
    const original = Atomics.store;
    let pushed = false;
    // The moment after arming is where a lost wake-up would be.
    Atomics.store = ((array: Int32Array, index: number, value: number) => {
      const result = original(array, index, value);
      if (index === 2 && value === 1 && !pushed) {
        pushed = true;
        writer.push(1, 0, 7, frameOf(10, 1), 10, 10);
      }
      return result;
    }) as typeof Atomics.store;
    const seen: number[] = [];
    try {
      expect(reader.drain(10, ({ nextHop }) => void seen.push(nextHop))).toEqual({ more: false });
    } finally {
      Atomics.store = original;
    }
    expect(seen.length === 1 || writer.takeBell()).toBe(true);
  });
});

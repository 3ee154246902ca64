import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMessageReader, MESSAGE, MESSAGE_HEAD_BYTES, writeMessage } from "#src/port/pcap-live-stream.ts";

interface Message {
  readonly kind: number;
  readonly value: number;
  readonly bytes: Uint8Array;
}

describe("the pipes of a pcap-live port", () => {
  test("bring what was written, in whatever pieces it comes", () => {
    const message = fc.record({
      kind: fc.constantFrom(...Object.values(MESSAGE)),
      value: fc.integer({ min: 0, max: 0xffffffff }),
      bytes: fc.uint8Array({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 20 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 300 })),
        (messages, pieces) => {
          const buffer = Buffer.alloc(messages.reduce((sum, { bytes }) => sum + MESSAGE_HEAD_BYTES + bytes.length, 0));
          let end = 0;
          for (const { kind, value, bytes } of messages) end = writeMessage(buffer, end, kind, value, bytes);
          expect(end).toBe(buffer.length);
          const seen: Message[] = [];
          const read = createMessageReader(
            (kind, value, bytes) => void seen.push({ kind, value, bytes: Uint8Array.from(bytes) }),
          );
          for (let at = 0; at < buffer.length; ) {
            const length = pieces.next().value as number;
            read(buffer.subarray(at, at + length));
            at += length;
          }
          expect(seen).toEqual(messages);
        },
      ),
    );
  });

  test("hold no more than one message: a length that no frame has is refused at once", () => {
    const head = Buffer.alloc(MESSAGE_HEAD_BYTES);
    head.writeUInt32LE(1 << 20, 4);
    expect(() => createMessageReader(() => {})(head)).toThrow(/a message of 1048576 bytes, wanted at most 66542/);
  });
});

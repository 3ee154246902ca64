/**
 * The pipes between the thread and the process of a `pcap-live` port: messages, both ways, one behind the other.
 *
 *   kind (4 bytes) │ length (4) │ value (4), little endian │ length bytes
 */
import { LARGEST_FRAME } from "./frame-slots.ts";

export const MESSAGE = {
  /** A frame; the value is its length on the wire. */
  frame: 1,
  /** The process captures. */
  ready: 2,
  /** The value is how many frames libpcap has dropped so far. */
  drops: 3,
  /** The value is how many frames libpcap has refused to send so far. */
  unsent: 4,
} as const;

export const MESSAGE_HEAD_BYTES = 12;

/** Appends a message to `buffer` at `at`; where the next one goes. */
export function writeMessage(buffer: Buffer, at: number, kind: number, value: number, bytes?: Uint8Array): number {
  const length = bytes?.length ?? 0;
  buffer.writeUInt32LE(kind, at);
  buffer.writeUInt32LE(length, at + 4);
  buffer.writeUInt32LE(value, at + 8);
  if (bytes) buffer.set(bytes, at + MESSAGE_HEAD_BYTES);
  return at + MESSAGE_HEAD_BYTES + length;
}

/** Takes what comes, in whatever pieces. The bytes that it hands over are valid until it returns. */
export function createMessageReader(take: (kind: number, value: number, bytes: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + MESSAGE_HEAD_BYTES <= data.length) {
      const length = data.readUInt32LE(at + 4);
      if (length > LARGEST_FRAME) throw new Error(`a message of ${length} bytes, wanted at most ${LARGEST_FRAME}`);
      const end = at + MESSAGE_HEAD_BYTES + length;
      if (end > data.length) break;
      take(data.readUInt32LE(at), data.readUInt32LE(at + 8), data.subarray(at + MESSAGE_HEAD_BYTES, end));
      at = end;
    }
    rest = Buffer.from(data.subarray(at));
  };
}

/** Frames with an ICMPv6 message behind a plain IPv6 header, made wrong in one place and right in all others. */
import { slowChecksum } from "../oracle/checksum.ts";

/** Gives the ICMPv6 message of a frame a right checksum again, by the slow twin. */
export function mendIcmp6(frame: Buffer): Buffer {
  frame.writeUInt16BE(0, 56);
  const length = Buffer.alloc(8);
  length.writeUInt32BE(frame.length - 54, 0);
  length.writeUInt32BE(58, 4);
  frame.writeUInt16BE(slowChecksum(Buffer.concat([frame.subarray(22, 54), length, frame.subarray(54)])), 56);
  return frame;
}

/** Other bytes at these places of the frame, and the checksum that belongs to them. */
export function changeIcmp6(frame: Buffer, changes: Readonly<Record<number, number>>): Buffer {
  for (const [at, value] of Object.entries(changes)) frame[Number(at)] = value;
  return mendIcmp6(frame);
}

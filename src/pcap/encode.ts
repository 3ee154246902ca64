/**
 * Captures written anew from rows: the same format, byte order and times as they were read in, with other packet bytes. So a
 * file that is split keeps its resolution, its interfaces and their options; what its packets begin with becomes Ethernet.
 */
import { LINK_TYPE } from "./link-type.ts";
import { PCAP_RECORD_BYTES } from "./pcap.ts";
import { ENHANCED_HEADER_BYTES, ENHANCED_PACKET, SECTION_HEADER } from "./pcapng.ts";
import { RECORD, RECORD_FLAG } from "./record.ts";
import { type CaptureFormat, MAXIMUM_CAPTURED_BYTES } from "./stretch.ts";

const padded = (length: number): number => (length + 3) & ~3;

/** How many bytes a packet of `length` captured bytes takes in a file, its record header included. */
export const recordBytes = (format: CaptureFormat, length: number): number =>
  format === "pcap" ? PCAP_RECORD_BYTES + length : ENHANCED_HEADER_BYTES + padded(length) + 4;

/**
 * Writes what surrounds the packet of `row` at `at`, with the row's own lengths, and returns where the packet's bytes
 * belong. `view` is over memory that holds zeros (padding).
 */
export function writeRecord(view: DataView, at: number, format: CaptureFormat, words: Uint32Array, row: number): number {
  const little = (words[row + RECORD.flags] & RECORD_FLAG.bigEndian) === 0;
  const length = words[row + RECORD.length];
  if (format === "pcap") {
    view.setUint32(at, words[row + RECORD.timeHigh], little);
    view.setUint32(at + 4, words[row + RECORD.timeLow], little);
    view.setUint32(at + 8, length, little);
    view.setUint32(at + 12, words[row + RECORD.wireLength], little);
    return at + PCAP_RECORD_BYTES;
  }
  const total = recordBytes(format, length);
  view.setUint32(at, ENHANCED_PACKET, little);
  view.setUint32(at + 4, total, little);
  view.setUint32(at + 8, words[row + RECORD.interface], little);
  view.setUint32(at + 12, words[row + RECORD.timeHigh], little);
  view.setUint32(at + 16, words[row + RECORD.timeLow], little);
  view.setUint32(at + 20, length, little);
  view.setUint32(at + 24, words[row + RECORD.wireLength], little);
  view.setUint32(at + total - 4, total, little);
  return at + ENHANCED_HEADER_BYTES;
}

/** Makes a copied header, at `at`, right for what `writeRecord` writes: link type Ethernet, and lengths that others count by. */
export function adaptHeader(view: DataView, at: number, format: CaptureFormat, bigEndian: boolean): void {
  const little = !bigEndian;
  if (format === "pcap") {
    view.setUint32(at + 16, MAXIMUM_CAPTURED_BYTES, little);
    view.setUint32(at + 20, LINK_TYPE.ethernet, little);
  } else if (view.getUint32(at) === SECTION_HEADER) {
    // The section's length: all bits set says that it is not known.
    view.setUint32(at + 16, 0xffffffff);
    view.setUint32(at + 20, 0xffffffff);
  } else {
    view.setUint16(at + 8, LINK_TYPE.ethernet, little);
    view.setUint32(at + 12, 0, little);
  }
}

/**
 * When the packets of a capture were seen, in seconds. The two words of a row count units that a header told of: the magic number
 * of a pcap file, the option if_tsresol of an interface in a pcapng file (draft-ietf-opsawg-pcapng, section 4.2). Who wants times
 * shows it every row in the order of the file. Interfaces whose clocks begin elsewhere (if_tsoffset) are taken for what they say.
 */
import { INTERFACE_DESCRIPTION, SECTION_HEADER } from "./pcapng.ts";
import { RECORD, RECORD_FLAG } from "./record.ts";
import type { CaptureFormat } from "./stretch.ts";

const NANOSECOND_MAGIC = 0xa1b23c4d;
const OPTIONS_AT = 16;
const TIMESTAMP_RESOLUTION = 9;
const MICROSECONDS = 1e6;

/** The seconds of the row's packet; undefined: it has none, or is a header. */
export type PacketTime = (bytes: Uint8Array, words: Uint32Array, row: number) => number | undefined;

export const createPacketTime = (format: CaptureFormat): PacketTime =>
  format === "pcap" ? createPcapTime() : createPcapngTime();

function createPcapTime(): PacketTime {
  let unitsPerSecond = MICROSECONDS;
  return (bytes, words, row) => {
    if (words[row + RECORD.flags] & RECORD_FLAG.header) {
      const magic = viewOf(bytes).getUint32(words[row + RECORD.offset], isLittle(words, row));
      unitsPerSecond = magic === NANOSECOND_MAGIC ? 1e9 : MICROSECONDS;
      return undefined;
    }
    return words[row + RECORD.timeHigh] + words[row + RECORD.timeLow] / unitsPerSecond;
  };
}

function createPcapngTime(): PacketTime {
  /** By interface of the section. */
  let unitsPerSecond: number[] = [];
  return (bytes, words, row) => {
    if (words[row + RECORD.flags] & RECORD_FLAG.header) {
      const type = viewOf(bytes).getUint32(words[row + RECORD.offset], isLittle(words, row));
      if (type === SECTION_HEADER) unitsPerSecond = [];
      else if (type === INTERFACE_DESCRIPTION) unitsPerSecond.push(readResolution(bytes, words, row));
      return undefined;
    }
    const units = words[row + RECORD.timeHigh] * 2 ** 32 + words[row + RECORD.timeLow];
    // Simple packets have no time, and nobody captured anything in 1970.
    return units === 0 ? undefined : units / unitsPerSecond[words[row + RECORD.interface]];
  };
}

/** Units a second of the interface that the block declares; microseconds where it does not say. */
function readResolution(bytes: Uint8Array, words: Uint32Array, row: number): number {
  const view = viewOf(bytes);
  const little = isLittle(words, row);
  const end = words[row + RECORD.offset] + words[row + RECORD.length] - 4;
  for (let at = words[row + RECORD.offset] + OPTIONS_AT; at + 4 < end; ) {
    const [code, length] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    if (code === 0) break;
    if (code === TIMESTAMP_RESOLUTION && length === 1) return unitsOf(bytes[at + 4]);
    at += 4 + ((length + 3) & ~3);
  }
  return MICROSECONDS;
}

/** Its highest bit tells whether the rest is a power of two or of ten. */
const unitsOf = (resolution: number): number => (resolution & 0x80 ? 2 : 10) ** (resolution & 0x7f);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const isLittle = (words: Uint32Array, row: number): boolean => (words[row + RECORD.flags] & RECORD_FLAG.bigEndian) === 0;

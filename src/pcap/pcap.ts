/**
 * The classic capture file (draft-ietf-opsawg-pcap): one header, then packets, all in the byte order of the machine that
 * wrote it. The magic number tells the order and whether fractions of a second are micro- or nanoseconds; fractions are
 * kept as they are, so the decoder need not know which.
 *
 *   file    magic 4 | major 2 | minor 2 | reserved 8 | snapshot length 4 | link type 4
 *   packet  seconds 4 | fraction 4 | captured length 4 | wire length 4 | the captured bytes
 */
import { RECORD, RECORD_FLAG, RECORD_WORDS } from "./record.ts";
import { type CaptureDecoder, describeExcess, MAXIMUM_CAPTURED_BYTES } from "./stretch.ts";

export const PCAP_HEADER_BYTES = 24;
export const PCAP_RECORD_BYTES = 16;

/** First four bytes, as a big-endian number: microseconds, then nanoseconds, each in both orders. */
const BIG_ENDIAN_MAGICS = [0xa1b2c3d4, 0xa1b23c4d];
const LITTLE_ENDIAN_MAGICS = [0xd4c3b2a1, 0x4d3cb2a1];

const { offset, length, wireLength, linkType, interface: interfaceNumber, timeHigh, timeLow, flags } = RECORD;

export function createPcapDecoder(magic: number): CaptureDecoder | undefined {
  const little = LITTLE_ENDIAN_MAGICS.includes(magic);
  if (!little && !BIG_ENDIAN_MAGICS.includes(magic)) return undefined;
  const order = little ? 0 : RECORD_FLAG.bigEndian;
  let fileLinkType: number | undefined;
  return {
    format: "pcap",
    decode(bytes, start, end, table) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, end);
      const { words, capacity } = table;
      let at = start;
      if (fileLinkType === undefined) {
        if (end - at < PCAP_HEADER_BYTES) return { kind: "more", at, wanted: PCAP_HEADER_BYTES, what: "file header" };
        const major = view.getUint16(at + 4, little);
        if (major !== 2) return { kind: "wrong", at: at + 4, problem: `format version ${major}, wanted 2` };
        // The upper half may say how long the frame check sequences are that end each packet.
        fileLinkType = view.getUint32(at + 20, little) & 0xffff;
        const row = table.count++ * RECORD_WORDS;
        words.fill(0, row, row + RECORD_WORDS);
        words[row + offset] = at;
        words[row + length] = PCAP_HEADER_BYTES;
        words[row + flags] = RECORD_FLAG.header | order;
        at += PCAP_HEADER_BYTES;
      }
      for (;;) {
        if (at === end) return { kind: "more", at, wanted: 0, what: "record" };
        if (end - at < PCAP_RECORD_BYTES) return { kind: "more", at, wanted: PCAP_RECORD_BYTES, what: "record header" };
        const captured = view.getUint32(at + 8, little);
        if (captured > MAXIMUM_CAPTURED_BYTES) {
          return { kind: "wrong", at: at + 8, problem: `packet of ${captured} bytes, wanted at most ${MAXIMUM_CAPTURED_BYTES}` };
        }
        const wire = view.getUint32(at + 12, little);
        if (captured > wire) return { kind: "wrong", at: at + 12, problem: describeExcess(captured, wire) };
        const wanted = PCAP_RECORD_BYTES + captured;
        if (end - at < wanted) return { kind: "more", at, wanted, what: "record" };
        if (table.count === capacity) return { kind: "full", at };
        const row = table.count++ * RECORD_WORDS;
        words[row + offset] = at + PCAP_RECORD_BYTES;
        words[row + length] = captured;
        words[row + wireLength] = wire;
        words[row + linkType] = fileLinkType;
        words[row + interfaceNumber] = 0;
        words[row + timeHigh] = view.getUint32(at, little);
        words[row + timeLow] = view.getUint32(at + 4, little);
        words[row + flags] = order;
        at += wanted;
      }
    },
  };
}

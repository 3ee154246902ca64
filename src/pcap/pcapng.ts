/**
 * The next-generation capture file (draft-ietf-opsawg-pcapng): sections, each in the byte order of its writer, that declare
 * interfaces before the packets seen on them. Blocks that are neither are stepped over, however long they are.
 *
 *   block      type 4 | length 4 | body, padded to 4 | length again 4
 *   section    0x0a0d0d0a: byte-order magic 4 | major 2 | minor 2 | section length 8 | options
 *   interface  1: link type 2 | reserved 2 | snapshot length 4 | options
 *   packet     6: interface 4 | time high 4 | time low 4 | captured length 4 | wire length 4 | bytes | options
 *              3: wire length 4 | bytes                      ("simple": of interface 0, without a time)
 *              2: interface 2 | drops 2 | as 6 from time on  (obsolete, still met)
 */
import { RECORD, RECORD_FLAG, RECORD_WORDS, type RecordTable } from "./record.ts";
import { type Answer, type CaptureDecoder, describeExcess, MAXIMUM_CAPTURED_BYTES, MAXIMUM_WHOLE_BYTES } from "./stretch.ts";

/** The same in both byte orders. */
export const SECTION_HEADER = 0x0a0d0d0a;
export const INTERFACE_DESCRIPTION = 1;
export const ENHANCED_PACKET = 6;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const FRAME_BYTES = 12;
/** Up to the packet's bytes. */
export const ENHANCED_HEADER_BYTES = 28;
const SIMPLE_HEADER_BYTES = 12;
/** The least length of a block of each type that is looked into; 0 for all others. */
function leastBytes(type: number): number {
  switch (type) {
    case ENHANCED_PACKET:
    case OBSOLETE_PACKET:
      return 32;
    case SECTION_HEADER:
      return 28;
    case INTERFACE_DESCRIPTION:
      return 20;
    case SIMPLE_PACKET:
      return 16;
    default:
      return 0;
  }
}

/** More than any tool writes in a section; without a limit a damaged file could ask for any amount of memory. */
const MAXIMUM_INTERFACES = 65_536;

interface Interface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapLength: number;
}

const wrong = (at: number, problem: string): Answer => ({ kind: "wrong", at, problem });

export function createPcapngDecoder(): CaptureDecoder {
  let little = true;
  let inSection = false;
  let interfaces: Interface[] = [];
  /** Of a block that is stepped over: how much of its body is still to come, and its length for comparison; 0: none. */
  let bodyLeft = 0;
  let steppedLength = 0;

  const append = (table: RecordTable, offset: number, length: number, flags: number): number => {
    const { words } = table;
    const row = table.count++ * RECORD_WORDS;
    words.fill(0, row, row + RECORD_WORDS);
    words[row + RECORD.offset] = offset;
    words[row + RECORD.length] = length;
    words[row + RECORD.flags] = flags | (little ? 0 : RECORD_FLAG.bigEndian);
    return row;
  };

  /** A whole block of a type that matters, at `at`; returns what is wrong with it, if anything. */
  const decodeBlock = (view: DataView, at: number, type: number, length: number, table: RecordTable): Answer | undefined => {
    if (type === SECTION_HEADER) {
      const major = view.getUint16(at + 12, little);
      if (major !== 1) return wrong(at + 12, `format version ${major}, wanted 1`);
      interfaces = [];
      inSection = true;
      append(table, at, length, RECORD_FLAG.header);
      return undefined;
    }
    if (type === INTERFACE_DESCRIPTION) {
      if (interfaces.length === MAXIMUM_INTERFACES) return wrong(at, `more than ${MAXIMUM_INTERFACES} interfaces in a section`);
      interfaces.push({ linkType: view.getUint16(at + 8, little), snapLength: view.getUint32(at + 12, little) });
      append(table, at, length, RECORD_FLAG.header);
      return undefined;
    }
    return type === SIMPLE_PACKET ? decodeSimple(view, at, length, table) : decodePacket(view, at, type, length, table);
  };

  const decodePacket = (view: DataView, at: number, type: number, length: number, table: RecordTable): Answer | undefined => {
    const number = type === ENHANCED_PACKET ? view.getUint32(at + 8, little) : view.getUint16(at + 8, little);
    const captured = view.getUint32(at + 20, little);
    const problem = judge(at, number, captured, length - ENHANCED_HEADER_BYTES - 4);
    if (problem) return problem;
    const wire = view.getUint32(at + 24, little);
    if (captured > wire) return wrong(at + 24, describeExcess(captured, wire));
    const row = append(table, at + ENHANCED_HEADER_BYTES, captured, 0);
    const { words } = table;
    words[row + RECORD.wireLength] = wire;
    words[row + RECORD.linkType] = interfaces[number].linkType;
    words[row + RECORD.interface] = number;
    words[row + RECORD.timeHigh] = view.getUint32(at + 12, little);
    words[row + RECORD.timeLow] = view.getUint32(at + 16, little);
    return undefined;
  };

  /** Its captured length is not written down: what the interface's limit leaves of the packet. */
  const decodeSimple = (view: DataView, at: number, length: number, table: RecordTable): Answer | undefined => {
    const wire = view.getUint32(at + 8, little);
    const limit = interfaces[0]?.snapLength || wire;
    const captured = Math.min(wire, limit);
    const problem = judge(at, 0, captured, length - SIMPLE_HEADER_BYTES - 4);
    if (problem) return problem;
    const row = append(table, at + SIMPLE_HEADER_BYTES, captured, 0);
    table.words[row + RECORD.wireLength] = wire;
    table.words[row + RECORD.linkType] = interfaces[0].linkType;
    return undefined;
  };

  const judge = (at: number, number: number, captured: number, room: number): Answer | undefined => {
    if (number >= interfaces.length) return wrong(at, `packet of interface ${number}, but ${interfaces.length} are declared`);
    const most = Math.min(room, MAXIMUM_CAPTURED_BYTES);
    return captured > most ? wrong(at, `packet of ${captured} bytes, wanted at most ${most}`) : undefined;
  };

  /** What is wrong with the first words of a block. */
  const judgeFrame = (at: number, type: number, length: number): Answer | undefined => {
    if (!inSection && type !== SECTION_HEADER) return wrong(at, "a block before the section header");
    const least = Math.max(leastBytes(type), FRAME_BYTES);
    const most = leastBytes(type) > 0 ? MAXIMUM_WHOLE_BYTES : 0xfffffffc;
    if (length % 4 === 0 && length >= least && length <= most) return undefined;
    return wrong(at + 4, `block length ${length}, wanted a multiple of 4 from ${least} to ${most}`);
  };

  const judgeTrailer = (view: DataView, at: number, length: number): Answer | undefined => {
    const again = view.getUint32(at, little);
    return again === length ? undefined : wrong(at, `block ends with length ${again}, but began with ${length}`);
  };

  const stepOver = (view: DataView, at: number, end: number): Answer | number => {
    const stepped = Math.min(bodyLeft, end - at);
    bodyLeft -= stepped;
    const next = at + stepped;
    if (bodyLeft > 0 || end - next < 4) return { kind: "more", at: next, wanted: bodyLeft + 4, what: "block" };
    const problem = judgeTrailer(view, next, steppedLength);
    steppedLength = 0;
    return problem ?? next + 4;
  };

  return {
    format: "pcapng",
    decode(bytes, start, end, table) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, end);
      let at = start;
      for (;;) {
        if (steppedLength > 0) {
          const next = stepOver(view, at, end);
          if (typeof next !== "number") return next;
          at = next;
        }
        if (at === end) return { kind: "more", at, wanted: 0, what: "block" };
        if (end - at < FRAME_BYTES) return { kind: "more", at, wanted: FRAME_BYTES, what: "block" };
        const type = view.getUint32(at, little);
        if (type === SECTION_HEADER) {
          if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) little = true;
          else if (view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC) little = false;
          else return wrong(at + 8, "no byte-order magic in a section header");
        }
        const length = view.getUint32(at + 4, little);
        const problem = judgeFrame(at, type, length);
        if (problem) return problem;
        if (leastBytes(type) === 0) {
          bodyLeft = length - FRAME_BYTES;
          steppedLength = length;
          at += 8;
          continue;
        }
        if (end - at < length) return { kind: "more", at, wanted: length, what: "block" };
        if (table.count === table.capacity) return { kind: "full", at };
        const fault = judgeTrailer(view, at + length - 4, length) ?? decodeBlock(view, at, type, length, table);
        if (fault) return fault;
        at += length;
      }
    },
  };
}

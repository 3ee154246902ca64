/**
 * Writes a capture of our own (pcapng, little endian, microseconds): what the file begins with, and a block for each packet
 * with the direction and, where there is one, a comment. `pcapng.ts` has the picture of the blocks.
 */
import { LINK_TYPE } from "./link-type.ts";
import { BYTE_ORDER_MAGIC, ENHANCED_HEADER_BYTES, ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECTION_HEADER } from "./pcapng.ts";

/** Options have these codes: opt_comment, and by block shb_userappl, if_name, epb_flags. */
const OPTION = { end: 0, comment: 1, application: 4, interfaceName: 2, packetFlags: 2 } as const;
const SECTION_LENGTH_UNKNOWN = [0xffffffff, 0xffffffff];

/** epb_flags, its lowest two bits. */
export const CAPTURE_DIRECTION = { in: 1, out: 2 } as const;

export interface CapturedPacket {
  readonly bytes: Uint8Array;
  readonly wireLength: number;
  /** Of microseconds since 1970. */
  readonly timeHigh: number;
  readonly timeLow: number;
  readonly direction: number;
  readonly comment?: string;
}

const padded = (length: number): number => (length + 3) & ~3;

/** The section header and the one interface, of Ethernet. */
export function encodeCaptureHead(interfaceName: string, application: string, snapBytes: number): Uint8Array[] {
  const version = [BYTE_ORDER_MAGIC, 0x00000001, ...SECTION_LENGTH_UNKNOWN];
  return [
    encodeBlock(SECTION_HEADER, words(version), encodeOptions([OPTION.application, text(application)])),
    encodeBlock(
      INTERFACE_DESCRIPTION,
      words([LINK_TYPE.ethernet, snapBytes]),
      encodeOptions([OPTION.interfaceName, text(interfaceName)]),
    ),
  ];
}

export function encodePacket(packet: CapturedPacket): Uint8Array {
  const { bytes, wireLength, timeHigh, timeLow, direction, comment } = packet;
  const head = words([0, timeHigh, timeLow, bytes.length, wireLength]);
  const body = new Uint8Array(ENHANCED_HEADER_BYTES - 8 + padded(bytes.length));
  body.set(head);
  body.set(bytes, head.length);
  const said = comment === undefined ? [] : [[OPTION.comment, text(comment)] as const];
  const options = encodeOptions([OPTION.packetFlags, words([direction])], ...said);
  return encodeBlock(ENHANCED_PACKET, body, options);
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function words(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return new Uint8Array(view.buffer);
}

function encodeBlock(type: number, body: Uint8Array, options: Uint8Array): Uint8Array {
  const total = 12 + body.length + options.length;
  const block = new Uint8Array(total);
  block.set(words([type, total]));
  block.set(body, 8);
  block.set(options, 8 + body.length);
  block.set(words([total]), total - 4);
  return block;
}

function encodeOptions(...options: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const length = options.reduce((sum, [, value]) => sum + 4 + padded(value.length), 4);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [code, value] of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  return bytes;
}

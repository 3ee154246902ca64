/** Fragmentation of IPv4 packets (RFC 791 section 3.2): what a router does to one that is too big and may be cut. */
import { checksum } from "./checksum.ts";
import * as ipv4 from "./ipv4.ts";

const MORE_FRAGMENTS = 0x2000;
const OFFSET = 0x1fff;
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
/** An option with this bit goes into every fragment. */
const COPIED = 0x80;

/** The packet, whole or itself a fragment, in pieces of at most `mtu` bytes, each a packet. Empty: so small a link carries none. */
export function fragmentIpv4(packet: Uint8Array, mtu: number): Uint8Array[] {
  const headerLength = ipv4.readHeaderLength(packet, 0);
  const end = ipv4.readTotalLength(packet, 0);
  const first = packet.slice(0, headerLength);
  const later = withoutUncopiedOptions(first);
  const firstBits = ipv4.readFragmentBits(packet, 0);
  const pieces: Uint8Array[] = [];
  for (let at = headerLength; at < end; ) {
    const header = at === headerLength ? first : later;
    const room = mtu - header.length;
    const isLast = end - at <= room;
    const length = isLast ? end - at : room & ~7;
    if (length <= 0) return [];
    const more = isLast ? firstBits & MORE_FRAGMENTS : MORE_FRAGMENTS;
    const offset = (firstBits & OFFSET) + ((at - headerLength) >>> 3);
    pieces.push(makePiece(header, packet.subarray(at, at + length), offset | more));
    at += length;
  }
  return pieces;
}

function makePiece(header: Uint8Array, payload: Uint8Array, bits: number): Uint8Array {
  const piece = new Uint8Array(header.length + payload.length);
  const view = new DataView(piece.buffer);
  piece.set(header);
  piece.set(payload, header.length);
  view.setUint16(2, piece.length);
  view.setUint16(6, bits);
  view.setUint16(10, 0);
  view.setUint16(10, checksum(piece, 0, header.length));
  return piece;
}

/** The header of fragments but the first. Options that make no sense are all left out. */
function withoutUncopiedOptions(header: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let at = ipv4.IPV4_HEADER_LENGTH; at < header.length && header[at] !== END_OF_OPTIONS; ) {
    const length = header[at] === NO_OPERATION ? 1 : header[at + 1];
    if (!(length >= 1) || at + length > header.length || (length === 1 && header[at] !== NO_OPERATION)) {
      kept.length = 0;
      break;
    }
    if (header[at] & COPIED) kept.push(...header.subarray(at, at + length));
    at += length;
  }
  const copy = new Uint8Array(ipv4.IPV4_HEADER_LENGTH + ((kept.length + 3) & ~3));
  copy.set(header.subarray(0, ipv4.IPV4_HEADER_LENGTH));
  copy.set(kept, ipv4.IPV4_HEADER_LENGTH);
  copy[0] = 0x40 | (copy.length >>> 2);
  return copy;
}

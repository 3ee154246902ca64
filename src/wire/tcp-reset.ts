/**
 * What a host says to a TCP segment for which it has no connection and no listener (RFC 9293 3.10.7.1): a reset that whoever sent
 * it can believe, with the sequence number that it waits for.
 */
import { PROTOCOLS } from "../net/flow.ts";
import { ETHERNET_HEADER_LENGTH } from "./ethernet.ts";
import { encodeIp, type PlainPacket, sumUpper } from "./ip-packet.ts";
import { readVersion } from "./ipv4.ts";

const HEADER_LENGTH = 20;
const CHECKSUM = 16;
const FLAG = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;
const HOP_LIMIT = 64;

/** As a packet behind room for an Ethernet header; undefined: it is no sound segment, or a reset, which nobody answers. */
export function encodeReset({ source, destination, protocol, packet, payload }: PlainPacket): Uint8Array | undefined {
  if (protocol !== PROTOCOLS.tcp || payload.length < HEADER_LENGTH) return undefined;
  const headerLength = (payload[12] >>> 4) << 2;
  if (headerLength < HEADER_LENGTH || headerLength > payload.length) return undefined;
  if (sumUpper(packet, 0, packet.length - payload.length, payload.length, protocol) !== 0xffff) return undefined;
  const flags = payload[13];
  if (flags & FLAG.rst) return undefined;

  const heard = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const segment = new Uint8Array(HEADER_LENGTH);
  const view = new DataView(segment.buffer);
  view.setUint16(0, heard.getUint16(2));
  view.setUint16(2, heard.getUint16(0));
  segment[12] = HEADER_LENGTH << 2;
  if (flags & FLAG.ack) {
    view.setUint32(4, heard.getUint32(8));
    segment[13] = FLAG.rst;
  } else {
    const control = Number((flags & FLAG.syn) !== 0) + Number((flags & FLAG.fin) !== 0);
    view.setUint32(8, heard.getUint32(4) + payload.length - headerLength + control);
    segment[13] = FLAG.rst | FLAG.ack;
  }
  const ends = { source: destination, destination: source };
  const reset = encodeIp(
    { ...ends, hopLimit: HOP_LIMIT, trafficClass: dscpOf(packet), protocol, payload: segment },
    ETHERNET_HEADER_LENGTH,
  );
  const at = reset.length - HEADER_LENGTH;
  const sum = sumUpper(reset, ETHERNET_HEADER_LENGTH, at, HEADER_LENGTH, protocol);
  new DataView(reset.buffer).setUint16(at + CHECKSUM, ~sum & 0xffff);
  return reset;
}

/** The traffic class without the two bits of ECN, which are not for resets (RFC 3168 6.1.5). */
const dscpOf = (packet: Uint8Array): number =>
  (readVersion(packet, 0) === 4 ? packet[1] : ((packet[0] << 4) | (packet[1] >>> 4)) & 0xff) & 0xfc;

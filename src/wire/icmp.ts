/**
 * ICMP of both families (RFC 792, RFC 4443), off the fast path: the checksum of a message, and the packet or the frame around it.
 * That of ICMPv6 is over a pseudo-header too.
 */
import { type Address, addressToBytes, isIpv4 } from "../net/address.ts";
import { PROTOCOLS } from "../net/flow.ts";
import { type Mac, macHigh, macLow } from "../net/mac.ts";
import { checksum, sum16 } from "./checksum.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, writeMac } from "./ethernet.ts";
import { IPV4_HEADER_LENGTH } from "./ipv4.ts";
import { IPV6_HEADER_LENGTH } from "./ipv6.ts";

export const { icmp: ICMP, icmp6: ICMP6 } = PROTOCOLS;

/** Of echo and of errors: type, code, checksum, and four bytes more. */
export const ICMP_HEADER_LENGTH = 8;

const CHECKSUM = 2;

/** The sum over a message of `length` bytes behind the fixed header at `ip`: 0xffff where its checksum is right (RFC 8200 8.1). */
export function sumIcmp6(bytes: Uint8Array, ip: number, message: number, length: number): number {
  const addresses = sum16(bytes, ip + 8, 32, (length >>> 16) + (length & 0xffff) + ICMP6);
  return sum16(bytes, message, length, addresses);
}

export interface IcmpPacket {
  /** Both of one family, which is the packet's. */
  readonly source: Address;
  readonly destination: Address;
  readonly hopLimit: number;
  /** Eight bits, the type of service of IPv4; 0 unless told. */
  readonly trafficClass?: number;
  /** From its type on, with zeros in place of the checksum. */
  readonly message: Uint8Array;
}

/** A whole IP packet, behind `room` bytes of zeros. */
export const encodeIcmp = (packet: IcmpPacket, room = 0): Uint8Array =>
  isIpv4(packet.source) ? encodeIcmp4(packet, room) : encodeIcmp6(packet, room);

export interface IcmpFrame extends IcmpPacket {
  readonly sourceMac: Mac;
  readonly destinationMac: Mac;
}

/** A whole frame without tags. */
export function encodeIcmpFrame({ sourceMac, destinationMac, ...packet }: IcmpFrame): Uint8Array {
  const frame = encodeIcmp(packet, ETHERNET_HEADER_LENGTH);
  writeMac(frame, 0, macHigh(destinationMac), macLow(destinationMac));
  writeMac(frame, 6, macHigh(sourceMac), macLow(sourceMac));
  new DataView(frame.buffer).setUint16(12, isIpv4(packet.source) ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6);
  return frame;
}

function encodeIcmp4(packet: IcmpPacket, ip: number): Uint8Array {
  const { source, destination, hopLimit, trafficClass = 0, message } = packet;
  const at = ip + IPV4_HEADER_LENGTH;
  const bytes = new Uint8Array(at + message.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(ip, 0x4500 | trafficClass);
  view.setUint16(ip + 2, bytes.length - ip);
  bytes[ip + 8] = hopLimit;
  bytes[ip + 9] = ICMP;
  bytes.set(addressToBytes(source), ip + 12);
  bytes.set(addressToBytes(destination), ip + 16);
  view.setUint16(ip + 10, checksum(bytes, ip, IPV4_HEADER_LENGTH));
  bytes.set(message, at);
  view.setUint16(at + CHECKSUM, checksum(message, 0, message.length));
  return bytes;
}

function encodeIcmp6(packet: IcmpPacket, ip: number): Uint8Array {
  const { source, destination, hopLimit, trafficClass = 0, message } = packet;
  const at = ip + IPV6_HEADER_LENGTH;
  const bytes = new Uint8Array(at + message.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(ip, 0x60000000 | (trafficClass << 20));
  view.setUint16(ip + 4, message.length);
  bytes[ip + 6] = ICMP6;
  bytes[ip + 7] = hopLimit;
  bytes.set(addressToBytes(source), ip + 8);
  bytes.set(addressToBytes(destination), ip + 24);
  bytes.set(message, at);
  view.setUint16(at + CHECKSUM, ~sumIcmp6(bytes, ip, at, message.length) & 0xffff);
  return bytes;
}

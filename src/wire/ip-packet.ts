/**
 * IP packets of both families as a host has them that is spoken to: the plain ones, read out of a frame, and those that it makes.
 * Off the fast path.
 */
import { type Address, addressToBytes, isIpv4, readIpv4, readIpv6 } from "../net/address.ts";
import { type Mac, macHigh, macLow } from "../net/mac.ts";
import { checksum, sum16 } from "./checksum.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, isGroupMac, readEthertype, readMac, writeMac } from "./ethernet.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";

export interface PlainPacket {
  /** Of whoever handed us the frame. */
  readonly mac: Mac;
  readonly isToGroupMac: boolean;
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  /** With its headers, and without what pads it. */
  readonly packet: Uint8Array;
  /** Behind the IP header. */
  readonly payload: Uint8Array;
}

/** The packet in a frame of `length` bytes at `frame`, if it is whole, no fragment, and without options or extension headers. */
export function readPlainPacket(bytes: Uint8Array, frame: number, length: number): PlainPacket | undefined {
  const ip = frame + ETHERNET_HEADER_LENGTH;
  const ethertype = readEthertype(bytes, frame);
  const isV4 = ethertype === ETHERTYPE.ipv4;
  if (!isV4 && ethertype !== ETHERTYPE.ipv6) return undefined;
  const at = ip + (isV4 ? ipv4.IPV4_HEADER_LENGTH : ipv6.IPV6_HEADER_LENGTH);
  if (at > frame + length) return undefined;
  const end = isV4 ? ip + ipv4.readTotalLength(bytes, ip) : at + ipv6.readPayloadLength(bytes, ip);
  if (end < at || end > frame + length) return undefined;
  if (isV4 && (bytes[ip] !== 0x45 || ipv4.readFragmentBits(bytes, ip) !== 0)) return undefined;
  return {
    mac: readMac(bytes, frame + 6),
    isToGroupMac: isGroupMac(bytes, frame),
    source: isV4 ? readIpv4(bytes, ip + 12) : readIpv6(bytes, ip + 8),
    destination: isV4 ? readIpv4(bytes, ip + 16) : readIpv6(bytes, ip + 24),
    protocol: isV4 ? ipv4.readProtocol(bytes, ip) : ipv6.readNextHeader(bytes, ip),
    packet: bytes.subarray(ip, end),
    payload: bytes.subarray(at, end),
  };
}

/** The sum over what is behind the fixed header at `ip` and its pseudo-header: 0xffff where its checksum is right. */
export function sumUpper(bytes: Uint8Array, ip: number, at: number, length: number, protocol: number): number {
  const [addresses, addressBytes] = ipv4.readVersion(bytes, ip) === 4 ? [ip + 12, 8] : [ip + 8, 32];
  const pseudo = sum16(bytes, addresses, addressBytes, (length >>> 16) + (length & 0xffff) + protocol);
  return sum16(bytes, at, length, pseudo);
}

export interface IpPacket {
  /** Both of one family, which is the packet's. */
  readonly source: Address;
  readonly destination: Address;
  readonly hopLimit: number;
  /** Eight bits, the type of service of IPv4; 0 unless told. */
  readonly trafficClass?: number;
  readonly protocol: number;
  readonly payload: Uint8Array;
}

/** A whole IP packet, behind `room` bytes of zeros. */
export const encodeIp = (packet: IpPacket, room = 0): Uint8Array =>
  isIpv4(packet.source) ? encodeIp4(packet, room) : encodeIp6(packet, room);

function encodeIp4({ source, destination, hopLimit, trafficClass = 0, protocol, payload }: IpPacket, ip: number): Uint8Array {
  const at = ip + ipv4.IPV4_HEADER_LENGTH;
  const bytes = new Uint8Array(at + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(ip, 0x4500 | trafficClass);
  view.setUint16(ip + 2, bytes.length - ip);
  bytes[ip + 8] = hopLimit;
  bytes[ip + 9] = protocol;
  bytes.set(addressToBytes(source), ip + 12);
  bytes.set(addressToBytes(destination), ip + 16);
  view.setUint16(ip + 10, checksum(bytes, ip, ipv4.IPV4_HEADER_LENGTH));
  bytes.set(payload, at);
  return bytes;
}

function encodeIp6({ source, destination, hopLimit, trafficClass = 0, protocol, payload }: IpPacket, ip: number): Uint8Array {
  const at = ip + ipv6.IPV6_HEADER_LENGTH;
  const bytes = new Uint8Array(at + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(ip, 0x60000000 | (trafficClass << 20));
  view.setUint16(ip + 4, payload.length);
  bytes[ip + 6] = protocol;
  bytes[ip + 7] = hopLimit;
  bytes.set(addressToBytes(source), ip + 8);
  bytes.set(addressToBytes(destination), ip + 24);
  bytes.set(payload, at);
  return bytes;
}

/** Writes the Ethernet header in front of an IP packet, where `frame` has room for it. */
export function addressFrame(frame: Uint8Array, sourceMac: Mac, destinationMac: Mac): Uint8Array {
  writeMac(frame, 0, macHigh(destinationMac), macLow(destinationMac));
  writeMac(frame, 6, macHigh(sourceMac), macLow(sourceMac));
  const isV4 = ipv4.readVersion(frame, ETHERNET_HEADER_LENGTH) === 4;
  new DataView(frame.buffer, frame.byteOffset).setUint16(12, isV4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6);
  return frame;
}

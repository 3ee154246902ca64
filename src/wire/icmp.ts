/**
 * ICMP of both families (RFC 792, RFC 4443), off the fast path: the checksum of a message, and the packet or the frame around it.
 * That of ICMPv6 is over a pseudo-header too.
 */
import { isIpv4 } from "../net/address.ts";
import { PROTOCOLS } from "../net/flow.ts";
import type { Mac } from "../net/mac.ts";
import { checksum } from "./checksum.ts";
import { ETHERNET_HEADER_LENGTH } from "./ethernet.ts";
import { addressFrame, encodeIp, type IpPacket, sumUpper } from "./ip-packet.ts";

export const { icmp: ICMP, icmp6: ICMP6 } = PROTOCOLS;

/** Of echo and of errors: type, code, checksum, and four bytes more. */
export const ICMP_HEADER_LENGTH = 8;

const CHECKSUM = 2;

/** The sum over a message of `length` bytes behind the fixed header at `ip`: 0xffff where its checksum is right (RFC 8200 8.1). */
export const sumIcmp6 = (bytes: Uint8Array, ip: number, message: number, length: number): number =>
  sumUpper(bytes, ip, message, length, ICMP6);

export interface IcmpPacket extends Omit<IpPacket, "protocol" | "payload"> {
  /** From its type on, with zeros in place of the checksum. */
  readonly message: Uint8Array;
}

/** A whole IP packet, behind `room` bytes of zeros. */
export function encodeIcmp({ message, ...packet }: IcmpPacket, room = 0): Uint8Array {
  const isV4 = isIpv4(packet.source);
  const bytes = encodeIp({ ...packet, protocol: isV4 ? ICMP : ICMP6, payload: message }, room);
  const at = bytes.length - message.length;
  const value = isV4 ? checksum(message, 0, message.length) : ~sumIcmp6(bytes, room, at, message.length) & 0xffff;
  new DataView(bytes.buffer).setUint16(at + CHECKSUM, value);
  return bytes;
}

export interface IcmpFrame extends IcmpPacket {
  readonly sourceMac: Mac;
  readonly destinationMac: Mac;
}

/** A whole frame without tags. */
export const encodeIcmpFrame = ({ sourceMac, destinationMac, ...packet }: IcmpFrame): Uint8Array =>
  addressFrame(encodeIcmp(packet, ETHERNET_HEADER_LENGTH), sourceMac, destinationMac);

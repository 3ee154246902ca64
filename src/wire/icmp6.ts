/**
 * ICMPv6 (RFC 4443) as far as a router needs it: the checksum over the pseudo-header, and the frame around a message.
 */
import { addressToBytes, type Ipv6Address } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { macHigh, macLow } from "../net/mac.ts";
import { sum16 } from "./checksum.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, writeMac } from "./ethernet.ts";
import { IPV6_HEADER_LENGTH } from "./ipv6.ts";

export const ICMP6 = 58;

/** The sum over a message of `length` bytes behind the fixed header at `ip`: 0xffff where its checksum is right (RFC 8200 8.1). */
export function sumIcmp6(bytes: Uint8Array, ip: number, message: number, length: number): number {
  const addresses = sum16(bytes, ip + 8, 32, (length >>> 16) + (length & 0xffff) + ICMP6);
  return sum16(bytes, message, length, addresses);
}

export interface Icmp6Frame {
  readonly sourceMac: Mac;
  readonly destinationMac: Mac;
  readonly source: Ipv6Address;
  readonly destination: Ipv6Address;
  readonly hopLimit: number;
  /** With zeros in place of the checksum. */
  readonly message: Uint8Array;
}

export function encodeIcmp6({ sourceMac, destinationMac, source, destination, hopLimit, message }: Icmp6Frame): Uint8Array {
  const ip = ETHERNET_HEADER_LENGTH;
  const frame = new Uint8Array(ip + IPV6_HEADER_LENGTH + message.length);
  const view = new DataView(frame.buffer);
  writeMac(frame, 0, macHigh(destinationMac), macLow(destinationMac));
  writeMac(frame, 6, macHigh(sourceMac), macLow(sourceMac));
  view.setUint16(12, ETHERTYPE.ipv6);
  view.setUint32(ip, 0x60000000);
  view.setUint16(ip + 4, message.length);
  frame[ip + 6] = ICMP6;
  frame[ip + 7] = hopLimit;
  frame.set(addressToBytes(source), ip + 8);
  frame.set(addressToBytes(destination), ip + 24);
  frame.set(message, ip + IPV6_HEADER_LENGTH);
  view.setUint16(ip + IPV6_HEADER_LENGTH + 2, ~sumIcmp6(frame, ip, ip + IPV6_HEADER_LENGTH, message.length) & 0xffff);
  return frame;
}

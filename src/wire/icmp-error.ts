/**
 * ICMP errors of both families (RFC 792, RFC 4443 section 3): which packets they may be about, and the packet itself, which
 * quotes as much as fits in what every link carries (576 bytes, RFC 1812 4.3.2.3; 1280 bytes, RFC 4443 2.4 c).
 */
import { type Address, addressFamily, isIpv4 } from "../net/address.ts";
import { encodeIcmp, ICMP, ICMP_HEADER_LENGTH, ICMP6 } from "./icmp.ts";
import * as ipv4 from "./ipv4.ts";
import { IPV6_HEADER_LENGTH } from "./ipv6.ts";
import { createUpper, readUpperLayer, UPPER } from "./upper-layer.ts";

const LARGEST_IPV4 = 576;
const LARGEST_IPV6 = 1280;
const ECHO_TYPES = [0, 8];
const REDIRECT6 = 137;
/** Internetwork control (RFC 1812 4.3.2.5); IPv6 asks for nothing of the kind, and Linux sends 0. */
const TRAFFIC_CLASS = { ipv4: 0xc0, ipv6: 0 } as const;

/** Of the packet's bytes, no more than these are ever quoted. */
export const LARGEST_QUOTE = LARGEST_IPV6;

const upper = createUpper();

/**
 * Whether the IP packet at `ip`, whose bytes end at `end`, may be answered with an error as far as its own headers say (RFC
 * 1812 4.3.2.7, RFC 4443 2.4 e): no ICMP error and no redirect is, and no fragment of IPv4 but the first. Of unknown ICMP types
 * nobody knows that they are no errors.
 */
export function mayBeAnswered(bytes: Uint8Array, ip: number, end: number): boolean {
  const isV4 = ipv4.readVersion(bytes, ip) === 4;
  if (isV4 && (ipv4.readFragmentBits(bytes, ip) & 0x1fff) !== 0) return false;
  readUpperLayer(bytes, ip, end, upper);
  if (upper[UPPER.protocol] !== (isV4 ? ICMP : ICMP6)) return true;
  // Behind a later fragment's header there is no type to read.
  const type = upper[UPPER.offset] === 0 || upper[UPPER.offset] >= end ? undefined : bytes[upper[UPPER.offset]];
  if (type === undefined) return false;
  return isV4 ? ECHO_TYPES.includes(type) || (type >= 13 && type <= 18) : type >= 128 && type !== REDIRECT6;
}

export interface IcmpError {
  readonly type: number;
  readonly code: number;
  /** The MTU where the type has one. */
  readonly word?: number;
  /** Both of the quoted packet's family. */
  readonly source: Address;
  readonly destination: Address;
  readonly ttl: number;
  /** The IP packet it is about, or its first bytes. */
  readonly quoted: Uint8Array;
}

/** A whole IP packet. */
export function encodeIcmpError({ type, code, word = 0, source, destination, ttl, quoted }: IcmpError): Uint8Array {
  const room = isIpv4(source) ? LARGEST_IPV4 - ipv4.IPV4_HEADER_LENGTH : LARGEST_IPV6 - IPV6_HEADER_LENGTH;
  const message = new Uint8Array(Math.min(room, ICMP_HEADER_LENGTH + quoted.length));
  message[0] = type;
  message[1] = code;
  new DataView(message.buffer).setUint32(4, word);
  message.set(quoted.subarray(0, message.length - ICMP_HEADER_LENGTH), ICMP_HEADER_LENGTH);
  const trafficClass = TRAFFIC_CLASS[addressFamily(source)];
  return encodeIcmp({ source, destination, hopLimit: ttl, trafficClass, message });
}

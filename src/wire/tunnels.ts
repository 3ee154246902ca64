/**
 * Finds the packet inside a tunnel, for hashes that look inside: IP-in-IP (RFC 2003), 6in4 (RFC 4213), GRE (RFC 2784, 2890)
 * with IP or Ethernet in it, VXLAN (RFC 7348), Geneve (RFC 8926) and GTP-U (3GPP TS 29.281). One level deep. A view: it
 * answers with an offset, and with -1 for whatever is no tunnel, is cut off, or carries something else.
 */
import { PROTOCOLS } from "../net/flow.ts";
import { ETHERTYPE } from "./ethernet.ts";
import * as ipv4 from "./ipv4.ts";

const IP_IN_IP = 4;
const IPV6_IN_IP = 41;
const PORT = { gtpUser: 2152, vxlan: 4789, geneve: 6081 } as const;
const TRANSPARENT_ETHERNET = 0x6558;
const ETHERNET_LENGTH = 14;
const GTP_EXTENSIONS = 8;

const word = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

/** Offset of the IP header (of either version) inside the IPv4 packet at `ip`, whose bytes end at `end`; -1 for none. */
export function findInner(bytes: Uint8Array, ip: number, end: number): number {
  if (ipv4.readFragmentBits(bytes, ip) !== 0) return -1;
  const at = ip + ipv4.readHeaderLength(bytes, ip);
  switch (ipv4.readProtocol(bytes, ip)) {
    case IP_IN_IP:
    case IPV6_IN_IP:
      return isIp(bytes, at, end);
    case PROTOCOLS.gre:
      return insideGre(bytes, at, end);
    case PROTOCOLS.udp:
      return at + 8 <= end ? insideUdp(bytes, at, end) : -1;
    default:
      return -1;
  }
}

/** `at` if a whole IP header is there. */
function isIp(bytes: Uint8Array, at: number, end: number): number {
  const version = at < end ? bytes[at] >>> 4 : 0;
  const isWhole = version === 4 ? at + 20 <= end && (bytes[at] & 15) >= 5 : version === 6 && at + 40 <= end;
  return isWhole ? at : -1;
}

function insideProtocol(bytes: Uint8Array, protocol: number, at: number, end: number): number {
  if (protocol === ETHERTYPE.ipv4 || protocol === ETHERTYPE.ipv6) return isIp(bytes, at, end);
  return protocol === TRANSPARENT_ETHERNET ? insideEthernet(bytes, at, end) : -1;
}

function insideEthernet(bytes: Uint8Array, at: number, end: number): number {
  if (at + ETHERNET_LENGTH > end) return -1;
  const ethertype = word(bytes, at + 12);
  return ethertype === ETHERTYPE.ipv4 || ethertype === ETHERTYPE.ipv6 ? isIp(bytes, at + ETHERNET_LENGTH, end) : -1;
}

/** Checksum, key and sequence number are four bytes each, where their flag says so. Version 1 is PPTP's and has none of it. */
function insideGre(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  const flags = word(bytes, at);
  if ((flags & 0x4007) !== 0) return -1;
  const options = ((flags >>> 15) & 1) + ((flags >>> 13) & 1) + ((flags >>> 12) & 1);
  return insideProtocol(bytes, word(bytes, at + 2), at + 4 + options * 4, end);
}

function insideUdp(bytes: Uint8Array, udp: number, end: number): number {
  const at = udp + 8;
  if (at + 8 > end) return -1;
  switch (word(bytes, udp + 2)) {
    case PORT.vxlan:
      return insideEthernet(bytes, at + 8, end);
    case PORT.geneve:
      return insideProtocol(bytes, word(bytes, at + 2), at + 8 + (bytes[at] & 0x3f) * 4, end);
    case PORT.gtpUser:
      return insideGtp(bytes, at, end);
    default:
      return -1;
  }
}

/** Only G-PDUs of version 1 carry a packet. Extension headers are counted in units of four bytes and name their successor last. */
function insideGtp(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] >>> 4 !== 3 || bytes[at + 1] !== 0xff) return -1;
  if ((bytes[at] & 7) === 0) return isIp(bytes, at + 8, end);
  let next = at + 12;
  if (next > end) return -1;
  let type = bytes[at] & 4 ? bytes[next - 1] : 0;
  for (let extensions = 0; type !== 0; extensions++) {
    const length = next < end ? bytes[next] * 4 : 0;
    if (length === 0 || next + length > end || extensions === GTP_EXTENSIONS) return -1;
    next += length;
    type = bytes[next - 1];
  }
  return isIp(bytes, next, end);
}

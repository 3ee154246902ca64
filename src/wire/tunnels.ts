/**
 * Finds the packet inside a tunnel, for hashes that look inside: IP-in-IP (RFC 2003, 2473), 6in4 (RFC 4213), GRE (RFC 2784,
 * 2890), VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281) and MPLS over IP, GRE or UDP (RFC 4023, 7510), with IP,
 * Ethernet, VLAN tags or MPLS labels in between. One level deep. A view: it answers with an offset, and with -1 for whatever is
 * no tunnel, is cut off, or carries something else. Every walk is bounded.
 */
import { PROTOCOLS } from "../net/flow.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE } from "./ethernet.ts";
import { isIpHeader } from "./upper-layer.ts";

const IP_IN_IP = 4;
const IPV6_IN_IP = 41;
const MPLS_IN_IP = 137;
const PORT = { gtpUser: 2152, vxlan: 4789, geneve: 6081, mpls: 6635 } as const;
const TRANSPARENT_ETHERNET = 0x6558;
const MPLS = 0x8847;
const MPLS_UPSTREAM = 0x8848;
const VLAN_TAGS = 2;
const MPLS_LABELS = 16;
const GTP_EXTENSIONS = 8;

const word = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

/** Offset of the IP header (of either version) inside the header of `protocol` at `at`, in a packet that ends at `end`; or -1. */
export function findInner(bytes: Uint8Array, protocol: number, at: number, end: number): number {
  switch (protocol) {
    case IP_IN_IP:
    case IPV6_IN_IP:
      return atIp(bytes, at, end);
    case PROTOCOLS.gre:
      return insideGre(bytes, at, end);
    case PROTOCOLS.udp:
      return insideUdp(bytes, at, end);
    case MPLS_IN_IP:
      return insideMpls(bytes, at, end);
    default:
      return -1;
  }
}

const atIp = (bytes: Uint8Array, at: number, end: number): number => (isIpHeader(bytes, at, end) ? at : -1);

function insideEthertype(bytes: Uint8Array, ethertype: number, at: number, end: number): number {
  if (ethertype === ETHERTYPE.ipv4 || ethertype === ETHERTYPE.ipv6) return atIp(bytes, at, end);
  if (ethertype === TRANSPARENT_ETHERNET) return insideEthernet(bytes, at, end);
  return ethertype === MPLS || ethertype === MPLS_UPSTREAM ? insideMpls(bytes, at, end) : -1;
}

/** With up to two VLAN tags. */
function insideEthernet(bytes: Uint8Array, frame: number, end: number): number {
  let at = frame + ETHERNET_HEADER_LENGTH;
  for (let tags = 0; at <= end; tags++) {
    const ethertype = word(bytes, at - 2);
    if (ethertype !== ETHERTYPE.vlan && ethertype !== ETHERTYPE.qinq)
      return ethertype === TRANSPARENT_ETHERNET ? -1 : insideEthertype(bytes, ethertype, at, end);
    if (tags === VLAN_TAGS) return -1;
    at += 4;
  }
  return -1;
}

/**
 * Below the label whose bottom-of-stack bit is set (RFC 3032). Nothing says what lies there: what begins like IP is taken for it.
 */
function insideMpls(bytes: Uint8Array, stack: number, end: number): number {
  for (let at = stack, labels = 0; at + 4 <= end && labels < MPLS_LABELS; at += 4, labels++) {
    if (bytes[at + 2] & 1) return atIp(bytes, at + 4, end);
  }
  return -1;
}

/** Checksum, key and sequence number are four bytes each, where their flag says so. Version 1 is PPTP's and has none of it. */
function insideGre(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  const flags = word(bytes, at);
  if ((flags & 0x4007) !== 0) return -1;
  const options = ((flags >>> 15) & 1) + ((flags >>> 13) & 1) + ((flags >>> 12) & 1);
  return insideEthertype(bytes, word(bytes, at + 2), at + 4 + options * 4, end);
}

function insideUdp(bytes: Uint8Array, udp: number, end: number): number {
  const at = udp + 8;
  if (at + 8 > end) return -1;
  switch (word(bytes, udp + 2)) {
    case PORT.vxlan:
      return insideEthernet(bytes, at + 8, end);
    case PORT.geneve:
      return insideEthertype(bytes, word(bytes, at + 2), at + 8 + (bytes[at] & 0x3f) * 4, end);
    case PORT.gtpUser:
      return insideGtp(bytes, at, end);
    case PORT.mpls:
      return insideMpls(bytes, at, end);
    default:
      return -1;
  }
}

/** Only G-PDUs of version 1 carry a packet. Extension headers are counted in units of four bytes and name their successor last. */
function insideGtp(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] >>> 4 !== 3 || bytes[at + 1] !== 0xff) return -1;
  if ((bytes[at] & 7) === 0) return atIp(bytes, at + 8, end);
  let next = at + 12;
  if (next > end) return -1;
  let type = bytes[at] & 4 ? bytes[next - 1] : 0;
  for (let extensions = 0; type !== 0; extensions++) {
    const length = next < end ? bytes[next] * 4 : 0;
    if (length === 0 || next + length > end || extensions === GTP_EXTENSIONS) return -1;
    next += length;
    type = bytes[next - 1];
  }
  return atIp(bytes, next, end);
}

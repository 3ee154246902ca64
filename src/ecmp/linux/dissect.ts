/**
 * Reads a packet's headers as Linux's flow dissector does (`__skb_flow_dissect`, net/core/flow_dissector.c), for the
 * multipath hash, which asks it once up to the first tunnel and once through all of them. Pure and without allocation. A header
 * that is cut short ends the reading, and what was read before stays; so does the label of an outer IPv6 header whose
 * inner one has none.
 *
 *   fragments             every one, the first included: no ports, and no tunnel is looked into
 *   ESP, AH               the SPI counts as both ports
 *   tunnels               IPIP, SIT and IPv6-in-anything, GRE of version 0 (with key, checksum, sequence; also Ethernet in it)
 *   ICMP errors           only policy 0 hashes them as the packet they quote
 *
 * Not read, though the kernel does: PPTP (GRE of version 1), and what else than IP and Ethernet a GRE header may announce (PPPoE,
 * batman-adv, HSR, TIPC).
 */
import { readIpv4 } from "../../net/address.ts";
import { HEADERS, type Headers, READING } from "./headers.ts";

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, providerVlan: 0x88a8, bridged: 0x6558 } as const;
const IP = {
  hopByHop: 0,
  icmp: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  destinationOptions: 60,
  sctp: 132,
  udpLite: 136,
} as const;
const MAXIMUM_HEADERS = 15;

/** The packet of `bytes` from the IP header at `ip` to `end`; both families, told by the version. False: no IP header is there. */
export function readHeaders(bytes: Uint8Array, ip: number, end: number, headers: Headers): boolean {
  headers.fill(0);
  const version = bytes[ip] >>> 4;
  if (version === 4 && ip + 20 <= end) {
    const packetEnd = Math.min(end, ip + readHalfWord(bytes, ip + 2));
    readQuotingIpv4(bytes, ip, packetEnd, headers);
    dissect(bytes, ip, packetEnd, ETHERTYPE.ipv4, headers, HEADERS.outer, true);
    dissect(bytes, ip, packetEnd, ETHERTYPE.ipv4, headers, HEADERS.innermost, false);
    return true;
  }
  if (version !== 6 || ip + 40 > end) return false;
  const packetEnd = Math.min(end, ip + 40 + readHalfWord(bytes, ip + 4));
  readQuotingIpv6(bytes, ip, packetEnd, headers);
  dissect(bytes, ip, packetEnd, ETHERTYPE.ipv6, headers, HEADERS.outer, true);
  dissect(bytes, ip, packetEnd, ETHERTYPE.ipv6, headers, HEADERS.innermost, false);
  return true;
}

/** Unreachable, source quench, redirect, time exceeded, parameter problem (`icmp_is_err`). */
const isIpv4Error = (type: number): boolean => (type >= 3 && type <= 5) || type === 11 || type === 12;

function readQuotingIpv4(bytes: Uint8Array, ip: number, end: number, headers: Headers): void {
  const icmp = ip + ((bytes[ip] & 15) << 2);
  const isIcmp = bytes[ip + 9] === IP.icmp && (readHalfWord(bytes, ip + 6) & 0x1fff) === 0 && icmp + 8 <= end;
  const quotes = isIcmp && isIpv4Error(bytes[icmp]) && icmp + 28 <= end;
  readIpv4Addresses(bytes, quotes ? icmp + 8 : ip, headers, HEADERS.layer3);
  headers[HEADERS.layer3 + READING.protocol] = bytes[(quotes ? icmp + 8 : ip) + 9];
}

/** The protocol is that of the first next-header field, whatever it is. */
function readQuotingIpv6(bytes: Uint8Array, ip: number, end: number, headers: Headers): void {
  const icmp = ip + 40;
  const quotes = bytes[ip + 6] === IP.icmp6 && icmp + 48 <= end && bytes[icmp] >= 1 && bytes[icmp] <= 4;
  const header = quotes ? icmp + 8 : ip;
  readIpv6Addresses(bytes, header, headers, HEADERS.layer3);
  headers[HEADERS.layer3 + READING.protocol] = bytes[header + 6];
  headers[HEADERS.layer3 + READING.flowLabel] = readFlowLabel(bytes, header);
}

function dissect(
  bytes: Uint8Array,
  start: number,
  end: number,
  ethertype: number,
  headers: Headers,
  base: number,
  stopAtTunnel: boolean,
): void {
  let type = ethertype;
  let at = start;
  for (let count = 0; count <= MAXIMUM_HEADERS; count++) {
    if (type === ETHERTYPE.vlan || type === ETHERTYPE.providerVlan) {
      if (at + 4 > end) return;
      type = readHalfWord(bytes, at + 2);
      at += 4;
      continue;
    }
    if (type === ETHERTYPE.ipv4) {
      if (at + 20 > end || (bytes[at] & 15) < 5) return;
      readIpv4Addresses(bytes, at, headers, base);
      headers[base + READING.protocol] = bytes[at + 9];
      if (readHalfWord(bytes, at + 6) & 0x3fff) return;
      at += (bytes[at] & 15) << 2;
    } else if (type === ETHERTYPE.ipv6) {
      if (at + 40 > end) return;
      readIpv6Addresses(bytes, at, headers, base);
      const label = readFlowLabel(bytes, at);
      if (label !== 0) headers[base + READING.flowLabel] = label;
      headers[base + READING.protocol] = bytes[at + 6];
      at = skipExtensions(bytes, at + 40, end, headers, base);
      if (at < 0) return;
    } else return;

    const inner = typeInTunnel(bytes, at, end, headers[base + READING.protocol]);
    if (inner === NO_TUNNEL) {
      readPorts(bytes, at, end, headers, base);
      return;
    }
    headers[base + READING.encapsulated] = 1;
    if (stopAtTunnel) return;
    if (headers[base + READING.protocol] === IP.gre) at += greLength(bytes, at);
    type = inner;
  }
}

/** The offset behind the extension headers, whose last next-header field becomes the protocol; -1 where the reading ends. */
function skipExtensions(bytes: Uint8Array, start: number, end: number, headers: Headers, base: number): number {
  let at = start;
  for (let count = 0; count < MAXIMUM_HEADERS; count++) {
    const protocol = headers[base + READING.protocol];
    const isOptions = protocol === IP.hopByHop || protocol === IP.routing || protocol === IP.destinationOptions;
    if (!isOptions && protocol !== IP.fragment) return at;
    if (at + (isOptions ? 2 : 8) > end) return -1;
    headers[base + READING.protocol] = bytes[at];
    if (!isOptions) return -1;
    at += (bytes[at + 1] + 1) << 3;
  }
  return -1;
}

const NO_TUNNEL = -1;
const GRE = { checksum: 0x8000, routing: 0x4000, key: 0x2000, sequence: 0x1000, version: 0x0007 } as const;
const ETHERNET_LENGTH = 14;

/** The ethertype of what the header at `at` carries, which may be one that the dissector does not know. */
function typeInTunnel(bytes: Uint8Array, at: number, end: number, protocol: number): number {
  if (protocol === IP.ipv4) return ETHERTYPE.ipv4;
  if (protocol === IP.ipv6) return ETHERTYPE.ipv6;
  if (protocol !== IP.gre || at + 4 > end) return NO_TUNNEL;
  const flags = readHalfWord(bytes, at);
  if (flags & (GRE.routing | GRE.version)) return NO_TUNNEL;
  if (flags & GRE.key && at + (flags & GRE.checksum ? 12 : 8) > end) return NO_TUNNEL;
  const type = readHalfWord(bytes, at + 2);
  if (type !== ETHERTYPE.bridged) return type;
  const inner = at + greLength(bytes, at);
  return inner > end ? NO_TUNNEL : readHalfWord(bytes, inner - 2);
}

/** With the Ethernet header that follows, if one does. */
function greLength(bytes: Uint8Array, at: number): number {
  const flags = readHalfWord(bytes, at);
  const optional = (flags & GRE.checksum ? 4 : 0) + (flags & GRE.key ? 4 : 0) + (flags & GRE.sequence ? 4 : 0);
  return 4 + optional + (readHalfWord(bytes, at + 2) === ETHERTYPE.bridged ? ETHERNET_LENGTH : 0);
}

function readPorts(bytes: Uint8Array, at: number, end: number, headers: Headers, base: number): void {
  const ports = portsOffset(headers[base + READING.protocol]);
  if (ports < 0 || at + ports + 4 > end) return;
  headers[base + READING.sourcePort] = readHalfWord(bytes, at + ports);
  headers[base + READING.destinationPort] = readHalfWord(bytes, at + ports + 2);
}

/** `proto_ports_offset` (include/linux/in.h); -1: that protocol has none. */
function portsOffset(protocol: number): number {
  switch (protocol) {
    case IP.tcp:
    case IP.udp:
    case IP.dccp:
    case IP.esp:
    case IP.sctp:
    case IP.udpLite:
      return 0;
    case IP.ah:
      return 4;
    default:
      return -1;
  }
}

function readIpv4Addresses(bytes: Uint8Array, ip: number, headers: Headers, base: number): void {
  headers[base + READING.family] = 4;
  headers[base + READING.source] = readIpv4(bytes, ip + 12);
  headers[base + READING.destination] = readIpv4(bytes, ip + 16);
}

function readIpv6Addresses(bytes: Uint8Array, ip: number, headers: Headers, base: number): void {
  headers[base + READING.family] = 6;
  for (let i = 0; i < 4; i++) {
    headers[base + READING.source + i] = readIpv4(bytes, ip + 8 + 4 * i);
    headers[base + READING.destination + i] = readIpv4(bytes, ip + 24 + 4 * i);
  }
}

const readFlowLabel = (bytes: Uint8Array, ip: number): number => readIpv4(bytes, ip) & 0xfffff;
const readHalfWord = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

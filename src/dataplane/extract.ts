/**
 * Fields that `classify` does not read, for hashes that want them: link layer, DSCP, the packet inside a tunnel; and what a
 * fragment's ports are and whether an ICMP error counts as the flow that it quotes. Made once from a hash's options; where
 * the options ask for nothing of it there is no extractor, and a packet costs nothing more. It begins where the classifier
 * says that the headers are, and reads no further than the packet says that it goes.
 */
import { FIELD, type Fields } from "../ecmp/fields.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { expandFieldNames, type FieldName } from "../ecmp/key.ts";
import { readIpv4 as readWord } from "../net/address.ts";
import { hasPorts, PROTOCOLS } from "../net/flow.ts";
import { readMacHigh, readMacLow } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { findInner } from "../wire/tunnels.ts";
import { createUpper, FRAGMENT, isIpHeader, readUpperLayer, UPPER } from "../wire/upper-layer.ts";

/** Adds to the fields of the sound IP packet in the frame at `frame`, received on port `ingress`. */
export type Extract = (bytes: Uint8Array, frame: number, ingress: number, fields: Fields) => void;

const LINK_FIELDS: readonly FieldName[] = ["dscp", "ethertype", "ingress-port", "source-mac", "destination-mac"];

export function createExtractor(options: Pick<HashOptions, "fields" | "fragments" | "icmpErrors">): Extract | undefined {
  const names = expandFieldNames(options.fields);
  const steps: Extract[] = [];
  if (options.fragments === "first-with-ports") steps.push(readFirstPorts);
  if (options.fragments === "payload-as-ports") steps.push(readPayloadAsPorts);
  if (options.icmpErrors === "quoted") steps.push(createQuotedReader(true));
  if (options.icmpErrors === "quoted-addresses") steps.push(createQuotedReader(false));
  if (names.some((name) => LINK_FIELDS.includes(name))) steps.push(readLink);
  if (names.some((name) => name.startsWith("inner-"))) steps.push(readInner);
  if (steps.length === 0) return undefined;
  if (steps.length === 1) return steps[0];
  return (bytes, frame, ingress, fields) => {
    for (let i = 0; i < steps.length; i++) steps[i](bytes, frame, ingress, fields);
  };
}

/** Whether the packet is a fragment of a larger one: what `fragments: dropped` drops. */
export function isFragment(bytes: Uint8Array, fields: Fields): boolean {
  readOuterUpper(bytes, fields);
  return upper[UPPER.fragment] !== FRAGMENT.none;
}

/** Of the packet at hand: what it holds is read before the next one is looked at. */
const upper = createUpper();

function readOuterUpper(bytes: Uint8Array, fields: Fields): void {
  readUpperLayer(bytes, fields[FIELD.networkOffset], endOf(bytes, fields), upper);
}

/** Where the outer packet ends: frames may be padded. */
export function endOf(bytes: Uint8Array, fields: Fields): number {
  const ip = fields[FIELD.networkOffset];
  return fields[FIELD.family] === 4 ? ip + ipv4.readTotalLength(bytes, ip) : ip + 40 + readHalfWord(bytes, ip + 4);
}

const readHalfWord = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

function readLink(bytes: Uint8Array, frame: number, ingress: number, fields: Fields): void {
  const ip = fields[FIELD.networkOffset];
  // The upper six bits of IPv4's second byte, and of IPv6's traffic class, which lies across two.
  fields[FIELD.dscp] = fields[FIELD.family] === 4 ? bytes[ip + 1] >>> 2 : (readHalfWord(bytes, ip) >>> 6) & 0x3f;
  // Behind the tags, if there are any.
  fields[FIELD.ethertype] = readHalfWord(bytes, ip - 2);
  fields[FIELD.ingressPort] = ingress;
  fields[FIELD.destinationMac] = readMacHigh(bytes, frame);
  fields[FIELD.destinationMac + 1] = readMacLow(bytes, frame);
  fields[FIELD.sourceMac] = readMacHigh(bytes, frame + 6);
  fields[FIELD.sourceMac + 1] = readMacLow(bytes, frame + 6);
}

/** Of every packet that has ports to read: a first fragment is one, and a whole packet's are read a second time. */
function readFirstPorts(bytes: Uint8Array, _frame: number, _ingress: number, fields: Fields): void {
  const at = fields[FIELD.transportOffset];
  if (at !== 0) readPorts(bytes, fields[FIELD.protocol], at, endOf(bytes, fields), fields, FIELD.family);
}

/** Behind a fixed IPv4 header, whatever there is. */
function readPayloadAsPorts(bytes: Uint8Array, _frame: number, _ingress: number, fields: Fields): void {
  if (fields[FIELD.family] !== 4) return;
  const at = fields[FIELD.networkOffset] + ipv4.IPV4_HEADER_LENGTH;
  readPorts(bytes, fields[FIELD.protocol], at, endOf(bytes, fields), fields, FIELD.family);
}

/** ICMP: unreachable, source quench, time exceeded, parameter problem (RFC 792). ICMPv6: 1 to 4 (RFC 4443). */
function isQuoting(protocol: number, type: number): boolean {
  if (protocol === PROTOCOLS.icmp) return type === 3 || type === 4 || type === 11 || type === 12;
  return protocol === PROTOCOLS.icmp6 && type >= 1 && type <= 4;
}

/** The quoted packet travelled the other way, so its ends are exchanged: the error follows those whose answer it is about. */
function createQuotedReader(withPorts: boolean): Extract {
  return (bytes, _frame, _ingress, fields) => {
    const icmp = fields[FIELD.transportOffset];
    const protocol = fields[FIELD.protocol];
    const family = fields[FIELD.family];
    if (icmp === 0 || protocol !== (family === 4 ? PROTOCOLS.icmp : PROTOCOLS.icmp6)) return;
    const quoted = icmp + 8;
    const end = endOf(bytes, fields);
    if (!isIpHeader(bytes, quoted, end) || ipv4.readVersion(bytes, quoted) !== family) return;
    if (!isQuoting(protocol, bytes[icmp]) || isFragment(bytes, fields)) return;
    readIp(bytes, quoted, end, fields, FIELD.family);
    if (family === 6) fields[FIELD.flowLabel] = readFlowLabel(bytes, quoted);
    exchangeEnds(fields);
    if (!withPorts) fields[FIELD.sourcePort] = fields[FIELD.destinationPort] = 0;
  };
}

function exchangeEnds(fields: Fields): void {
  exchange(fields, FIELD.sourcePort, FIELD.destinationPort);
  for (let i = 0; i < 4; i++) exchange(fields, FIELD.source + i, FIELD.destination + i);
}

function exchange(fields: Fields, a: number, b: number): void {
  const kept = fields[a];
  fields[a] = fields[b];
  fields[b] = kept;
}

function readInner(bytes: Uint8Array, _frame: number, _ingress: number, fields: Fields): void {
  fields.fill(0, FIELD.innerFamily, FIELD.innerFlowLabel + 1);
  const end = endOf(bytes, fields);
  readOuterUpper(bytes, fields);
  if (upper[UPPER.fragment] !== FRAGMENT.none || upper[UPPER.offset] === 0) return;
  const ip = findInner(bytes, upper[UPPER.protocol], upper[UPPER.offset], end);
  if (ip < 0) return;
  readIp(bytes, ip, end, fields, FIELD.innerFamily);
  if (fields[FIELD.innerFamily] === 6) fields[FIELD.innerFlowLabel] = readFlowLabel(bytes, ip);
}

const readFlowLabel = (bytes: Uint8Array, ip: number): number => readWord(bytes, ip) & 0xfffff;

// The words of a packet that is inside another lie as those of the outer one do.
const AT = {
  protocol: FIELD.protocol - FIELD.family,
  sourcePort: FIELD.sourcePort - FIELD.family,
  destinationPort: FIELD.destinationPort - FIELD.family,
  source: FIELD.source - FIELD.family,
  destination: FIELD.destination - FIELD.family,
} as const;

/** The whole IP header at `ip`, of either version, and the ports behind it, into the words from `base` on. No fragment has any. */
function readIp(bytes: Uint8Array, ip: number, end: number, fields: Fields, base: number): void {
  const isIpv4 = ipv4.readVersion(bytes, ip) === 4;
  fields[base] = isIpv4 ? 4 : 6;
  for (let i = 0; i < (isIpv4 ? 1 : 4); i++) {
    fields[base + AT.source + i] = readWord(bytes, ip + (isIpv4 ? 12 : 8 + i * 4));
    fields[base + AT.destination + i] = readWord(bytes, ip + (isIpv4 ? 16 : 24 + i * 4));
  }
  readUpperLayer(bytes, ip, end, upper);
  fields[base + AT.protocol] = upper[UPPER.protocol];
  fields[base + AT.sourcePort] = fields[base + AT.destinationPort] = 0;
  if (upper[UPPER.fragment] !== FRAGMENT.none || upper[UPPER.offset] === 0) return;
  readPorts(bytes, upper[UPPER.protocol], upper[UPPER.offset], end, fields, base);
}

function readPorts(bytes: Uint8Array, protocol: number, at: number, end: number, fields: Fields, base: number): void {
  if (!hasPorts(protocol) || at + 4 > end) return;
  fields[base + AT.sourcePort] = readHalfWord(bytes, at);
  fields[base + AT.destinationPort] = readHalfWord(bytes, at + 2);
}

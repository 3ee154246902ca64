/**
 * Fields that `classify` does not read, for hashes that want them: link layer, DSCP, the packet inside a tunnel; and what a
 * fragment's ports are and whether an ICMP error counts as the flow that it quotes. Made once from a hash's options; where
 * the options ask for nothing of it there is no extractor, and a packet costs nothing more.
 */
import { FIELD, type Fields } from "../ecmp/fields.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { expandFieldNames } from "../ecmp/key.ts";
import { hasPorts, PROTOCOLS } from "../net/flow.ts";
import { ETHERNET_HEADER_LENGTH, readEthertype, readMacHigh, readMacLow } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { findInner } from "../wire/tunnels.ts";

/** Adds to the fields of the sound IPv4 packet in the frame at `frame`, received on port `ingress`. */
export type Extract = (bytes: Uint8Array, frame: number, ingress: number, fields: Fields) => void;

const readAddress = (bytes: Uint8Array, at: number): number =>
  (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
const readPort = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

export function createExtractor(options: Pick<HashOptions, "fields" | "fragments" | "icmpErrors">): Extract | undefined {
  const names = expandFieldNames(options.fields);
  const steps: Extract[] = [];
  if (options.fragments === "first-with-ports") steps.push(readFirstFragment);
  if (options.icmpErrors === "quoted") steps.push(readQuoted);
  if (names.some((name) => ["dscp", "ethertype", "ingress-port", "source-mac", "destination-mac"].includes(name)))
    steps.push(readLink);
  if (names.some((name) => name.startsWith("inner-"))) steps.push(readInner);
  if (steps.length === 0) return undefined;
  if (steps.length === 1) return steps[0];
  return (bytes, frame, ingress, fields) => {
    for (let i = 0; i < steps.length; i++) steps[i](bytes, frame, ingress, fields);
  };
}

function readLink(bytes: Uint8Array, frame: number, ingress: number, fields: Fields): void {
  fields[FIELD.dscp] = bytes[frame + ETHERNET_HEADER_LENGTH + 1] >>> 2;
  fields[FIELD.ethertype] = readEthertype(bytes, frame);
  fields[FIELD.ingressPort] = ingress;
  fields[FIELD.destinationMac] = readMacHigh(bytes, frame);
  fields[FIELD.destinationMac + 1] = readMacLow(bytes, frame);
  fields[FIELD.sourceMac] = readMacHigh(bytes, frame + 6);
  fields[FIELD.sourceMac + 1] = readMacLow(bytes, frame + 6);
}

function readFirstFragment(bytes: Uint8Array, frame: number, _: number, fields: Fields): void {
  const ip = frame + ETHERNET_HEADER_LENGTH;
  const MORE_FRAGMENTS = 0x2000;
  if (ipv4.readFragmentBits(bytes, ip) !== MORE_FRAGMENTS || !hasPorts(fields[FIELD.protocol])) return;
  const l4 = ip + ipv4.readHeaderLength(bytes, ip);
  if (l4 + 4 > ip + ipv4.readTotalLength(bytes, ip)) return;
  fields[FIELD.sourcePort] = readPort(bytes, l4);
  fields[FIELD.destinationPort] = readPort(bytes, l4 + 2);
}

/** Destination unreachable, source quench, time exceeded, parameter problem (RFC 792): each quotes a header and 8 bytes more. */
const isError = (type: number): boolean => type === 3 || type === 4 || type === 11 || type === 12;

/** The quoted packet travelled the other way, so its ends are exchanged: the error follows those whose answer it is about. */
function readQuoted(bytes: Uint8Array, frame: number, _: number, fields: Fields): void {
  const ip = frame + ETHERNET_HEADER_LENGTH;
  const icmp = ip + ipv4.readHeaderLength(bytes, ip);
  const end = ip + ipv4.readTotalLength(bytes, ip);
  const quoted = icmp + 8;
  const isQuoting = fields[FIELD.protocol] === PROTOCOLS.icmp && ipv4.readFragmentBits(bytes, ip) === 0 && quoted + 20 <= end;
  if (!isQuoting || !isError(bytes[icmp]) || ipv4.readVersion(bytes, quoted) !== 4) return;
  const protocol = ipv4.readProtocol(bytes, quoted);
  const l4 = quoted + ipv4.readHeaderLength(bytes, quoted);
  const withPorts = hasPorts(protocol) && ipv4.readFragmentBits(bytes, quoted) === 0 && l4 + 4 <= end;
  fields[FIELD.protocol] = protocol;
  fields[FIELD.source] = readAddress(bytes, quoted + 16);
  fields[FIELD.destination] = readAddress(bytes, quoted + 12);
  fields[FIELD.sourcePort] = withPorts ? readPort(bytes, l4 + 2) : 0;
  fields[FIELD.destinationPort] = withPorts ? readPort(bytes, l4) : 0;
}

function readInner(bytes: Uint8Array, frame: number, _: number, fields: Fields): void {
  fields.fill(0, FIELD.innerFamily, FIELD.innerDestination + 4);
  const outer = frame + ETHERNET_HEADER_LENGTH;
  const end = outer + ipv4.readTotalLength(bytes, outer);
  const ip = findInner(bytes, outer, end);
  if (ip < 0) return;
  const isIpv4 = ipv4.readVersion(bytes, ip) === 4;
  const protocol = isIpv4 ? ipv4.readProtocol(bytes, ip) : bytes[ip + 6];
  const l4 = ip + (isIpv4 ? ipv4.readHeaderLength(bytes, ip) : 40);
  fields[FIELD.innerFamily] = isIpv4 ? 4 : 6;
  fields[FIELD.innerProtocol] = protocol;
  for (let i = 0; i < (isIpv4 ? 1 : 4); i++) {
    fields[FIELD.innerSource + i] = readAddress(bytes, ip + (isIpv4 ? 12 : 8 + i * 4));
    fields[FIELD.innerDestination + i] = readAddress(bytes, ip + (isIpv4 ? 16 : 24 + i * 4));
  }
  if (!hasPorts(protocol) || (isIpv4 && ipv4.readFragmentBits(bytes, ip) !== 0) || l4 + 4 > end) return;
  fields[FIELD.innerSourcePort] = readPort(bytes, l4);
  fields[FIELD.innerDestinationPort] = readPort(bytes, l4 + 2);
}

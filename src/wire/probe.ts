/**
 * Probes in the way of paris-traceroute: packets of one flow that differ in nothing that routers hash, each with a number by
 * which its answer is known. The number is the IPv4 identification, TCP's sequence number, the payload of UDP and the sequence
 * of an echo, whichever of them an ICMP error quotes or an answer returns.
 */
import { type Address, addressToBytes, isIpv4, readIpv4, readIpv6 } from "../net/address.ts";
import { type Flow, PROTOCOLS } from "../net/flow.ts";
import { sum16 } from "./checksum.ts";
import { IPV4_HEADER_LENGTH, readHeaderLength, readProtocol } from "./ipv4.ts";
import { IPV6_HEADER_LENGTH, readNextHeader } from "./ipv6.ts";

/** Of what a probe's transport can be; any other protocol has nothing to be answered to. */
export const PROBED_PROTOCOLS: readonly number[] = [PROTOCOLS.icmp, PROTOCOLS.tcp, PROTOCOLS.udp, PROTOCOLS.icmp6];

const ECHO = 0x6563;
const SYN = 0x5002;

/** A whole packet. `id`: 1 to 65534. */
export function encodeProbe(flow: Flow, ttl: number, id: number): Uint8Array {
  const transport = encodeTransport(flow, id);
  const at = isIpv4(flow.source) ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  const packet = new Uint8Array(at + transport.length);
  const view = new DataView(packet.buffer);
  packet.set(transport, at);
  if (isIpv4(flow.source)) {
    view.setUint16(0, 0x4500);
    view.setUint16(2, packet.length);
    view.setUint16(4, id);
    packet[8] = ttl;
    packet[9] = flow.protocol;
    packet.set(addressToBytes(flow.source), 12);
    packet.set(addressToBytes(flow.destination), 16);
    view.setUint16(10, ~sum16(packet, 0, IPV4_HEADER_LENGTH) & 0xffff);
  } else {
    view.setUint32(0, 0x60000000);
    view.setUint16(4, transport.length);
    packet[6] = flow.protocol;
    packet[7] = ttl;
    packet.set(addressToBytes(flow.source), 8);
    packet.set(addressToBytes(flow.destination), 24);
  }
  const field = at + CHECKSUM_AT[flow.protocol];
  const pseudo =
    flow.protocol === PROTOCOLS.icmp ? 0 : sum16(packet, at - (isIpv4(flow.source) ? 8 : 32), isIpv4(flow.source) ? 8 : 32);
  const rest = flow.protocol === PROTOCOLS.icmp ? 0 : flow.protocol + transport.length;
  // UDP says 0xffff where it means zero.
  view.setUint16(field, ~sum16(packet, at, transport.length, pseudo + rest) & 0xffff || 0xffff);
  return packet;
}

const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [PROTOCOLS.icmp]: 2,
  [PROTOCOLS.icmp6]: 2,
  [PROTOCOLS.tcp]: 16,
  [PROTOCOLS.udp]: 6,
};

function encodeTransport({ protocol, sourcePort, destinationPort }: Flow, id: number): Uint8Array {
  const bytes = new Uint8Array(protocol === PROTOCOLS.tcp ? 20 : 12);
  const view = new DataView(bytes.buffer);
  if (protocol === PROTOCOLS.icmp || protocol === PROTOCOLS.icmp6) {
    bytes[0] = protocol === PROTOCOLS.icmp ? 8 : 128;
    view.setUint16(4, ECHO);
    view.setUint16(6, id);
    return bytes;
  }
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  if (protocol === PROTOCOLS.tcp) {
    view.setUint32(4, id);
    view.setUint16(12, SYN);
    view.setUint16(14, 1024);
  } else {
    view.setUint16(4, bytes.length);
    view.setUint16(8, id);
  }
  return bytes;
}

export interface ProbeAnswer {
  readonly kind: "time-exceeded" | "unreachable" | "reply";
  readonly from: Address;
  /** Of the probe, in its own direction. */
  readonly flow: Flow;
  /** Of the probe; undefined: what answers UDP is whatever the service says. */
  readonly id: number | undefined;
}

/** What an IPv4 packet is the answer to, if it looks like one. */
export function decodeIpv4Answer(packet: Uint8Array): ProbeAnswer | undefined {
  if (packet.length < IPV4_HEADER_LENGTH) return undefined;
  const [from, to] = [readIpv4(packet, 12), readIpv4(packet, 16)];
  return decodeAnswer(readProtocol(packet, 0), from, to, packet.subarray(readHeaderLength(packet, 0)));
}

/** `message` follows an IP header with these addresses and this protocol. `to` is undefined where nobody says. */
export function decodeAnswer(
  protocol: number,
  from: Address,
  to: Address | undefined,
  message: Uint8Array,
): ProbeAnswer | undefined {
  if (message.length < 8) return undefined;
  const isIcmp = protocol === PROTOCOLS.icmp;
  const kind = isIcmp ? ICMP_KINDS[message[0]] : protocol === PROTOCOLS.icmp6 ? ICMP6_KINDS[message[0]] : "reply";
  if (kind === undefined) return undefined;
  if (kind !== "reply") {
    const quoted = decodeQuoted(message.subarray(8));
    return quoted && { kind, from, ...quoted };
  }
  if (to === undefined) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  if (CHECKSUM_AT[protocol] === 2) {
    const flow = { protocol, source: to, destination: from, sourcePort: 0, destinationPort: 0 };
    return view.getUint16(4) === ECHO ? { kind, from, flow, id: view.getUint16(6) } : undefined;
  }
  const flow = { protocol, source: to, destination: from, sourcePort: view.getUint16(2), destinationPort: view.getUint16(0) };
  if (protocol !== PROTOCOLS.tcp) return { kind, from, flow, id: undefined };
  return message.length < 12 ? undefined : { kind, from, flow, id: view.getUint32(8) - 1 };
}

const ICMP_KINDS: Readonly<Record<number, ProbeAnswer["kind"]>> = { 0: "reply", 3: "unreachable", 11: "time-exceeded" };
const ICMP6_KINDS: Readonly<Record<number, ProbeAnswer["kind"]>> = { 129: "reply", 1: "unreachable", 3: "time-exceeded" };

/** The probe at the end of an ICMP error, as far as eight bytes behind its IP header tell (RFC 792); UDP of IPv6 needs ten. */
function decodeQuoted(packet: Uint8Array): { flow: Flow; id: number } | undefined {
  const isV4 = packet[0] >>> 4 === 4;
  const at = isV4 ? readHeaderLength(packet, 0) : IPV6_HEADER_LENGTH;
  if (packet.length < at + 8) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const protocol = isV4 ? readProtocol(packet, 0) : readNextHeader(packet, 0);
  const addresses = isV4
    ? { source: readIpv4(packet, 12), destination: readIpv4(packet, 16) }
    : { source: readIpv6(packet, 8), destination: readIpv6(packet, 24) };
  const hasPorts = protocol === PROTOCOLS.tcp || protocol === PROTOCOLS.udp;
  const ports = { sourcePort: hasPorts ? view.getUint16(at) : 0, destinationPort: hasPorts ? view.getUint16(at + 2) : 0 };
  const flow = { protocol, ...addresses, ...ports };
  if (isV4) return { flow, id: view.getUint16(4) };
  const idAt = { [PROTOCOLS.tcp]: 6, [PROTOCOLS.udp]: 8, [PROTOCOLS.icmp6]: 6 }[protocol];
  return idAt === undefined || packet.length < at + idAt + 2 ? undefined : { flow, id: view.getUint16(at + idAt) };
}

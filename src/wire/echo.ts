/**
 * Echo requests and replies of both families (RFC 792, RFC 4443 section 4) as values: what a router answers that has to do so
 * itself. Off the fast path.
 */
import { type Address, isIpv4, readIpv4, readIpv6 } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { sum16 } from "./checksum.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype, readMac } from "./ethernet.ts";
import { encodeIcmpFrame, ICMP, ICMP_HEADER_LENGTH, ICMP6, sumIcmp6 } from "./icmp.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";

const REQUEST = { ipv4: 8, ipv6: 128 } as const;
const REPLY = { ipv4: 0, ipv6: 129 } as const;
const HOP_LIMIT = 64;

export interface EchoRequest {
  /** Of whoever handed us the frame. */
  readonly mac: Mac;
  readonly source: Address;
  readonly destination: Address;
  /** ICMP, from its type on. */
  readonly message: Uint8Array;
}

/** The request in a frame of `length` bytes at `frame`: whole, with a right checksum, and without options or extension headers. */
export function decodeEchoRequest(bytes: Uint8Array, frame: number, length: number): EchoRequest | undefined {
  const ip = frame + ETHERNET_HEADER_LENGTH;
  const end = frame + length;
  const mac = readMac(bytes, frame + 6);
  if (readEthertype(bytes, frame) === ETHERTYPE.ipv4 && ip + ipv4.IPV4_HEADER_LENGTH <= end) {
    const at = ip + ipv4.IPV4_HEADER_LENGTH;
    const packetEnd = ip + ipv4.readTotalLength(bytes, ip);
    if (packetEnd < at || packetEnd > end) return undefined;
    const message = bytes.subarray(at, packetEnd);
    const isWhole = bytes[ip] === 0x45 && ipv4.readFragmentBits(bytes, ip) === 0 && ipv4.readProtocol(bytes, ip) === ICMP;
    if (!isWhole || !isRequest(message, REQUEST.ipv4) || sum16(message, 0, message.length) !== 0xffff) return undefined;
    return { mac, source: readIpv4(bytes, ip + 12), destination: readIpv4(bytes, ip + 16), message };
  }
  const at = ip + ipv6.IPV6_HEADER_LENGTH;
  if (readEthertype(bytes, frame) !== ETHERTYPE.ipv6 || at > end || ipv6.readNextHeader(bytes, ip) !== ICMP6) return undefined;
  const packetEnd = at + ipv6.readPayloadLength(bytes, ip);
  if (packetEnd > end) return undefined;
  const message = bytes.subarray(at, packetEnd);
  if (!isRequest(message, REQUEST.ipv6) || sumIcmp6(bytes, ip, at, message.length) !== 0xffff) return undefined;
  return { mac, source: readIpv6(bytes, ip + 8), destination: readIpv6(bytes, ip + 24), message };
}

const isRequest = (message: Uint8Array, type: number): boolean =>
  message.length >= ICMP_HEADER_LENGTH && message[0] === type && message[1] === 0;

/** A whole frame, to whoever handed us the request. */
export function encodeEchoReply(sourceMac: Mac, request: EchoRequest): Uint8Array {
  const message = Uint8Array.from(request.message);
  message[0] = isIpv4(request.source) ? REPLY.ipv4 : REPLY.ipv6;
  message[2] = message[3] = 0;
  const [source, destination] = [request.destination, request.source];
  return encodeIcmpFrame({ sourceMac, destinationMac: request.mac, source, destination, hopLimit: HOP_LIMIT, message });
}

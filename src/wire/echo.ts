/**
 * Echo requests and replies of both families (RFC 792, RFC 4443 section 4) as values: what a router answers that has to do so
 * itself. Off the fast path.
 */
import { type Address, isIpv4 } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { sum16 } from "./checksum.ts";
import { encodeIcmpFrame, ICMP, ICMP_HEADER_LENGTH, ICMP6, sumIcmp6 } from "./icmp.ts";
import { readPlainPacket } from "./ip-packet.ts";

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
  const heard = readPlainPacket(bytes, frame, length);
  if (!heard) return undefined;
  const { mac, source, destination, protocol, packet, payload: message } = heard;
  const isV4 = isIpv4(source);
  if (protocol !== (isV4 ? ICMP : ICMP6) || !isRequest(message, isV4 ? REQUEST.ipv4 : REQUEST.ipv6)) return undefined;
  const at = packet.length - message.length;
  const sum = isV4 ? sum16(message, 0, message.length) : sumIcmp6(packet, 0, at, message.length);
  return sum === 0xffff ? { mac, source, destination, message } : undefined;
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

/** Frames written by hand for the kernel to react to: from the client's MAC 02:..:01, with right checksums. */
import { addressToBytes, isIpv4, parseAddress } from "#src/net/address.ts";

/** The echo identifier that no other frame of a test has. */
export const FENCE = 0xfe7c;

const ICMP_REQUEST = 8;
const ICMP6_REQUEST = 128;

export function echoRequest(
  routerMac: string,
  source: string,
  destination: string,
  identifier: number,
  timeToLive = 64,
): Uint8Array {
  const isV4 = !source.includes(":");
  const message = Uint8Array.of(
    isV4 ? ICMP_REQUEST : ICMP6_REQUEST,
    0,
    0,
    0,
    identifier >> 8,
    identifier & 255,
    0,
    1,
    1,
    2,
    3,
    4,
  );
  return ipFrame(routerMac, source, destination, isV4 ? 1 : 58, message, 2, timeToLive);
}

export function tcpSyn(routerMac: string, source: string, destination: string, timeToLive: number): Uint8Array {
  const segment = Uint8Array.of(0x30, 0x39, 0, 81, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0);
  return ipFrame(routerMac, source, destination, 6, segment, 16, timeToLive);
}

/** The same frame with an 802.1Q tag. */
export function withTag(frame: Uint8Array, id: number): Uint8Array {
  return Uint8Array.of(...frame.subarray(0, 12), 0x81, 0x00, 0, id, ...frame.subarray(12));
}

export function ipFrame(
  mac: string,
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  checksumAt: number,
  ttl: number,
): Uint8Array {
  const source = addressToBytes(parseAddress(from)!);
  const destination = addressToBytes(parseAddress(to)!);
  const isV4 = isIpv4(parseAddress(from)!);
  // ICMP for IPv4 is the one that leaves the pseudo-header out.
  const pseudo = protocol === 1 ? [] : [...source, ...destination, 0, payload.length, 0, protocol];
  put16(payload, checksumAt, checksum([...pseudo, ...payload]));
  const header = isV4
    ? Uint8Array.of(0x45, 0, 0, 20 + payload.length, 0, 1, 0x40, 0, ttl, protocol, 0, 0, ...source, ...destination)
    : Uint8Array.of(0x60, 0, 0, 0, 0, payload.length, protocol, ttl, ...source, ...destination);
  if (isV4) put16(header, 10, checksum([...header]));
  const macBytes = mac.split(":").map((part) => Number.parseInt(part, 16));
  return Uint8Array.of(...macBytes, 2, 0, 0, 0, 0, 1, ...(isV4 ? [8, 0] : [0x86, 0xdd]), ...header, ...payload);
}

function put16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >> 8;
  bytes[offset + 1] = value & 255;
}

function checksum(bytes: readonly number[]): number {
  return ~sumOfWords(bytes) & 0xffff;
}

/** The ones' complement sum of 16-bit words (RFC 1071), the slow and plain way. */
export function sumOfWords(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

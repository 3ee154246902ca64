/**
 * The header above IP: which protocol it is and where it begins. IPv4 says both at once, IPv6 at the end of a chain of
 * extension headers (RFC 8200 section 4), of which at most eight are walked. For packets inside others: in a tunnel, in an
 * ICMP error.
 */
import * as ipv4 from "./ipv4.ts";

/** What is found, as words of a row. */
export const UPPER = {
  /** Of a chain that is cut short or too long, the last next-header field that was there. */
  protocol: 0,
  /** 0: nothing to read, because the packet is a later fragment or ends before. */
  offset: 1,
  /** One of FRAGMENT. */
  fragment: 2,
} as const;
export const createUpper = (): Uint32Array => new Uint32Array(3);

export const FRAGMENT = { none: 0, first: 1, later: 2 } as const;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT_HEADER = 44;
const DESTINATION_OPTIONS = 60;
const EXTENSIONS = 8;

const { protocol: PROTOCOL, offset: OFFSET, fragment: FRAGMENT_WORD } = UPPER;
const { none: NONE, first: FIRST, later: LATER } = FRAGMENT;

/** Whether a whole IP header of either version is at `at`. */
export function isIpHeader(bytes: Uint8Array, at: number, end: number): boolean {
  const version = at < end ? bytes[at] >>> 4 : 0;
  return version === 4 ? at + 20 <= end && (bytes[at] & 15) >= 5 : version === 6 && at + 40 <= end;
}

/** Of the packet whose whole IP header, of either version, is at `ip`, and whose bytes end at `end`. */
export function readUpperLayer(bytes: Uint8Array, ip: number, end: number, upper: Uint32Array): void {
  if (ipv4.readVersion(bytes, ip) === 4) readIpv4Upper(bytes, ip, end, upper);
  else readIpv6Upper(bytes, ip, end, upper);
}

function readIpv4Upper(bytes: Uint8Array, ip: number, end: number, upper: Uint32Array): void {
  const bits = ipv4.readFragmentBits(bytes, ip);
  const at = ip + ipv4.readHeaderLength(bytes, ip);
  const fragment = fragmentOf(bits & 0x1fff, bits >>> 13);
  upper[PROTOCOL] = ipv4.readProtocol(bytes, ip);
  upper[OFFSET] = fragment === LATER || at > end ? 0 : at;
  upper[FRAGMENT_WORD] = fragment;
}

function readIpv6Upper(bytes: Uint8Array, ip: number, end: number, upper: Uint32Array): void {
  let protocol = bytes[ip + 6];
  let at = ip + 40;
  let fragment: number = NONE;
  for (let count = 0; isExtension(protocol) && fragment !== LATER; count++) {
    if (at + 8 > end || count === EXTENSIONS) {
      at = end + 1;
      break;
    }
    const isFragmentHeader = protocol === FRAGMENT_HEADER;
    if (isFragmentHeader) fragment = fragmentOf((bytes[at + 2] << 8) | (bytes[at + 3] & 0xf8), bytes[at + 3] & 1);
    protocol = bytes[at];
    at += isFragmentHeader ? 8 : (bytes[at + 1] + 1) << 3;
  }
  upper[PROTOCOL] = protocol;
  upper[OFFSET] = fragment === LATER || at > end ? 0 : at;
  upper[FRAGMENT_WORD] = fragment;
}

/** One that says offset 0 and nothing more to come is a whole packet (an atomic fragment, RFC 6946). */
const fragmentOf = (offset: number, more: number): number => (offset !== 0 ? LATER : more !== 0 ? FIRST : NONE);

const isExtension = (protocol: number): boolean =>
  protocol === HOP_BY_HOP || protocol === ROUTING || protocol === FRAGMENT_HEADER || protocol === DESTINATION_OPTIONS;

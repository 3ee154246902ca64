/**
 * MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760): prefixes of any family inside an attribute. Their prefixes cannot be found
 * another way, so what is malformed here costs the family, or the session if it has no other (RFC 7606 7.11, 7.12). A next
 * hop of IPv6 has one address or two, global and link-local (RFC 2545 section 3); under RFC 8950 it may lead to IPv4 prefixes
 * too.
 *
 *   reach:    AFI (2) | SAFI (1) | length of next hop (1) | next hop | reserved (1) | prefixes
 *   unreach:  AFI (2) | SAFI (1) | prefixes
 */
import { type Address, addressToBytes, isLinkLocal, readIpv6 } from "../net/address.ts";
import { joinBytes, read16, uint16 } from "./bytes.ts";
import { AFI } from "./iana.ts";
import { decodePrefixes, type Family, hasFamily, readAddress } from "./nlri.ts";
import type { Nlri } from "./path.ts";

export interface Unreach {
  readonly family: Family;
  readonly prefixes: readonly Nlri[];
}

export interface Reach extends Unreach {
  readonly nextHop: Address;
}

/** Of a next hop of two addresses, the one to use. */
export type Ipv6NextHop = "global" | "link-local";

/** What was agreed on for prefixes and their next hops; what is absent was not. */
export interface MultiprotocolContext {
  /** The families that were negotiated; others are ignored. */
  readonly families: readonly Family[];
  /** Those whose prefixes come with path identifiers (RFC 7911). */
  readonly pathIds?: readonly Family[];
  /** Those whose next hop may be of IPv6 although they are not (RFC 8950). */
  readonly extendedNextHop?: readonly Family[];
  /** Absent: global. */
  readonly ipv6NextHop?: Ipv6NextHop;
}

const IPV6_LENGTHS = [16, 32];

function nextHopLengths(family: Family, { extendedNextHop = [] }: MultiprotocolContext): readonly number[] {
  if (family.afi !== AFI.ipv4) return IPV6_LENGTHS;
  return hasFamily(extendedNextHop, family) ? [4, ...IPV6_LENGTHS] : [4];
}

/** A peer without a global address repeats the link-local one or writes zeros in its place; then there is nothing to choose. */
function readNextHop(bytes: Uint8Array, preferred: Ipv6NextHop = "global"): Address {
  if (bytes.length === 4) return readAddress(bytes, AFI.ipv4);
  const [first, second] = [readIpv6(bytes, 0), bytes.length === 32 ? readIpv6(bytes, 16) : undefined];
  if (second === undefined || !isLinkLocal(second)) return first;
  const isGlobal = !isLinkLocal(first) && !/^0+$/.test(first);
  return isGlobal && preferred === "global" ? first : second;
}

/** Undefined for a family that was not negotiated: it is to be ignored. Text says what is malformed. */
export function decodeReach(value: Uint8Array, context: MultiprotocolContext): Reach | string | undefined {
  if (value.length < 5) return `has ${value.length} bytes, at least 5 wanted`;
  const family = { afi: read16(value, 0), safi: value[2] };
  const nextHopLength = value[3];
  const start = 4 + nextHopLength + 1;
  if (start > value.length) return `ends inside a next hop of ${nextHopLength} bytes`;
  if (!hasFamily(context.families, family)) return undefined;
  if (!nextHopLengths(family, context).includes(nextHopLength)) return `has a next hop of ${nextHopLength} bytes`;
  const prefixes = decodePrefixes(value, start, value.length, family.afi, hasPathIds(context, family));
  if (typeof prefixes === "string") return prefixes;
  return { family, nextHop: readNextHop(value.subarray(4, 4 + nextHopLength), context.ipv6NextHop), prefixes };
}

export function decodeUnreach(value: Uint8Array, context: MultiprotocolContext): Unreach | string | undefined {
  if (value.length < 3) return `has ${value.length} bytes, at least 3 wanted`;
  const family = { afi: read16(value, 0), safi: value[2] };
  if (!hasFamily(context.families, family)) return undefined;
  const prefixes = decodePrefixes(value, 3, value.length, family.afi, hasPathIds(context, family));
  return typeof prefixes === "string" ? prefixes : { family, prefixes };
}

export const hasPathIds = ({ pathIds = [] }: MultiprotocolContext, family: Family): boolean => hasFamily(pathIds, family);

/** The same with prefixes already encoded: whoever splits them over messages has done so. */
export function encodeReach(family: Family, nextHop: Address, prefixes: Uint8Array): Uint8Array {
  const address = addressToBytes(nextHop);
  return joinBytes(uint16(family.afi), [family.safi, address.length], address, [0], prefixes);
}

export const encodeUnreach = (family: Family, prefixes: Uint8Array): Uint8Array =>
  joinBytes(uint16(family.afi), [family.safi], prefixes);

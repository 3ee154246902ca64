/**
 * MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760): prefixes of any family inside an attribute. Their prefixes cannot be found
 * another way, so what is malformed here ends the session (RFC 7606 7.11, 7.12).
 *
 *   reach:    AFI (2) | SAFI (1) | length of next hop (1) | next hop | reserved (1) | prefixes
 *   unreach:  AFI (2) | SAFI (1) | prefixes
 */
import { type Address, addressToBytes } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { joinBytes, read16, uint16 } from "./bytes.ts";
import { AFI } from "./iana.ts";
import { decodePrefixes, type Family, readAddress, sameFamily } from "./nlri.ts";

export interface Unreach {
  readonly family: Family;
  readonly prefixes: readonly Prefix[];
}

export interface Reach extends Unreach {
  readonly nextHop: Address;
}

/** The lengths a next hop may have; of an IPv6 pair the global one comes first and is the one we take (RFC 2545). */
const nextHopLengths = (afi: number): readonly number[] => (afi === AFI.ipv4 ? [4] : [16, 32]);

const isKnown = (family: Family, families: readonly Family[]): boolean => families.some((known) => sameFamily(known, family));

/** Undefined for a family that was not negotiated: it is to be ignored. Text says what is malformed. */
export function decodeReach(value: Uint8Array, families: readonly Family[]): Reach | string | undefined {
  if (value.length < 5) return `has ${value.length} bytes, at least 5 wanted`;
  const family = { afi: read16(value, 0), safi: value[2] };
  const nextHopLength = value[3];
  const start = 4 + nextHopLength + 1;
  if (start > value.length) return `ends inside a next hop of ${nextHopLength} bytes`;
  if (!isKnown(family, families)) return undefined;
  if (!nextHopLengths(family.afi).includes(nextHopLength)) return `has a next hop of ${nextHopLength} bytes`;
  const prefixes = decodePrefixes(value.subarray(start), family.afi);
  if (typeof prefixes === "string") return prefixes;
  return { family, nextHop: readAddress(value.subarray(4), family.afi), prefixes };
}

export function decodeUnreach(value: Uint8Array, families: readonly Family[]): Unreach | string | undefined {
  if (value.length < 3) return `has ${value.length} bytes, at least 3 wanted`;
  const family = { afi: read16(value, 0), safi: value[2] };
  if (!isKnown(family, families)) return undefined;
  const prefixes = decodePrefixes(value.subarray(3), family.afi);
  return typeof prefixes === "string" ? prefixes : { family, prefixes };
}

/** The same with prefixes already encoded: whoever splits them over messages has done so. */
export function encodeReach(family: Family, nextHop: Address, prefixes: Uint8Array): Uint8Array {
  const address = addressToBytes(nextHop);
  return joinBytes(uint16(family.afi), [family.safi, address.length], address, [0], prefixes);
}

export const encodeUnreach = (family: Family, prefixes: Uint8Array): Uint8Array =>
  joinBytes(uint16(family.afi), [family.safi], prefixes);

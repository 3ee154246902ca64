/**
 * Prefixes as UPDATE carries them: a length in bits, then as many bytes as those bits need (RFC 4271 4.3). Bits beyond the
 * length may be anything and are cleared. Where several paths to one prefix were agreed on, a path identifier of four bytes
 * stands in front of each (RFC 7911 section 3).
 */
import { type Address, type AddressFamily, addressToBytes, readIpv4, readIpv6 } from "../net/address.ts";
import { ipv4Mask, maskAddress } from "../net/prefix.ts";
import { joinBytes, read32, uint32 } from "./bytes.ts";
import { AFI, SAFI } from "./iana.ts";
import type { Nlri } from "./path.ts";

export interface Family {
  readonly afi: number;
  readonly safi: number;
}

export const IPV4_UNICAST: Family = { afi: AFI.ipv4, safi: SAFI.unicast };
export const IPV6_UNICAST: Family = { afi: AFI.ipv6, safi: SAFI.unicast };

/** By the names that a configuration uses. */
export const FAMILIES = { "ipv4-unicast": IPV4_UNICAST, "ipv6-unicast": IPV6_UNICAST } as const;
export type FamilyName = keyof typeof FAMILIES;

export const sameFamily = (a: Family, b: Family): boolean => a.afi === b.afi && a.safi === b.safi;

export const addressFamilyOf = ({ afi }: Family): AddressFamily => (afi === AFI.ipv4 ? "ipv4" : "ipv6");

export const hasFamily = (families: readonly Family[], family: Family): boolean =>
  families.some((one) => sameFamily(one, family));

export const formatFamily = (family: Family): string =>
  sameFamily(family, IPV4_UNICAST)
    ? "IPv4 unicast"
    : sameFamily(family, IPV6_UNICAST)
      ? "IPv6 unicast"
      : `AFI ${family.afi} SAFI ${family.safi}`;

const PATH_ID_LENGTH = 4;

/** The bytes from `from` to `to` as prefixes, or in words why that cannot be. */
export function decodePrefixes(bytes: Uint8Array, from: number, to: number, afi: number, withPathIds = false): Nlri[] | string {
  const maximum = afi === AFI.ipv4 ? 32 : 128;
  const prefixes: Nlri[] = [];
  for (let start = from; start < to; ) {
    const offset = withPathIds ? start + PATH_ID_LENGTH : start;
    if (offset >= to) return "ends inside a path identifier";
    const length = bytes[offset];
    const end = offset + 1 + ((length + 7) >>> 3);
    if (length > maximum) return `has a prefix of length ${length}, at most ${maximum} wanted`;
    if (end > to) return `ends inside a prefix of length ${length}`;
    const address =
      afi === AFI.ipv4 ? readIpv4Start(bytes, offset + 1, length) : readIpv6Start(bytes.subarray(offset + 1, end), length);
    prefixes.push(withPathIds ? { address, length, pathId: read32(bytes, start) } : { address, length });
    start = end;
  }
  return prefixes;
}

/** The address of which these are the first `length` bits; the rest of it is zero. */
function readIpv4Start(bytes: Uint8Array, offset: number, length: number): number {
  let address = 0;
  for (let shift = 24, at = offset; shift > 24 - length; shift -= 8, at++) address |= bytes[at] << shift;
  return (address & ipv4Mask(length)) >>> 0;
}

function readIpv6Start(start: Uint8Array, length: number): Address {
  const padded = new Uint8Array(16);
  padded.set(start);
  return maskAddress(readIpv6(padded, 0), length);
}

export function encodePrefix(prefix: Nlri): Uint8Array {
  const encoded = new Uint8Array(1 + ((prefix.length + 7) >>> 3));
  encoded[0] = prefix.length;
  encoded.set(addressToBytes(prefix.address).subarray(0, encoded.length - 1), 1);
  return prefix.pathId === undefined ? encoded : joinBytes(uint32(prefix.pathId), encoded);
}

/** The prefixes, in their order, in runs of at most `room` bytes. */
export function encodePrefixes(prefixes: readonly Nlri[], room: number): Uint8Array[] {
  const runs: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  let length = 0;
  for (const prefix of prefixes) {
    const encoded = encodePrefix(prefix);
    if (encoded.length > room)
      throw new RangeError(`No room for a prefix beside its attributes: ${room} bytes, ${encoded.length} wanted`);
    if (length + encoded.length > room) {
      runs.push(joinBytes(...run));
      run = [];
      length = 0;
    }
    run.push(encoded);
    length += encoded.length;
  }
  return length > 0 ? [...runs, joinBytes(...run)] : runs;
}

export const readAddress = (bytes: Uint8Array, afi: number): Address =>
  afi === AFI.ipv4 ? readIpv4(bytes, 0) : readIpv6(bytes, 0);

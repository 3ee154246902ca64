/**
 * What a table says of one prefix and one peer, as the UPDATE that it came from, so that there is one way to read routes.
 * Attributes in a table are those of the collector, not of the wire: MP_REACH_NLRI has only its next hop left (RFC 6396
 * 4.3.4), though some writers leave it whole, and flags may be the collector's own (BIRD writes 0 for NEXT_HOP).
 *
 *   cut short:  length (1) | next hop        whole:  AFI (2) | SAFI (1) | length (1) | next hop | ...
 */
import { encodeAttribute, flagsOf } from "../bgp/attribute-list.ts";
import { joinBytes, read16, uint16 } from "../bgp/bytes.ts";
import { ATTRIBUTE, ATTRIBUTE_FLAG } from "../bgp/iana.ts";
import { encodePrefix, IPV4_UNICAST, IPV6_UNICAST } from "../bgp/nlri.ts";
import type { Nlri } from "../bgp/path.ts";
import { isIpv4 } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { DumpEntry } from "./record.ts";

/** The body; a path identifier is in it where the entry has one. */
export function entryAsUpdate({ address, length }: Prefix, { attributes, pathId }: DumpEntry): Uint8Array {
  const encoded = encodePrefix({ address, length, ...(pathId !== undefined && { pathId }) } satisfies Nlri);
  const { rest, nextHop } = takeNextHop(attributes);
  if (!nextHop) return joinBytes(uint16(0), uint16(rest.length), rest, isIpv4(address) ? encoded : []);
  const { afi, safi } = isIpv4(address) ? IPV4_UNICAST : IPV6_UNICAST;
  const value = joinBytes(uint16(afi), [safi, nextHop.length], nextHop, [0], encoded);
  const reach = encodeAttribute(ATTRIBUTE.mpReach, ATTRIBUTE_FLAG.optional, value);
  return joinBytes(uint16(0), uint16(reach.length + rest.length), reach, rest);
}

function takeNextHop(attributes: Uint8Array): { rest: Uint8Array; nextHop?: Uint8Array } {
  const rest: Uint8Array[] = [];
  let nextHop: Uint8Array | undefined;
  for (let offset = 0; offset < attributes.length; ) {
    const [flags, type] = [attributes[offset], attributes[offset + 1]];
    const extended = (flags & ATTRIBUTE_FLAG.extendedLength) !== 0;
    const start = offset + (extended ? 4 : 3);
    const end = start + (extended ? read16(attributes, offset + 2) : attributes[offset + 2]);
    if (!(start <= attributes.length && end <= attributes.length)) {
      // Cut off: whoever decodes it will say so.
      rest.push(attributes.subarray(offset));
      break;
    }
    const value = attributes.subarray(start, end);
    if (type === ATTRIBUTE.mpReach) nextHop ??= nextHopOf(value);
    else rest.push(encodeAttribute(type, flagsOf(type) ?? flags, value));
    offset = end;
  }
  return { rest: joinBytes(...rest), ...(nextHop && { nextHop }) };
}

function nextHopOf(value: Uint8Array): Uint8Array {
  // An AFI begins with 0, a length does not.
  const at = value[0] === 0 ? 3 : 0;
  return value.subarray(at + 1, at + 1 + (value[at] ?? 0));
}

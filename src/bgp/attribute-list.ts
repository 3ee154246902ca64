/**
 * The Path Attributes field of UPDATE: a list of attributes, each with flags, type and length. What is wrong with the list
 * itself, whatever the attribute, is judged here by RFC 7606 sections 3 and 4; what is wrong inside one, by its row.
 *
 *   flags (1) | type (1) | length (1, or 2 if the flags say so) | value
 */

import type { Address } from "../net/address.ts";
import { type AsnSize, asPathLength, mergeAs4Path } from "./as-path.ts";
import { ATTRIBUTES, type AttributeDraft, type AttributeRow, type DecodeContext } from "./attributes.ts";
import { joinBytes, read16, uint16 } from "./bytes.ts";
import { CARRIED_ATTRIBUTES } from "./carried-attributes.ts";
import { bgpError, type Fault } from "./error.ts";
import { AS_TRANS, ATTRIBUTE, ATTRIBUTE_FLAG, ERROR, UPDATE_ERROR } from "./iana.ts";
import { type Family, sameFamily } from "./nlri.ts";
import type { PathAttributes, RawAttribute } from "./path.ts";

const ROW_OF_TYPE: readonly (AttributeRow | undefined)[] = Array.from({ length: 256 }, (_, type) =>
  [...ATTRIBUTES, ...CARRIED_ATTRIBUTES].find((row) => row.type === type),
);

const NO_FAULTS: readonly Fault[] = [];

const TYPE_FLAGS = ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive;

const updateError = (subcode: number, data: ArrayLike<number> = []) => bgpError(ERROR.updateMessage, subcode, data);

const holdsPrefixes = (type: number): boolean => type === ATTRIBUTE.mpReach || type === ATTRIBUTE.mpUnreach;

export interface DecodedAttributes {
  readonly draft: AttributeDraft;
  /** For whoever finds more. */
  readonly faults: Fault[];
  /** The types that are there, malformed or not, each once. */
  readonly types: readonly number[];
}

/** Those in the bytes from `from` to `to`. */
export function decodeAttributes(bytes: Uint8Array, from: number, to: number, context: DecodeContext): DecodedAttributes {
  const draft: AttributeDraft = { path: {} };
  const faults: Fault[] = [];
  const types: number[] = [];
  for (let offset = from; offset < to; ) {
    const extended = (bytes[offset] & ATTRIBUTE_FLAG.extendedLength) !== 0;
    const start = offset + (extended ? 4 : 3);
    // A list that is cut off still leaves the NLRI where the total length says (RFC 7606 section 4).
    if (start > to) {
      faults.push({ what: "ends inside the header of an attribute", consequence: "treat-as-withdraw" });
      break;
    }
    const flags = bytes[offset];
    const type = bytes[offset + 1];
    const end = start + (extended ? read16(bytes, offset + 2) : bytes[offset + 2]);
    if (end > to) {
      const what = `overruns the attributes by ${end - to} bytes`;
      if (!types.includes(type)) types.push(type);
      faults.push({ attribute: attributeName(type), what, consequence: "treat-as-withdraw" });
      break;
    }
    const isRepeated = types.includes(type);
    const found = decodeAttribute(type, flags, bytes.subarray(start, end), isRepeated, context, draft);
    if (found.length > 0) faults.push(...found);
    if (!isRepeated) types.push(type);
    offset = end;
  }
  return { draft, faults, types };
}

/** Optional and transitive, as they have to be; undefined for a type without a row. */
export const flagsOf = (type: number): number | undefined => ROW_OF_TYPE[type]?.flags;

export const attributeName = (type: number): string => ROW_OF_TYPE[type]?.name ?? `attribute ${type}`;

function decodeAttribute(
  type: number,
  flags: number,
  value: Uint8Array,
  repeated: boolean,
  context: DecodeContext,
  draft: AttributeDraft,
): readonly Fault[] {
  const row = ROW_OF_TYPE[type];
  const attribute = row ? row.name : attributeName(type);
  if (repeated) {
    const what = "is there twice";
    if (!holdsPrefixes(type)) return [{ attribute, what, consequence: "discard" }];
    return [{ attribute, what, consequence: "reset", error: updateError(UPDATE_ERROR.malformedAttributeList) }];
  }
  if (!row) return decodeUnrecognized({ type, flags, value }, attribute, draft);
  if (row.internalOnly && context.peerType === "external")
    return [{ attribute, what: "comes from an external peer", consequence: "discard" }];
  let faults = NO_FAULTS;
  if ((flags & TYPE_FLAGS) !== row.flags) {
    const what = `has flags 0x${flags.toString(16).padStart(2, "0")}, 0x${row.flags.toString(16)} wanted`;
    faults = [{ attribute, what, consequence: "treat-as-withdraw" }];
    // To withdraw prefixes one must know them.
    if (!holdsPrefixes(type)) return faults;
  }
  const what = row.decode(value, context, draft);
  if (what === undefined) return faults;
  if (row.malformed === "discard" || row.malformed === "treat-as-withdraw")
    return [...faults, { attribute, what, consequence: row.malformed }];
  const family = familyToDisable(value, context.families);
  if (family) return [...faults, { attribute, what, consequence: "disable-family", family }];
  return [
    ...faults,
    { attribute, what, consequence: "reset", error: updateError(UPDATE_ERROR.optionalAttribute, withHeader(value, flags)) },
  ];
}

function withHeader(value: Uint8Array, flags: number): Uint8Array {
  const headerLength = (flags & ATTRIBUTE_FLAG.extendedLength) === 0 ? 3 : 4;
  return new Uint8Array(value.buffer, value.byteOffset - headerLength, headerLength + value.length);
}

/** The family of prefixes that cannot be found, where the session has another one to live for (RFC 7606 5.3, RFC 4760 7). */
function familyToDisable(value: Uint8Array, families: readonly Family[]): Family | undefined {
  if (value.length < 3 || families.length < 2) return undefined;
  const named = { afi: read16(value, 0), safi: value[2] };
  return families.find((family) => sameFamily(family, named));
}

/**
 * RFC 4271 section 5: unknown optional transitive attributes are passed on, marked as partial; other optional ones are
 * silently ignored. A well-known one that nobody knows can only be a known one with a wrong bit: as with the flags of the
 * known ones, the route is not believed and the session lives.
 */
function decodeUnrecognized({ type, flags, value }: RawAttribute, attribute: string, draft: AttributeDraft): Fault[] {
  if ((flags & ATTRIBUTE_FLAG.optional) === 0)
    return [{ attribute, what: "is marked as well-known", consequence: "treat-as-withdraw" }];
  if ((flags & ATTRIBUTE_FLAG.transitive) === 0) return [];
  const kept = { type, flags: (flags & ~ATTRIBUTE_FLAG.extendedLength) | ATTRIBUTE_FLAG.partial, value: Uint8Array.from(value) };
  draft.path.unrecognized = [...(draft.path.unrecognized ?? []), kept];
  return [];
}

/** The path of prefixes that go to `nextHop`; undefined where a mandatory attribute is not there to be believed. */
export function pathOfDraft(draft: AttributeDraft, nextHop: Address | undefined): PathAttributes | undefined {
  const { as4Path, as4Aggregator } = draft;
  const { origin, asPath, aggregator } = draft.path;
  if (origin === undefined || asPath === undefined || nextHop === undefined) return undefined;
  // Mostly it is there as it has to be, and is not made again.
  const path = draft.path.nextHop === nextHop ? (draft.path as PathAttributes) : { ...draft.path, origin, asPath, nextHop };
  if (!as4Path && !as4Aggregator) return path;
  // RFC 6793 4.2.3: an AGGREGATOR other than AS_TRANS was put there later, by one who knew nothing of the AS4 attributes.
  if (aggregator && as4Aggregator && aggregator.asn !== AS_TRANS) return path;
  return {
    ...path,
    asPath: as4Path && asPathLength(as4Path) > 0 ? mergeAs4Path(asPath, as4Path) : asPath,
    ...(aggregator && as4Aggregator ? { aggregator: as4Aggregator } : {}),
  };
}

export function encodeAttribute(type: number, flags: number, value: ArrayLike<number>): Uint8Array {
  const long = value.length > 255;
  const header = long ? [flags | ATTRIBUTE_FLAG.extendedLength, type, ...uint16(value.length)] : [flags, type, value.length];
  return joinBytes(header, value);
}

/** The attributes of a path, without those that hold prefixes; with a next hop of IPv6 there is no NEXT_HOP. */
export function encodeAttributes(path: PathAttributes, asnSize: AsnSize): Uint8Array {
  const encoded: Uint8Array[] = [];
  for (const row of ATTRIBUTES) {
    const value = row.encode(path, asnSize);
    if (value) encoded.push(encodeAttribute(row.type, row.flags, value));
  }
  for (const { type, flags, value } of path.unrecognized ?? []) encoded.push(encodeAttribute(type, flags, value));
  return joinBytes(...encoded);
}

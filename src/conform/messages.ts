/**
 * The bytes that the checks send: OPEN with any field wrong, UPDATE with any attribute wrong. The codec of `bgp` refuses to
 * write what must not be written, so here every field is a parameter, with the right value unless told otherwise.
 */

import { type AsnSize, encodeAsPath, twoOctets } from "../bgp/as-path.ts";
import { encodeAttribute } from "../bgp/attribute-list.ts";
import { joinBytes, uint16, uint32 } from "../bgp/bytes.ts";
import { type Capability, encodeCapability } from "../bgp/capabilities.ts";
import { frame } from "../bgp/framer.ts";
import { ATTRIBUTE, CEASE, MESSAGE, OPEN_PARAMETER } from "../bgp/iana.ts";
import { encodeMessage } from "../bgp/message.ts";
import { encodePrefixes, IPV4_UNICAST } from "../bgp/nlri.ts";
import { administrativeCease } from "../bgp/notification.ts";
import { BGP_VERSION } from "../bgp/open.ts";
import { SEGMENT } from "../bgp/path.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Stage } from "./stage.ts";

export interface OpenFields {
  readonly version?: number;
  readonly asn?: number;
  readonly holdTimeSeconds?: number;
  readonly identifier?: number;
  readonly capabilities?: readonly Capability[];
  /** Instead of capabilities: the whole field of optional parameters, its length included. */
  readonly parameters?: Uint8Array;
}

/** The shortest that there is, so that every check is quick. */
export const HOLD_TIME_SECONDS = 3;

export const standardCapabilities = (asn: number): Capability[] => [
  { name: "multiprotocol", family: IPV4_UNICAST },
  { name: "route-refresh" },
  { name: "four-octet-as", asn },
];

export function openBytes(stage: Stage, fields: OpenFields = {}): Uint8Array {
  const {
    version = BGP_VERSION,
    asn = stage.us.localAsn,
    holdTimeSeconds = HOLD_TIME_SECONDS,
    identifier = stage.identifier,
    capabilities = standardCapabilities(asn),
    parameters = oneParameter(capabilities),
  } = fields;
  const fixed = [version, ...uint16(twoOctets(asn)), ...uint16(holdTimeSeconds), ...uint32(identifier)];
  return frame(MESSAGE.open, fixed, parameters);
}

/** All capabilities in one parameter. */
function oneParameter(capabilities: readonly Capability[]): Uint8Array {
  const encoded = joinBytes(...capabilities.map(encodeCapability));
  if (encoded.length === 0) return Uint8Array.of(0);
  return joinBytes([encoded.length + 2, OPEN_PARAMETER.capabilities, encoded.length], encoded);
}

/** Each capability in a parameter of its own. */
export function parameterEach(capabilities: readonly Capability[]): Uint8Array {
  const parameters = capabilities.map(encodeCapability).map((one) => joinBytes([OPEN_PARAMETER.capabilities, one.length], one));
  const all = joinBytes(...parameters);
  return joinBytes([all.length], all);
}

/** RFC 9072: lengths of two bytes. */
export function extendedParameters(capabilities: readonly Capability[]): Uint8Array {
  const encoded = joinBytes(...capabilities.map(encodeCapability));
  const parameter = joinBytes([OPEN_PARAMETER.capabilities, ...uint16(encoded.length)], encoded);
  return joinBytes([255, OPEN_PARAMETER.extendedLength, ...uint16(parameter.length)], parameter);
}

/** Attribute type to its whole encoding. A route is announced with all of them, in this order. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

/** Those of an ordinary route of ours. */
export function ordinaryAttributes(stage: Stage, asnSize: AsnSize = 4): Attributes {
  const asPath = encodeAsPath([{ type: SEGMENT.sequence, asns: [stage.us.localAsn] }], asnSize);
  return new Map([
    [ATTRIBUTE.origin, encodeAttribute(ATTRIBUTE.origin, WELL_KNOWN, [0])],
    [ATTRIBUTE.asPath, encodeAttribute(ATTRIBUTE.asPath, WELL_KNOWN, asPath)],
    [ATTRIBUTE.nextHop, encodeAttribute(ATTRIBUTE.nextHop, WELL_KNOWN, uint32(stage.nextHop))],
  ]);
}

export const WELL_KNOWN = 0x40;
export const OPTIONAL = 0x80;
export const OPTIONAL_TRANSITIVE = 0xc0;

export interface UpdateFields {
  readonly withdrawn?: readonly Prefix[];
  readonly attributes?: Attributes;
  readonly prefixes?: readonly Prefix[];
}

const MAXIMUM_ROOM = 0xffff;

export function updateBytes({ withdrawn = [], attributes = new Map(), prefixes = [] }: UpdateFields): Uint8Array {
  const encode = (all: readonly Prefix[]) => joinBytes(...encodePrefixes(all, MAXIMUM_ROOM));
  return rawUpdate(encode(withdrawn), joinBytes(...attributes.values()), encode(prefixes));
}

/** With fields that need not make sense. */
export const rawUpdate = (withdrawn: Uint8Array, attributes: Uint8Array, prefixes: Uint8Array): Uint8Array =>
  rawFrame(MESSAGE.update, joinBytes(uint16(withdrawn.length), withdrawn, uint16(attributes.length), attributes, prefixes));

/** A message of any length: the framer of `bgp` stops at 4096 bytes. */
export const rawFrame = (type: number, body: Uint8Array, length = body.length + 19): Uint8Array =>
  joinBytes(new Uint8Array(16).fill(0xff), uint16(length), [type], body);

/** The end of a session, by a person, with a word. */
export const shutdownBytes = (): Uint8Array =>
  joinBytes(
    ...encodeMessage({ kind: "notification", error: administrativeCease(CEASE.administrativeShutdown, "conformance") }, 4),
  );

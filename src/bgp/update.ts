/**
 * UPDATE (RFC 4271 4.3): prefixes that are gone, and prefixes that are there with the attributes of their path. Decoding
 * applies RFC 7606: it answers with the value as it is to be believed, with the strongest consequence of what was wrong, and
 * with everything that was wrong.
 *
 *   length (2) | withdrawn prefixes | length (2) | path attributes | announced prefixes, to the end
 */
import { type Address, isIpv4 } from "../net/address.ts";
import { ipv4Mask } from "../net/prefix.ts";
import type { AsnSize } from "./as-path.ts";
import { attributeName, decodeAttributes, encodeAttribute, encodeAttributes, pathOfDraft } from "./attribute-list.ts";
import type { DecodeContext } from "./attributes.ts";
import { joinBytes, read16, uint16 } from "./bytes.ts";
import { bgpError, type Consequence, type Fault, strongest } from "./error.ts";
import { frame, HEADER_LENGTH, MAXIMUM_MESSAGE_LENGTH } from "./framer.ts";
import { AFI, ATTRIBUTE, ATTRIBUTE_FLAG, ERROR, MESSAGE, UPDATE_ERROR } from "./iana.ts";
import { encodeReach, encodeUnreach, hasPathIds, type Unreach } from "./multiprotocol.ts";
import { decodePrefixes, encodePrefixes, type Family, IPV4_UNICAST, IPV6_UNICAST, sameFamily } from "./nlri.ts";
import type { Nlri, PathAttributes } from "./path.ts";

/** Prefixes that share a path. */
export interface Announcement {
  readonly prefixes: readonly Nlri[];
  readonly attributes: PathAttributes;
}

export interface UpdateMessage {
  readonly kind: "update";
  readonly withdrawn: readonly Nlri[];
  /** Usually one or none. Two where NEXT_HOP with its prefixes and MP_REACH_NLRI come together: they differ in next hop. */
  readonly announcements: readonly Announcement[];
  /** The peer has sent all it had of this family (RFC 4724 section 2); nothing else is in the message then. */
  readonly endOfRib?: Family;
  /** Nothing that the peer has said or will say of these is believed for the rest of the session (RFC 7606 section 2). */
  readonly disabled?: readonly Family[];
}

export interface DecodedUpdate {
  readonly update: UpdateMessage;
  /** The strongest of the faults. With "reset" the update is empty. */
  readonly consequence: "none" | Consequence;
  readonly faults: readonly Fault[];
}

const NOTHING: UpdateMessage = { kind: "update", withdrawn: [], announcements: [] };

const resetFault = (what: string, subcode: number): Fault => ({
  what,
  consequence: "reset",
  error: bgpError(ERROR.updateMessage, subcode),
});

const reset = (what: string, subcode: number): DecodedUpdate => ({
  update: NOTHING,
  consequence: "reset",
  faults: [resetFault(what, subcode)],
});

export function decodeUpdate(body: Uint8Array, context: DecodeContext): DecodedUpdate {
  const attributesAt = body.length < 4 ? 4 : 2 + read16(body, 0) + 2;
  const nlriAt = attributesAt > body.length ? attributesAt : attributesAt + read16(body, attributesAt - 2);
  if (nlriAt > body.length) {
    return reset(`has ${body.length} bytes, at least ${nlriAt} wanted`, UPDATE_ERROR.malformedAttributeList);
  }
  const withPathIds = hasPathIds(context, IPV4_UNICAST);
  const withdrawn = decodePrefixes(body, 2, attributesAt - 2, AFI.ipv4, withPathIds);
  if (typeof withdrawn === "string") return reset(withdrawn, UPDATE_ERROR.invalidNetworkField);
  const announced = decodePrefixes(body, nlriAt, body.length, AFI.ipv4, withPathIds);
  if (typeof announced === "string") return reset(announced, UPDATE_ERROR.invalidNetworkField);
  // A family that was not agreed on, or is disabled: well-formed, and no business of ours.
  if (!context.families.some((family) => sameFamily(family, IPV4_UNICAST))) withdrawn.length = announced.length = 0;

  const { draft, faults, types } = decodeAttributes(body, attributesAt, nlriAt, context);
  const announcesAny = announced.length > 0 || types.includes(ATTRIBUTE.mpReach);
  if (announcesAny) noteMissing(faults, types, announced.length > 0, context.peerType);
  const onlyUnreach = types.length === 1 && types[0] === ATTRIBUTE.mpUnreach;
  // RFC 7606 5.2: no prefixes to withdraw, and perhaps only because they could not be found.
  if (!announcesAny && !onlyUnreach && strongest(faults) === "treat-as-withdraw") {
    faults.push(resetFault("has malformed attributes and no prefixes", UPDATE_ERROR.malformedAttributeList));
  }
  const reachable: Reachable[] = [];
  takeReachable(reachable, announced, draft.path.nextHop, ATTRIBUTE.nextHop, faults);
  if (draft.reach) takeReachable(reachable, draft.reach.prefixes, draft.reach.nextHop, ATTRIBUTE.mpReach, faults);
  const disabled = disabledBy(faults);
  if (disabled.length > 0 && context.families.every((family) => disabled.some((one) => sameFamily(one, family)))) {
    faults.push(resetFault("leaves no address family to believe", UPDATE_ERROR.optionalAttribute));
  }
  const consequence = strongest(faults);
  if (consequence === "reset") return { update: NOTHING, consequence, faults };
  const gone = draft.unreach ? [...withdrawn, ...draft.unreach.prefixes] : withdrawn;
  if (consequence === "treat-as-withdraw" || consequence === "disable-family") {
    const all = gone.concat(reachable.flatMap(({ prefixes }) => prefixes));
    const update: UpdateMessage = { kind: "update", withdrawn: all, announcements: [] };
    return { update: consequence === "disable-family" ? { ...update, disabled } : update, consequence, faults };
  }
  const announcements: Announcement[] = [];
  for (const { prefixes, nextHop } of reachable) {
    const attributes = pathOfDraft(draft, nextHop);
    if (attributes) announcements.push({ prefixes, attributes });
  }
  const update: UpdateMessage = { kind: "update", withdrawn: gone, announcements };
  const saysNothing = gone.length === 0 && !announcesAny;
  const endOfRib = saysNothing ? endOfRibFamily(nlriAt - attributesAt, onlyUnreach ? draft.unreach : undefined) : undefined;
  return { update: endOfRib ? { ...update, endOfRib } : update, consequence, faults };
}

/** RFC 4724 section 2: for IPv4 unicast an UPDATE of nothing at all, for others an MP_UNREACH_NLRI without prefixes. */
function endOfRibFamily(attributesLength: number, onlyUnreach: Unreach | undefined): Family | undefined {
  return attributesLength === 0 ? IPV4_UNICAST : onlyUnreach?.family;
}

const NO_FAMILIES: readonly Family[] = [];

const disabledBy = (faults: readonly Fault[]): readonly Family[] =>
  faults.length === 0 ? NO_FAMILIES : faults.flatMap((fault) => (fault.consequence === "disable-family" ? [fault.family] : []));

function noteMissing(faults: Fault[], types: readonly number[], classic: boolean, peerType: DecodeContext["peerType"]): void {
  const want = (type: number): void => {
    if (types.includes(type)) return;
    faults.push({ attribute: attributeName(type), what: "is missing", consequence: "treat-as-withdraw" });
  };
  want(ATTRIBUTE.origin);
  want(ATTRIBUTE.asPath);
  if (classic) want(ATTRIBUTE.nextHop);
  if (peerType === "internal") want(ATTRIBUTE.localPreference);
}

interface Reachable {
  readonly prefixes: readonly Nlri[];
  readonly nextHop: Address | undefined;
}

/** Takes the prefixes that a packet may be sent to; adds the faults that only show where prefixes and next hop meet. */
function takeReachable(
  taken: Reachable[],
  all: readonly Nlri[],
  nextHop: Address | undefined,
  attribute: number,
  faults: Fault[],
): void {
  const prefixes = all.every(isUnicast) ? all : all.filter(isUnicast);
  if (prefixes.length < all.length) faults.push({ what: "announces prefixes that are not unicast", consequence: "discard" });
  if (prefixes.length === 0) return;
  if (nextHop !== undefined && !isNextHop(nextHop)) {
    faults.push({ attribute: attributeName(attribute), what: "is no address of a node", consequence: "treat-as-withdraw" });
  }
  taken.push({ prefixes, nextHop });
}

/** RFC 4271 6.3: a prefix of multicast or reserved addresses is ignored. */
const isUnicast = ({ address, length }: Nlri): boolean => {
  if (isIpv4(address)) return length < 3 || (address & ipv4Mask(3)) >>> 0 !== 0xe0000000;
  return length < 8 || !address.startsWith("ff");
};

/** RFC 4271 6.3: an address that no packet can be sent to is no next hop. Whether we can reach it is for the RIB. */
function isNextHop(address: Address): boolean {
  if (isIpv4(address)) return address >>> 24 !== 0 && address >>> 24 !== 127 && address >>> 24 < 224;
  return !address.startsWith("ff") && !/^0{31}[01]$/.test(address);
}

const FIXED_LENGTH = 4;
const BODY_ROOM = MAXIMUM_MESSAGE_LENGTH - HEADER_LENGTH - FIXED_LENGTH;
/** Flags, type and two bytes of length. */
const ATTRIBUTE_HEADER_ROOM = 4;

const NO_BYTES = new Uint8Array(0);

const updateFrame = (withdrawn: Uint8Array, attributes: Uint8Array, nlri: Uint8Array): Uint8Array =>
  frame(MESSAGE.update, uint16(withdrawn.length), withdrawn, uint16(attributes.length), attributes, nlri);

const familyOf = ({ address }: Nlri): Family => (isIpv4(address) ? IPV4_UNICAST : IPV6_UNICAST);

/** The longest NLRI and, of IPv6, what MP_REACH_NLRI has before it. */
const PREFIX_ROOM = ATTRIBUTE_HEADER_ROOM + 2 + 1 + 1 + 16 + 1 + 4 + 1 + 16;

type Announcements = Pick<UpdateMessage, "withdrawn" | "announcements">;

/** The same, but that prefixes whose attributes fill a message alone are withdrawn: a path that grew too long ends here. */
export function withinMessages({ withdrawn, announcements }: Announcements, asnSize: AsnSize) {
  const fits = ({ attributes }: Announcement) => encodeAttributes(attributes, asnSize).length + PREFIX_ROOM <= BODY_ROOM;
  const tooLong = announcements.filter((one) => !fits(one)).flatMap(({ prefixes }) => prefixes);
  if (tooLong.length === 0) return { withdrawn, announcements, tooLong };
  return { withdrawn: [...withdrawn, ...tooLong], announcements: announcements.filter(fits), tooLong };
}

/** As many messages as it takes, each with one thing to say (RFC 7606 5.1): withdrawals first, then each announcement. */
export function encodeUpdate(update: UpdateMessage, asnSize: AsnSize): Uint8Array[] {
  if (update.endOfRib) return [encodeEndOfRib(update.endOfRib)];
  const messages: Uint8Array[] = [];
  const byFamily = (prefixes: readonly Nlri[], family: Family) =>
    prefixes.filter((prefix) => sameFamily(familyOf(prefix), family));
  for (const run of encodePrefixes(byFamily(update.withdrawn, IPV4_UNICAST), BODY_ROOM))
    messages.push(updateFrame(run, NO_BYTES, NO_BYTES));
  const unreachRoom = BODY_ROOM - ATTRIBUTE_HEADER_ROOM - encodeUnreach(IPV6_UNICAST, NO_BYTES).length;
  for (const run of encodePrefixes(byFamily(update.withdrawn, IPV6_UNICAST), unreachRoom)) {
    messages.push(updateFrame(NO_BYTES, unreachAttribute(IPV6_UNICAST, run), NO_BYTES));
  }
  for (const { prefixes, attributes } of update.announcements) {
    const path = encodeAttributes(attributes, asnSize);
    const { nextHop } = attributes;
    if (isIpv4(nextHop)) {
      for (const run of encodePrefixes(prefixes, BODY_ROOM - path.length)) messages.push(updateFrame(NO_BYTES, path, run));
      continue;
    }
    for (const family of [IPV4_UNICAST, IPV6_UNICAST]) {
      const room = BODY_ROOM - path.length - ATTRIBUTE_HEADER_ROOM - encodeReach(family, nextHop, NO_BYTES).length;
      for (const run of encodePrefixes(byFamily(prefixes, family), room))
        messages.push(updateFrame(NO_BYTES, joinBytes(reachAttribute(family, nextHop, run), path), NO_BYTES));
    }
  }
  return messages;
}

const reachAttribute = (family: Family, nextHop: Address, prefixes: Uint8Array): Uint8Array =>
  encodeAttribute(ATTRIBUTE.mpReach, ATTRIBUTE_FLAG.optional, encodeReach(family, nextHop, prefixes));

const unreachAttribute = (family: Family, prefixes: Uint8Array): Uint8Array =>
  encodeAttribute(ATTRIBUTE.mpUnreach, ATTRIBUTE_FLAG.optional, encodeUnreach(family, prefixes));

const encodeEndOfRib = (family: Family): Uint8Array =>
  updateFrame(NO_BYTES, sameFamily(family, IPV4_UNICAST) ? NO_BYTES : unreachAttribute(family, NO_BYTES), NO_BYTES);

/**
 * The path attributes: one row for each, with its name, type, flags, its bytes in both directions, and what RFC 7606
 * section 7 says to do when it is malformed. Flags, lengths and duplicates are checked once for all of them, around the
 * table, in `attribute-list.ts`. A new attribute is a row here, a field in `path.ts` and an example in the test. It is one
 * table and so one file; rows without a meaning for us are in `carried-attributes.ts`.
 */
import { isIpv4, readIpv4 } from "../net/address.ts";
import { type AsnSize, as4PathOf, decodeAsPath, encodeAsPath, twoOctets } from "./as-path.ts";
import { read16, read32, uint16, uint32 } from "./bytes.ts";
import type { Consequence } from "./error.ts";
import { AS_TRANS, ATTRIBUTE, ATTRIBUTE_FLAG } from "./iana.ts";
import { decodeReach, decodeUnreach, type MultiprotocolContext, type Reach, type Unreach } from "./multiprotocol.ts";
import {
  type Aggregator,
  type AsPathSegment,
  type LargeCommunity,
  ORIGIN,
  type Origin,
  type PathAttributes,
  SEGMENT,
} from "./path.ts";

/** What the meaning of an UPDATE's bytes depends on: the session it comes over. */
export interface DecodeContext extends MultiprotocolContext {
  readonly asnSize: AsnSize;
  readonly peerType: "external" | "internal";
}

/** What the attributes of one UPDATE say, before they are put together as a path. */
export interface AttributeDraft {
  readonly path: { -readonly [Name in keyof PathAttributes]?: PathAttributes[Name] };
  as4Path?: readonly AsPathSegment[];
  as4Aggregator?: Aggregator;
  /** Undefined: there is none, or of a family that we do not take. */
  reach?: Reach | undefined;
  unreach?: Unreach | undefined;
}

export interface AttributeRow {
  readonly name: string;
  readonly type: number;
  /** Optional and transitive; the other bits may be anything. */
  readonly flags: number;
  /** "disable-family" becomes "reset" where the family cannot be told, or is the session's last. */
  readonly malformed: Consequence;
  /** From an external peer it is discarded unread (RFC 7606 7.5, 7.9, 7.10). */
  readonly internalOnly?: true;
  /** Writes into the draft; what it returns is in words what is malformed. */
  decode(value: Uint8Array, context: DecodeContext, draft: AttributeDraft): string | undefined;
  /** Undefined: the path has none. */
  encode(path: PathAttributes, asnSize: AsnSize): ArrayLike<number> | undefined;
}

const WELL_KNOWN = ATTRIBUTE_FLAG.transitive;
const OPTIONAL = ATTRIBUTE_FLAG.optional;
const OPTIONAL_TRANSITIVE = ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive;

const wrongLength = (value: Uint8Array, wanted: string | number): string => `has ${value.length} bytes, ${wanted} wanted`;

const isPositiveMultiple = (value: Uint8Array, of: number): boolean => value.length > 0 && value.length % of === 0;

function words(value: Uint8Array): number[] {
  const all = new Array<number>(value.length / 4);
  for (let i = 0; i < all.length; i++) all[i] = read32(value, 4 * i);
  return all;
}

/** In RFC 7606 5.1's order: the attributes that hold prefixes first, then by type. */
export const ATTRIBUTES: readonly AttributeRow[] = [
  {
    name: "MP_REACH_NLRI",
    type: ATTRIBUTE.mpReach,
    flags: OPTIONAL,
    malformed: "disable-family",
    decode: (value, context, draft) => {
      const reach = decodeReach(value, context);
      if (typeof reach === "string") return reach;
      draft.reach = reach;
      return undefined;
    },
    // Its prefixes have to be split over messages: `update.ts` does that.
    encode: () => undefined,
  },
  {
    name: "MP_UNREACH_NLRI",
    type: ATTRIBUTE.mpUnreach,
    flags: OPTIONAL,
    malformed: "disable-family",
    decode: (value, context, draft) => {
      const unreach = decodeUnreach(value, context);
      if (typeof unreach === "string") return unreach;
      draft.unreach = unreach;
      return undefined;
    },
    encode: () => undefined,
  },
  {
    name: "ORIGIN",
    type: ATTRIBUTE.origin,
    flags: WELL_KNOWN,
    malformed: "treat-as-withdraw",
    decode: (value, _, draft) => {
      if (value.length !== 1) return wrongLength(value, 1);
      if (value[0] > ORIGIN.incomplete) return `is ${value[0]}, at most ${ORIGIN.incomplete} wanted`;
      draft.path.origin = value[0] as Origin;
      return undefined;
    },
    encode: ({ origin }) => [origin],
  },
  {
    name: "AS_PATH",
    type: ATTRIBUTE.asPath,
    flags: WELL_KNOWN,
    malformed: "treat-as-withdraw",
    decode: (value, { asnSize, peerType }, draft) => {
      const segments = decodeAsPath(value, asnSize);
      if (typeof segments === "string") return segments;
      // RFC 5065 section 5: a confederation's segments never leave it.
      const confederation = segments.some(
        ({ type }) => type === SEGMENT.confederationSequence || type === SEGMENT.confederationSet,
      );
      if (confederation && peerType === "external") return "has a confederation's segment from outside";
      draft.path.asPath = segments;
      return undefined;
    },
    encode: ({ asPath }, asnSize) => encodeAsPath(asPath, asnSize),
  },
  {
    name: "NEXT_HOP",
    type: ATTRIBUTE.nextHop,
    flags: WELL_KNOWN,
    malformed: "treat-as-withdraw",
    decode: (value, _, draft) => {
      if (value.length !== 4) return wrongLength(value, 4);
      draft.path.nextHop = readIpv4(value, 0);
      return undefined;
    },
    encode: ({ nextHop }) => (isIpv4(nextHop) ? uint32(nextHop) : undefined),
  },
  {
    name: "MULTI_EXIT_DISC",
    type: ATTRIBUTE.multiExitDiscriminator,
    flags: OPTIONAL,
    malformed: "treat-as-withdraw",
    decode: (value, _, draft) => {
      if (value.length !== 4) return wrongLength(value, 4);
      draft.path.multiExitDiscriminator = read32(value, 0);
      return undefined;
    },
    encode: ({ multiExitDiscriminator }) => (multiExitDiscriminator === undefined ? undefined : uint32(multiExitDiscriminator)),
  },
  {
    name: "LOCAL_PREF",
    type: ATTRIBUTE.localPreference,
    flags: WELL_KNOWN,
    malformed: "treat-as-withdraw",
    internalOnly: true,
    decode: (value, _, draft) => {
      if (value.length !== 4) return wrongLength(value, 4);
      draft.path.localPreference = read32(value, 0);
      return undefined;
    },
    encode: ({ localPreference }) => (localPreference === undefined ? undefined : uint32(localPreference)),
  },
  {
    name: "ATOMIC_AGGREGATE",
    type: ATTRIBUTE.atomicAggregate,
    flags: WELL_KNOWN,
    malformed: "discard",
    decode: (value, _, draft) => {
      if (value.length !== 0) return wrongLength(value, 0);
      draft.path.atomicAggregate = true;
      return undefined;
    },
    encode: ({ atomicAggregate }) => (atomicAggregate ? [] : undefined),
  },
  {
    name: "AGGREGATOR",
    type: ATTRIBUTE.aggregator,
    flags: OPTIONAL_TRANSITIVE,
    malformed: "discard",
    decode: (value, { asnSize }, draft) => {
      if (value.length !== asnSize + 4) return wrongLength(value, asnSize + 4);
      const asn = asnSize === 4 ? read32(value, 0) : read16(value, 0);
      if (asn === 0) return "holds AS 0";
      draft.path.aggregator = { asn, address: readIpv4(value, asnSize) };
      return undefined;
    },
    encode: ({ aggregator }, asnSize) => {
      if (!aggregator) return undefined;
      const asn = asnSize === 4 ? uint32(aggregator.asn) : uint16(twoOctets(aggregator.asn));
      return [...asn, ...uint32(aggregator.address)];
    },
  },
  {
    name: "COMMUNITIES",
    type: ATTRIBUTE.communities,
    flags: OPTIONAL_TRANSITIVE,
    malformed: "treat-as-withdraw",
    decode: (value, _, draft) => {
      if (!isPositiveMultiple(value, 4)) return wrongLength(value, "a multiple of 4");
      draft.path.communities = words(value);
      return undefined;
    },
    encode: ({ communities }) => communities?.flatMap(uint32),
  },
  {
    name: "ORIGINATOR_ID",
    type: ATTRIBUTE.originatorId,
    flags: OPTIONAL,
    malformed: "treat-as-withdraw",
    internalOnly: true,
    decode: (value, _, draft) => {
      if (value.length !== 4) return wrongLength(value, 4);
      draft.path.originatorId = readIpv4(value, 0);
      return undefined;
    },
    encode: ({ originatorId }) => (originatorId === undefined ? undefined : uint32(originatorId)),
  },
  {
    name: "CLUSTER_LIST",
    type: ATTRIBUTE.clusterList,
    flags: OPTIONAL,
    malformed: "treat-as-withdraw",
    internalOnly: true,
    decode: (value, _, draft) => {
      if (!isPositiveMultiple(value, 4)) return wrongLength(value, "a multiple of 4");
      draft.path.clusterList = words(value);
      return undefined;
    },
    encode: ({ clusterList }) => clusterList?.flatMap(uint32),
  },
  {
    // As they came: `communities.ts` reads the one that means something to us.
    name: "EXTENDED_COMMUNITIES",
    type: ATTRIBUTE.extendedCommunities,
    flags: OPTIONAL_TRANSITIVE,
    malformed: "treat-as-withdraw",
    decode: (value, _, draft) => {
      if (!isPositiveMultiple(value, 8)) return wrongLength(value, "a multiple of 8");
      draft.path.extendedCommunities = Uint8Array.from(value);
      return undefined;
    },
    encode: ({ extendedCommunities }) => extendedCommunities,
  },
  {
    // RFC 6793 section 6: what is wrong with it, or comes from a peer that needs it not, is discarded.
    name: "AS4_PATH",
    type: ATTRIBUTE.as4Path,
    flags: OPTIONAL_TRANSITIVE,
    malformed: "discard",
    decode: (value, { asnSize }, draft) => {
      if (asnSize === 4) return "comes from a peer with four-octet AS numbers";
      const segments = decodeAsPath(value, 4);
      if (typeof segments === "string") return segments;
      draft.as4Path = segments;
      return undefined;
    },
    encode: ({ asPath }, asnSize) => {
      const as4Path = asnSize === 2 ? as4PathOf(asPath) : undefined;
      return as4Path && encodeAsPath(as4Path, 4);
    },
  },
  {
    name: "AS4_AGGREGATOR",
    type: ATTRIBUTE.as4Aggregator,
    flags: OPTIONAL_TRANSITIVE,
    malformed: "discard",
    decode: (value, { asnSize }, draft) => {
      if (asnSize === 4) return "comes from a peer with four-octet AS numbers";
      if (value.length !== 8) return wrongLength(value, 8);
      if (read32(value, 0) === 0) return "holds AS 0";
      draft.as4Aggregator = { asn: read32(value, 0), address: readIpv4(value, 4) };
      return undefined;
    },
    encode: ({ aggregator }, asnSize) =>
      asnSize === 2 && aggregator && twoOctets(aggregator.asn) === AS_TRANS
        ? [...uint32(aggregator.asn), ...uint32(aggregator.address)]
        : undefined,
  },
  {
    name: "LARGE_COMMUNITY",
    type: ATTRIBUTE.largeCommunities,
    flags: OPTIONAL_TRANSITIVE,
    malformed: "treat-as-withdraw",
    decode: (value, _, draft) => {
      if (!isPositiveMultiple(value, 12)) return wrongLength(value, "a multiple of 12");
      const all = words(value);
      draft.path.largeCommunities = Array.from(
        { length: all.length / 3 },
        (_, i): LargeCommunity => [all[3 * i], all[3 * i + 1], all[3 * i + 2]],
      );
      return undefined;
    },
    encode: ({ largeCommunities }) => largeCommunities?.flatMap((community) => community.flatMap(uint32)),
  },
  {
    name: "ONLY_TO_CUSTOMER",
    type: ATTRIBUTE.onlyToCustomer,
    flags: OPTIONAL_TRANSITIVE,
    malformed: "treat-as-withdraw",
    decode: (value, _, draft) => {
      if (value.length !== 4) return wrongLength(value, 4);
      draft.path.onlyToCustomer = read32(value, 0);
      return undefined;
    },
    encode: ({ onlyToCustomer }) => (onlyToCustomer === undefined ? undefined : uint32(onlyToCustomer)),
  },
];

/**
 * What an UPDATE says of its prefixes: the path attributes as one value (RFC 4271 section 5). The codec makes it, the RIB
 * compares it, nobody changes it.
 */
import type { Address, Ipv4Address } from "../net/address.ts";
import { type Prefix, prefixKey } from "../net/prefix.ts";

/** RFC 4271 5.1.1; the lower is preferred. */
export const ORIGIN = { igp: 0, egp: 1, incomplete: 2 } as const;
export type Origin = (typeof ORIGIN)[keyof typeof ORIGIN];

export const SEGMENT = { set: 1, sequence: 2, confederationSequence: 3, confederationSet: 4 } as const;

export interface AsPathSegment {
  readonly type: (typeof SEGMENT)[keyof typeof SEGMENT];
  readonly asns: readonly number[];
}

/** An attribute that we carry without reading it. */
export interface RawAttribute {
  readonly type: number;
  readonly flags: number;
  readonly value: Uint8Array;
}

export interface Aggregator {
  readonly asn: number;
  readonly address: Ipv4Address;
}

/** 96 bits in three numbers: global administrator, then two words of its own (RFC 8092). */
export type LargeCommunity = readonly [globalAdministrator: number, local1: number, local2: number];

/** A prefix, and which of the peer's paths to it is meant where there may be several (RFC 7911). */
export interface Nlri extends Prefix {
  readonly pathId?: number;
}

/** A Map key for what a peer can say of one path and take back. */
export const nlriKey = (nlri: Nlri): number | string =>
  nlri.pathId === undefined ? prefixKey(nlri) : `${prefixKey(nlri)} ${nlri.pathId}`;

export interface PathAttributes {
  readonly origin: Origin;
  readonly asPath: readonly AsPathSegment[];
  /** Of the family of the prefixes it comes with; under RFC 8950 IPv4 prefixes may have one of IPv6. */
  readonly nextHop: Address;
  readonly multiExitDiscriminator?: number;
  /** Present on iBGP only. */
  readonly localPreference?: number;
  readonly atomicAggregate?: boolean;
  readonly aggregator?: Aggregator;
  /** Each 32 bits: AS in the upper half (RFC 1997). */
  readonly communities?: readonly number[];
  /** Eight bytes each (RFC 4360). */
  readonly extendedCommunities?: Uint8Array;
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly originatorId?: Ipv4Address;
  readonly clusterList?: readonly Ipv4Address[];
  /** The AS that let the route go down to customers and peers only (RFC 9234). */
  readonly onlyToCustomer?: number;
  /** Everything else that is transitive, for the record. */
  readonly unrecognized?: readonly RawAttribute[];
}

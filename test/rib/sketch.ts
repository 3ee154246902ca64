/** Paths in shorthand: only what a case is about has to be said. */
import { type AsPathSegment, ORIGIN, type Origin, type PathAttributes, SEGMENT } from "#src/bgp/path.ts";
import type { Address } from "#src/net/address.ts";
import { type Prefix, parseInterfaceAddress } from "#src/net/prefix.ts";
import type { Path } from "#src/rib/path.ts";
import { ACCEPT_EVERYTHING, type ImportPolicy } from "#src/rib/policy.ts";
import type { RoutePeer } from "#src/rib/route.ts";
import type { RibConfiguration } from "#src/rib/table.ts";

export const LOCAL_ASN = 64512;

/** Peer n: 10.0.0.n, AS 65000 + n, router id n. */
export const external = (n: number, more: { asn?: number; routerId?: number } = {}): RoutePeer => ({
  address: 0x0a000000 + n,
  asn: 65000 + n,
  routerId: n,
  type: "external",
  ...more,
});

export const internal = (n: number, more: { routerId?: number } = {}): RoutePeer => ({
  address: 0x0a000000 + n,
  asn: LOCAL_ASN,
  routerId: n,
  type: "internal",
  ...more,
});

/** Everything is taken, except what has been here before. */
export const ACCEPT_ALL: ImportPolicy = { ...ACCEPT_EVERYTHING, ownAsns: [LOCAL_ASN] };

/** A RIB on 10.0.0.254/24 that takes everything. */
export const ribConfiguration = (more: Partial<RibConfiguration> = {}): RibConfiguration => ({
  routerId: 0x0a0000fe,
  interfaces: [parseInterfaceAddress("10.0.0.254/24") as Prefix],
  staticRoutes: [],
  maximumPaths: 8,
  multipathRelax: false,
  linkBandwidth: "all-or-none",
  importPolicy: () => ACCEPT_ALL,
  ...more,
});

export interface PathSketch {
  readonly peer: RoutePeer;
  /** One sequence; the peer's own AS if not given and external. */
  readonly asns?: readonly number[];
  readonly asPath?: readonly AsPathSegment[];
  readonly origin?: Origin;
  readonly med?: number | undefined;
  readonly localPreference?: number | undefined;
  readonly originatorId?: number;
  readonly clusterList?: readonly number[];
  /** The peer itself if not given. */
  readonly nextHop?: Address;
  readonly pathId?: number;
}

export function sketch(path: PathSketch): Path {
  const { peer, pathId } = path;
  return { peer, attributes: sketchAttributes(path), ...(pathId !== undefined && { pathId }) };
}

export const paths = (...sketches: readonly PathSketch[]): Path[] => sketches.map(sketch);

export function sketchAttributes({
  peer,
  asns,
  asPath,
  origin,
  med,
  localPreference,
  originatorId,
  clusterList,
  nextHop,
}: PathSketch): PathAttributes {
  const sequence = asns ?? (peer.type === "external" ? [peer.asn] : []);
  return {
    origin: origin ?? ORIGIN.igp,
    asPath: asPath ?? (sequence.length > 0 ? [{ type: SEGMENT.sequence, asns: sequence }] : []),
    nextHop: nextHop ?? peer.address,
    ...(med !== undefined && { multiExitDiscriminator: med }),
    ...(localPreference !== undefined && { localPreference }),
    ...(originatorId !== undefined && { originatorId }),
    ...(clusterList !== undefined && { clusterList }),
  };
}

/**
 * What two speakers agree on by exchanging OPEN: ours is made here, theirs is judged here (RFC 4271 6.2, RFC 6286, RFC 7607),
 * and what follows from the pair is a value that lives as long as the session.
 */
import type { AsnSize } from "../bgp/as-path.ts";
import { type Capability, findCapability } from "../bgp/capabilities.ts";
import { bgpError, type Decoded } from "../bgp/error.ts";
import { ERROR, OPEN_ERROR } from "../bgp/iana.ts";
import { type Family, IPV4_UNICAST, sameFamily } from "../bgp/nlri.ts";
import type { OpenMessage } from "../bgp/open.ts";
import type { Ipv4Address } from "../net/address.ts";

/** What our side of one session stands for; it does not change while the neighbor is configured. */
export interface LocalSide {
  readonly localAsn: number;
  readonly remoteAsn: number;
  readonly routerId: Ipv4Address;
  /** 0, or at least 3. */
  readonly holdTimeSeconds: number;
}

export interface Agreement {
  /** 0: neither keepalives nor a hold timer. */
  readonly holdTimeSeconds: number;
  readonly keepaliveSeconds: number;
  readonly asnSize: AsnSize;
  readonly families: readonly Family[];
  readonly peer: OpenMessage;
}

/** RFC 4271 4.2: a hold time is 0 or at least this. */
export const MINIMUM_HOLD_TIME_SECONDS = 3;

const FAMILIES: readonly Family[] = [IPV4_UNICAST];

export function localCapabilities(localAsn: number): readonly Capability[] {
  const families = FAMILIES.map((family): Capability => ({ name: "multiprotocol", family }));
  return [...families, { name: "route-refresh" }, { name: "four-octet-as", asn: localAsn }];
}

/** With its capabilities it has 45 bytes; MetalLB's native speaker refuses less than 37. */
export const localOpen = ({ localAsn, routerId, holdTimeSeconds }: LocalSide): OpenMessage => ({
  kind: "open",
  asn: localAsn,
  holdTimeSeconds,
  routerId,
  capabilities: localCapabilities(localAsn),
});

export const peerType = ({ localAsn, remoteAsn }: LocalSide): "external" | "internal" =>
  localAsn === remoteAsn ? "internal" : "external";

export function agree(local: LocalSide, peer: OpenMessage): Decoded<Agreement> {
  const refuse = (subcode: number) => ({ error: bgpError(ERROR.openMessage, subcode) });
  if (peer.asn !== local.remoteAsn) return refuse(OPEN_ERROR.badPeerAs);
  // RFC 6286 2.2: only inside an AS must identifiers differ.
  const sameIdentifier = peer.routerId === local.routerId && peerType(local) === "internal";
  if (peer.routerId === 0 || sameIdentifier) return refuse(OPEN_ERROR.badIdentifier);
  if (peer.holdTimeSeconds > 0 && peer.holdTimeSeconds < MINIMUM_HOLD_TIME_SECONDS)
    return refuse(OPEN_ERROR.unacceptableHoldTime);
  const holdTimeSeconds = Math.min(local.holdTimeSeconds, peer.holdTimeSeconds);
  return {
    value: {
      holdTimeSeconds,
      keepaliveSeconds: holdTimeSeconds / 3,
      asnSize: findCapability(peer.capabilities, "four-octet-as") ? 4 : 2,
      families: commonFamilies(peer.capabilities),
      peer,
    },
  };
}

/** A peer that says nothing of families means IPv4 unicast (RFC 4760 section 8). */
function commonFamilies(capabilities: readonly Capability[]): readonly Family[] {
  const theirs = capabilities.flatMap((capability) => (capability.name === "multiprotocol" ? [capability.family] : []));
  if (theirs.length === 0) return [IPV4_UNICAST];
  return FAMILIES.filter((ours) => theirs.some((family) => sameFamily(family, ours)));
}

/**
 * RFC 4271 6.8, RFC 6286 2.3: of two connections between the same speakers, the one that the higher identifier opened
 * stays; between equal identifiers, the one of the higher AS. Both sides come to the same answer.
 */
export function collisionWinner(local: LocalSide, peer: OpenMessage): "outgoing" | "incoming" {
  const ours = local.routerId - peer.routerId || local.localAsn - peer.asn;
  return ours > 0 ? "outgoing" : "incoming";
}

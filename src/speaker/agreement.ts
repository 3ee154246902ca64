/**
 * What two speakers agree on by exchanging OPEN: theirs is judged here (RFC 4271 6.2, RFC 6286, RFC 6793, RFC 7607, RFC 9234), and
 * what follows from the pair is a value that lives as long as the session. A capability that one side lacks is not used;
 * nothing but a family in common could be missed, and a peer without one stays up and silent.
 */
import type { AsnSize } from "../bgp/as-path.ts";
import { ADD_PATH, type Capability, findCapability } from "../bgp/capabilities.ts";
import { bgpError, type Decoded } from "../bgp/error.ts";
import { AFI, AS_TRANS, ERROR, OPEN_ERROR } from "../bgp/iana.ts";
import { type Family, hasFamily, IPV4_UNICAST, sameFamily } from "../bgp/nlri.ts";
import type { OpenMessage } from "../bgp/open.ts";
import { ROLES, type Role } from "../bgp/role.ts";
import { type LocalSide, localCapabilities } from "./offer.ts";

type GracefulRestart = Extract<Capability, { name: "graceful-restart" }>;

/** How what is said on a session is to be read: what two lists of capabilities come to. */
export interface Terms {
  readonly asnSize: AsnSize;
  readonly families: readonly Family[];
  /** The families of which the peer may send several paths to a prefix. */
  readonly pathIds: readonly Family[];
  /** The families whose next hops may be of IPv6 although they are not. */
  readonly extendedNextHop: readonly Family[];
  readonly extendedMessage: boolean;
  /** Both sides bracket what they say again (RFC 7313). */
  readonly enhancedRefresh: boolean;
}

export interface Agreement extends Terms {
  /** 0: neither keepalives nor a hold timer. */
  readonly holdTimeSeconds: number;
  readonly keepaliveSeconds: number;
  /** What the peer says of its restarts, if we help (RFC 4724). */
  readonly gracefulRestart?: GracefulRestart;
  readonly peer: OpenMessage;
}

/** RFC 4271 4.2: a hold time is 0 or at least this. */
export const MINIMUM_HOLD_TIME_SECONDS = 3;

export const peerType = ({ localAsn, remoteAsn }: Pick<LocalSide, "localAsn" | "remoteAsn">): "external" | "internal" =>
  remoteAsn === "internal" || remoteAsn === localAsn ? "internal" : "external";

/** RFC 9234 is about what ASes are to each other. */
export const roleOf = (local: LocalSide): Role | undefined => (peerType(local) === "external" ? local.role : undefined);

/** Whether a peer of that AS is the one that was configured. */
const isExpected = ({ localAsn, remoteAsn }: LocalSide, asn: number): boolean =>
  typeof remoteAsn === "number" ? asn === remoteAsn : remoteAsn === peerType({ localAsn, remoteAsn: asn });

export function agree(local: LocalSide, peer: OpenMessage): Decoded<Agreement> {
  const subcode = objection(local, peer);
  if (subcode !== undefined) return { error: bgpError(ERROR.openMessage, subcode) };
  const holdTimeSeconds = Math.min(local.holdTimeSeconds, peer.holdTimeSeconds);
  const terms = termsOf(localCapabilities(local), peer.capabilities);
  const gracefulRestart = local.gracefulRestart && findCapability(peer.capabilities, "graceful-restart");
  const times = { holdTimeSeconds, keepaliveSeconds: holdTimeSeconds / 3 };
  return { value: { ...terms, ...times, ...(gracefulRestart && { gracefulRestart }), peer } };
}

export function termsOf(ours: readonly Capability[], theirs: readonly Capability[]): Terms {
  const common = familiesOf(ours).filter((family) => hasFamily(familiesOf(theirs), family));
  const isOffered = (name: Capability["name"]): boolean =>
    findCapability(theirs, name) !== undefined && findCapability(ours, name) !== undefined;
  const sendsPathIds = findCapability(theirs, "add-path")?.families.filter(({ direction }) => direction & ADD_PATH.send);
  const extends6 = findCapability(theirs, "extended-next-hop")?.families.filter(({ nextHopAfi }) => nextHopAfi === AFI.ipv6);
  const among = (named: readonly { readonly family: Family }[] = []): readonly Family[] =>
    common.filter((one) => named.some(({ family }) => sameFamily(family, one)));
  return {
    asnSize: isOffered("four-octet-as") ? 4 : 2,
    families: common,
    pathIds: isOffered("add-path") ? among(sendsPathIds) : [],
    extendedNextHop: isOffered("extended-next-hop") ? among(extends6) : [],
    extendedMessage: isOffered("extended-message"),
    enhancedRefresh: isOffered("enhanced-route-refresh"),
  };
}

/** The subcode of OPEN Message Error that says why we do not talk to this peer. */
function objection(local: LocalSide, peer: OpenMessage): number | undefined {
  // RFC 7607, RFC 6793: nobody is of AS 0 or AS_TRANS, whatever is expected.
  if (!isExpected(local, peer.asn) || peer.asn === 0 || peer.asn === AS_TRANS) return OPEN_ERROR.badPeerAs;
  // RFC 6286 2.2: only inside an AS must identifiers differ.
  const sameIdentifier = peer.routerId === local.routerId && peerType(local) === "internal";
  if (peer.routerId === 0 || sameIdentifier) return OPEN_ERROR.badIdentifier;
  if (peer.holdTimeSeconds > 0 && peer.holdTimeSeconds < MINIMUM_HOLD_TIME_SECONDS) return OPEN_ERROR.unacceptableHoldTime;
  return roleFits(local, peer) ? undefined : OPEN_ERROR.roleMismatch;
}

/** RFC 9234 section 4.2: whose counterpart is who. */
const COUNTERPART: Readonly<Record<Role, Role>> = {
  provider: "customer",
  customer: "provider",
  "rs-server": "rs-client",
  "rs-client": "rs-server",
  peer: "peer",
};

/** A side that names no role has none to contradict. Twice the same capability is once; two different ones fit nobody. */
function roleFits({ role }: LocalSide, { capabilities }: OpenMessage): boolean {
  const theirs = capabilities.flatMap((capability) => (capability.name === "role" ? [capability.role] : []));
  return role === undefined || theirs.every((number) => ROLES[number] === COUNTERPART[role]);
}

/** A peer that says nothing of families means IPv4 unicast (RFC 4760 section 8). */
function familiesOf(capabilities: readonly Capability[]): readonly Family[] {
  const named = capabilities.flatMap((capability) => (capability.name === "multiprotocol" ? [capability.family] : []));
  return named.length > 0 ? named : [IPV4_UNICAST];
}

/**
 * RFC 4271 6.8, RFC 6286 2.3: of two connections between the same speakers, the one that the higher identifier opened
 * stays; between equal identifiers, the one of the higher AS. Both sides come to the same answer.
 */
export function collisionWinner(local: LocalSide, peer: OpenMessage): "outgoing" | "incoming" {
  const ours = local.routerId - peer.routerId || local.localAsn - peer.asn;
  return ours > 0 ? "outgoing" : "incoming";
}

/**
 * Import policy: why a path is not even looked at by the decision process. What the configuration allows (external peers
 * are refused all that nothing allows, RFC 8212), what can only be wrong (martians, RFC 7454), and what has been here before
 * (loops of ASes, clusters and originators: RFC 4271 9.1.2, RFC 4456 section 8), or should not have come this way (RFC 9234). A
 * refused path is kept and shown with its reason, for a change of the policy and for people.
 */
import { COMMUNITY, hasCommunity } from "../bgp/communities.ts";
import { type AsPathSegment, type PathAttributes, SEGMENT } from "../bgp/path.ts";
import { type Address, isIpv4 } from "../net/address.ts";
import { hostPrefix, type Prefix } from "../net/prefix.ts";
import { type PrefixRule, parsePrefixRule, ruleMatches } from "../net/prefix-rule.ts";
import { isLeak } from "./leak.ts";
import type { RoutePeer } from "./route.ts";

export type RefusalReason =
  | "AS loop"
  | "first AS is not the peer's"
  | "originator is ourselves"
  | "cluster loop"
  | "route leak"
  | "martian next hop"
  | "martian prefix"
  | "no import policy"
  | "not accepted";

export interface ImportPolicy {
  /** Undefined: nothing was said; an external peer's routes are refused then, an internal one's are not. */
  readonly accept?: readonly PrefixRule[] | undefined;
  /** Off for route servers, which do not put themselves into the path. */
  readonly enforceFirstAs: boolean;
  /** Whether the peer may have traffic to what it announces thrown away (RFC 7999). */
  readonly allowBlackhole: boolean;
  /** The AS numbers that we are to this peer: none of them may be in a path. */
  readonly ownAsns: readonly number[];
}

const rules = (...texts: readonly string[]): readonly PrefixRule[] => texts.map((text) => parsePrefixRule(text) as PrefixRule);

/** Addresses that no host outside can have. Private and documentation prefixes are not among them: labs live there. */
const NO_ONES = rules("0.0.0.0/8 le 32", "127.0.0.0/8 le 32", "224.0.0.0/3 le 32", "::/127 le 128", "ff00::/8 le 128");
/** Good as next hops, and nowhere else: on a link, and what FRR, BIRD and GoBGP name for IPv6 over an IPv4 session. */
const NEXT_HOPS_ONLY = rules("169.254.0.0/16 le 32", "fe80::/10 le 128", "::ffff:0:0/96 le 128");
const MARTIANS = [...NO_ONES, ...NEXT_HOPS_ONLY];

/** For those who only listen: everything is taken but what cannot be right. */
export const ACCEPT_EVERYTHING: ImportPolicy = {
  accept: rules("0.0.0.0/0 le 32", "::/0 le 128"),
  enforceFirstAs: false,
  allowBlackhole: false,
  ownAsns: [],
};

/** By the first eight bits, whether an IPv4 prefix can be a martian: of a full table nearly none can. */
const MAYBE_MARTIAN = Uint8Array.from({ length: 256 }, (_, first) =>
  Number(MARTIANS.some(({ prefix }) => isIpv4(prefix.address) && isAbout(prefix, first))),
);

/** Whether the two have addresses in common. */
function isAbout({ address, length }: Prefix, first: number): boolean {
  const shared = Math.min(length, 8);
  return ((address as number) >>> 24) >> (8 - shared) === first >> (8 - shared);
}

const isMartian = (prefix: Prefix): boolean => {
  const { address, length } = prefix;
  return (length < 8 || !isIpv4(address) || MAYBE_MARTIAN[address >>> 24] === 1) && matchesAny(MARTIANS, prefix);
};

function matchesAny(list: readonly PrefixRule[], prefix: Prefix): boolean {
  for (const rule of list) if (ruleMatches(rule, prefix)) return true;
  return false;
}

const isMartianNextHop = (nextHop: Address): boolean => {
  if (isIpv4(nextHop) && MAYBE_MARTIAN[nextHop >>> 24] === 0) return false;
  return matchesAny(NO_ONES, hostPrefix(nextHop));
};

function holdsAny(asPath: readonly AsPathSegment[], asns: readonly number[]): boolean {
  for (const segment of asPath) for (const asn of segment.asns) if (asns.includes(asn)) return true;
  return false;
}

/** What is refused of a path, whatever the prefix. */
export function refusePath(
  peer: RoutePeer,
  attributes: PathAttributes,
  policy: ImportPolicy,
  routerId: number,
): RefusalReason | undefined {
  const { asPath, clusterList, originatorId, nextHop } = attributes;
  if (holdsAny(asPath, policy.ownAsns)) return "AS loop";
  if (peer.type === "external" && policy.enforceFirstAs && firstAs(attributes) !== peer.asn) return "first AS is not the peer's";
  if (peer.type === "internal" && originatorId === routerId) return "originator is ourselves";
  if (peer.type === "internal" && clusterList?.includes(routerId)) return "cluster loop";
  if (isLeak(peer, attributes)) return "route leak";
  if (isMartianNextHop(nextHop)) return "martian next hop";
  return undefined;
}

/** What is refused of a prefix, whatever the path. */
export function refusePrefix({ type }: RoutePeer, prefix: Prefix, { accept }: ImportPolicy): RefusalReason | undefined {
  if (isMartian(prefix)) return "martian prefix";
  if (accept === undefined) return type === "external" ? "no import policy" : undefined;
  return matchesAny(accept, prefix) ? undefined : "not accepted";
}

export const isBlackhole = (attributes: PathAttributes, { allowBlackhole }: ImportPolicy): boolean =>
  allowBlackhole && hasCommunity(attributes, COMMUNITY.blackhole);

const firstAs = ({ asPath: [first] }: PathAttributes): number | undefined =>
  first?.type === SEGMENT.sequence ? first.asns[0] : undefined;

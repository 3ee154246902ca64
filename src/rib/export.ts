/**
 * Export policy: whether a route is announced to a peer, and with which attributes (RFC 4271 section 5, RFC 1997, RFC 8212,
 * RFC 9234). Pure; `adj-out.ts` asks for each prefix and peer. Nothing goes out that no prefix list names; nothing goes back to
 * whom it came from, from one internal peer to another (there are no route reflectors here), or against its communities; what is
 * thrown away here is not announced.
 */
import { COMMUNITY, hasCommunity, transitiveOnly } from "../bgp/communities.ts";
import { type AsPathSegment, ORIGIN, type Origin, type PathAttributes, SEGMENT } from "../bgp/path.ts";
import { type Address, addressFamily } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { type PrefixRule, ruleMatches } from "../net/prefix-rule.ts";
import type { Route } from "./choose.ts";
import { DEFAULT_LOCAL_PREFERENCE } from "./decide.ts";
import { markFor, markOf, mayGoTo } from "./leak.ts";
import type { Audience } from "./route.ts";

export interface ExportPolicy {
  readonly announce: readonly PrefixRule[];
  /** To internal peers too. */
  readonly nextHopSelf: boolean;
  /** Put in front of the path for external peers, the nearest to them first. */
  readonly prepend: readonly number[];
}

/** What is announced; undefined: nothing. `route` is undefined where we announce a network that we have no route to. */
export function exportRoute(
  prefix: Prefix,
  route: Route | undefined,
  audience: Audience,
  policy: ExportPolicy,
): PathAttributes | undefined {
  const self = audience.nextHops[addressFamily(prefix.address)];
  if (self === undefined || !policy.announce.some((rule) => ruleMatches(rule, prefix))) return undefined;
  if (route?.action) return undefined;
  const best = route?.best;
  if (!best) return shaped(ownAttributes(route ? ORIGIN.incomplete : ORIGIN.igp, self), audience, policy, self);
  const { peer } = best;
  const mark = markOf(peer, best.attributes);
  const attributes = mark === undefined ? best.attributes : { ...best.attributes, onlyToCustomer: mark };
  const isOwnWord = peer.address === audience.address;
  const isReflection = peer.type === "internal" && audience.type === "internal";
  if (isOwnWord || isReflection || isHeldBack(attributes, audience)) return undefined;
  return shaped(attributes, audience, policy, self);
}

function isHeldBack(attributes: PathAttributes, { type, role }: Audience): boolean {
  if (!mayGoTo(role, attributes.onlyToCustomer)) return true;
  if (hasCommunity(attributes, COMMUNITY.noAdvertise)) return true;
  if (type === "internal") return false;
  return hasCommunity(attributes, COMMUNITY.noExport) || hasCommunity(attributes, COMMUNITY.noExportSubconfed);
}

const ownAttributes = (origin: Origin, nextHop: Address): PathAttributes => ({ origin, asPath: [], nextHop });

function shaped(attributes: PathAttributes, { type, role }: Audience, policy: ExportPolicy, self: Address): PathAttributes {
  const { localPreference, multiExitDiscriminator, originatorId, clusterList, extendedCommunities, ...passedOn } = attributes;
  if (type === "internal") {
    const nextHop = policy.nextHopSelf ? self : attributes.nextHop;
    return { ...attributes, nextHop, localPreference: localPreference ?? DEFAULT_LOCAL_PREFERENCE };
  }
  const kept = extendedCommunities && transitiveOnly(extendedCommunities);
  const asPath = prepended(attributes.asPath, policy.prepend);
  const mark = markFor(role, attributes.onlyToCustomer, policy.prepend[0]);
  return {
    ...passedOn,
    ...{ asPath, nextHop: self },
    ...(kept && { extendedCommunities: kept }),
    ...(mark !== undefined && { onlyToCustomer: mark }),
  };
}

/** RFC 4271 5.1.2 b; the encoder cuts a sequence that grows too long. Confederation segments stay inside (RFC 5065). */
function prepended(asPath: readonly AsPathSegment[], asns: readonly number[]): AsPathSegment[] {
  const outside = asPath.filter(({ type }) => type === SEGMENT.sequence || type === SEGMENT.set);
  const [first, ...rest] = outside;
  if (first?.type === SEGMENT.sequence) return [{ type: SEGMENT.sequence, asns: [...asns, ...first.asns] }, ...rest];
  return [{ type: SEGMENT.sequence, asns: [...asns] }, ...outside];
}

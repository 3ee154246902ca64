/**
 * May a path be used at all (RFC 4271 section 9.1.2: the route must be resolvable and free of our own AS), and over which
 * gateways? A next hop in a connected subnet is its own gateway; one behind a static route goes to that route's next hops.
 * The longest match decides. Not through another BGP route, and not through a default route, which would make every next
 * hop reachable.
 */
import type { Address } from "../net/address.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import type { Path } from "./adj-in.ts";
import type { RouteNextHop } from "./route.ts";

export type IneligibleReason = "AS loop" | "next hop unreachable" | "next hop is our own address";

export type Resolution =
  | { readonly eligible: true; readonly gateways: readonly RouteNextHop[] }
  | { readonly eligible: false; readonly reason: IneligibleReason };

export interface StaticRoute {
  readonly prefix: Prefix;
  readonly nextHops: readonly RouteNextHop[];
}

export interface NextHopContext {
  readonly localAsn: number;
  /** Our addresses with their subnets ("10.0.0.1/24": host bits are set). */
  readonly interfaces: readonly Prefix[];
  readonly staticRoutes: readonly StaticRoute[];
  /** What no subnet and no static route leads to is its own gateway: where nothing is forwarded, nothing else is known. */
  readonly everyNextHopReachable?: boolean;
}

/** A resolver for as long as the context holds: next hops are few and paths are many, so answers are kept. */
export function createResolver({
  localAsn,
  interfaces,
  staticRoutes,
  everyNextHopReachable,
}: NextHopContext): (path: Path) => Resolution {
  const gateways = new Map<Address, Resolution>();
  // At equal length the connected subnet comes first, as everywhere, and the first of the longest matches wins.
  const ways: readonly { prefix: Prefix; nextHops?: readonly RouteNextHop[] }[] = [
    ...interfaces.map(({ address, length }) => ({ prefix: makePrefix(address, length) })),
    ...staticRoutes.filter(({ prefix }) => prefix.length > 0),
  ].sort((a, b) => b.prefix.length - a.prefix.length);

  function resolve(nextHop: Address): Resolution {
    if (interfaces.some(({ address }) => address === nextHop)) return { eligible: false, reason: "next hop is our own address" };
    const way = ways.find(({ prefix }) => prefixContains(prefix, nextHop));
    if (!way && everyNextHopReachable) return { eligible: true, gateways: [{ address: nextHop, weight: 1 }] };
    if (!way) return { eligible: false, reason: "next hop unreachable" };
    return { eligible: true, gateways: way.nextHops ?? [{ address: nextHop, weight: 1 }] };
  }

  return ({ attributes: { asPath, nextHop } }) => {
    if (asPath.some(({ asns }) => asns.includes(localAsn))) return { eligible: false, reason: "AS loop" };
    const resolution = gateways.get(nextHop) ?? resolve(nextHop);
    gateways.set(nextHop, resolution);
    return resolution;
  };
}

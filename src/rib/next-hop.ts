/**
 * Over which gateways does a next hop lie (RFC 4271 section 9.1.2: a route must be resolvable)? One in a connected subnet is
 * its own gateway; one behind a static route goes to that route's next hops; one behind a BGP route to where that one's next
 * hops lie, and so on for a bounded number of steps. The longest match decides, but a route that leads back to the next hop
 * itself is passed over, and so is a default route, which would make every next hop reachable.
 *
 * Next hops are few and paths are many, so answers are kept until `refresh`. `concerns` tells cheaply whether a change of a
 * prefix can change one; where next hops are many it says so too often rather than too seldom.
 */
import { type Address, isIpv4, zoneOf } from "../net/address.ts";
import { makePrefix, maximumLength, type Prefix, prefixContains, prefixKey } from "../net/prefix.ts";
import { byAddress, type RouteAction, type RouteNextHop } from "./route.ts";

export type UnresolvedReason = "next hop unreachable" | "next hop is our own address";

export type Resolution =
  /** By address, each once. */
  | { readonly eligible: true; readonly gateways: readonly RouteNextHop[] }
  | { readonly eligible: false; readonly reason: UnresolvedReason };

export interface StaticRoute {
  readonly prefix: Prefix;
  readonly nextHops: readonly RouteNextHop[];
  readonly action?: RouteAction | undefined;
}

export interface NextHopContext {
  /** Our addresses with their subnets ("10.0.0.1/24": host bits are set). */
  readonly interfaces: readonly Prefix[];
  /** The names of the interfaces on which link-local next hops are found. */
  readonly links?: readonly string[];
  readonly staticRoutes: readonly StaticRoute[];
  /** What no route leads to is its own gateway: where nothing is forwarded, nothing else is known. */
  readonly everyNextHopReachable?: boolean;
  /** The next hops of the BGP route in force to exactly this prefix. */
  bgpNextHops(prefix: Prefix): readonly Address[] | undefined;
}

export interface Resolver {
  resolve(nextHop: Address): Resolution;
  concerns(prefix: Prefix): boolean;
  /** Answers anew, and returns the next hops whose answer is another one. */
  refresh(): Set<Address>;
  /** Forgets the others. */
  retain(inUse: ReadonlySet<Address>): void;
  /** How many next hops are remembered. */
  readonly size: number;
}

/** Steps from a next hop to a gateway. */
const MAXIMUM_DEPTH = 8;
/** More than are worth being looked at one by one. */
const MANY = 256;
const UNREACHABLE: Resolution = { eligible: false, reason: "next hop unreachable" };

export function createResolver({
  interfaces,
  links = [],
  staticRoutes,
  everyNextHopReachable,
  bgpNextHops,
}: NextHopContext): Resolver {
  let answers = new Map<Address, Resolution>();
  /** On the way to the answers: those that were asked for, and those behind which these lie. */
  let asked = new Set<Address>();
  let quarters = createQuarters();
  const forgetAsked = (): void => {
    asked = new Set();
    quarters = createQuarters();
  };
  const own = new Set(interfaces.map(({ address }) => address));
  const connected = new Set(interfaces.map(({ address, length }) => prefixKey(makePrefix(address, length))));
  const ways = new Map(staticRoutes.map(({ prefix, nextHops }) => [prefixKey(prefix), nextHops]));

  /** `chain`: the next hops that are being asked for, and are not to be met again. */
  const find = (nextHop: Address, chain: readonly Address[]): Resolution => {
    asked.add(nextHop);
    quarters.add(nextHop);
    if (own.has(nextHop)) return { eligible: false, reason: "next hop is our own address" };
    const zone = zoneOf(nextHop);
    if (zone !== undefined && links.includes(zone)) return { eligible: true, gateways: [{ address: nextHop, weight: 1 }] };
    for (let length = maximumLength(nextHop); length > 0; length--) {
      const prefix = makePrefix(nextHop, length);
      const key = prefixKey(prefix);
      if (connected.has(key)) return { eligible: true, gateways: [{ address: nextHop, weight: 1 }] };
      const way = ways.get(key);
      // To throw away what is sent there is no way to go, and no reason to look for another.
      if (way?.length === 0) return UNREACHABLE;
      const gateways = way ?? throughBgp(bgpNextHops(prefix) ?? [], [...chain, nextHop]);
      if (gateways.length > 0) return { eligible: true, gateways };
    }
    return everyNextHopReachable ? { eligible: true, gateways: [{ address: nextHop, weight: 1 }] } : UNREACHABLE;
  };

  const throughBgp = (nextHops: readonly Address[], chain: readonly Address[]): readonly RouteNextHop[] => {
    if (chain.length > MAXIMUM_DEPTH || nextHops.some((one) => chain.includes(one))) return [];
    return nextHops.flatMap((one) => {
      const found = find(one, chain);
      return found.eligible ? found.gateways : [];
    });
  };

  const resolve = (nextHop: Address): Resolution => {
    const known = answers.get(nextHop);
    if (known) return known;
    const found = find(nextHop, []);
    const answer = found.eligible ? { ...found, gateways: byAddress(found.gateways, false) } : found;
    answers.set(nextHop, answer);
    return answer;
  };

  return {
    resolve,
    concerns(prefix) {
      if (!quarters.meets(prefix)) return false;
      if (asked.size > MANY) return true;
      for (const nextHop of asked) if (prefixContains(prefix, nextHop)) return true;
      return false;
    },
    refresh() {
      const before = answers;
      answers = new Map();
      forgetAsked();
      const changed = new Set<Address>();
      for (const [nextHop, known] of before) if (!sameResolution(known, resolve(nextHop))) changed.add(nextHop);
      return changed;
    },
    retain(inUse) {
      answers = new Map([...answers].filter(([nextHop]) => inUse.has(nextHop)));
    },
    get size() {
      return answers.size;
    },
  };
}

function sameResolution(a: Resolution, b: Resolution): boolean {
  if (!a.eligible || !b.eligible) return a.eligible === b.eligible;
  return (
    a.gateways.length === b.gateways.length &&
    a.gateways.every(({ address, weight }, i) => address === b.gateways[i].address && weight === b.gateways[i].weight)
  );
}

/** Where next hops live, by their first 16 bits: of a fixed size, whatever peers name. IPv6, in few quarters, all counts as one. */
function createQuarters() {
  const ipv4 = new Uint8Array(1 << 16);
  let hasIpv6 = false;
  return {
    add(address: Address): void {
      if (isIpv4(address)) ipv4[address >>> 16] = 1;
      else hasIpv6 = true;
    },
    meets({ address, length }: Prefix): boolean {
      if (length === 0) return false;
      if (!isIpv4(address)) return hasIpv6;
      const first = address >>> 16;
      return length >= 16 ? ipv4[first] === 1 : ipv4.subarray(first, first + (1 << (16 - length))).includes(1);
    },
  };
}

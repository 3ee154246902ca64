/**
 * Over which gateways does a next hop lie (RFC 4271 section 9.1.2: a route must be resolvable), that of a BGP path and that of a
 * static route alike? One in a connected subnet is its own gateway; one behind a route goes to where that route's next hops lie,
 * and so on for a bounded number of steps. The longest match decides, but a route that leads back to the next hop itself is
 * passed over, and so is a default route, which would make every next hop reachable (FRR: `no ip nht resolve-via-default`, as its
 * profile "datacenter" has it).
 *
 * Next hops are few and paths are many, so answers are kept until `refresh`. `concerns` tells cheaply whether a change of a
 * prefix can change one; where next hops are many it says so too often rather than too seldom.
 */
import { MAXIMUM_WEIGHT } from "../ecmp/table.ts";
import { type Address, isIpv4, isLinkLocal, zoneOf } from "../net/address.ts";
import { makePrefix, maximumLength, type Prefix, prefixContains, prefixKey } from "../net/prefix.ts";
import { byAddress, type RouteAction, type RouteNextHop } from "./route.ts";

export type UnresolvedReason =
  | "no route to next hop (a default does not count)"
  | "next hop on no link in use"
  | "next hop is our own address"
  | ReasonBehind;

/** A route to it there is; what is wrong with that one, or with a route further on. */
type ReasonBehind =
  | "next hop behind a route that throws away"
  | "next hop behind a loop of routes"
  | "next hop behind too many routes"
  | "next hop behind a route that leads nowhere";

export type Resolution =
  /** By address, each once; `through`: the route that the next hop lies behind, if it is not its own gateway. */
  | { readonly eligible: true; readonly gateways: readonly RouteNextHop[]; readonly through?: Prefix }
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
  /** The next hops of the BGP route to exactly this prefix, in force unless a static one is; none, if it throws away. */
  bgpNextHops(prefix: Prefix): readonly Address[] | undefined;
}

interface RouteNextHops {
  readonly nextHops: readonly RouteNextHop[];
  /** Their weights are shares: two of them over one gateway give it both. */
  readonly addsUp: boolean;
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
/** Next hops on the ways from one of them to its gateways: where routes of many next hops lie behind each other, ways multiply. */
const MAXIMUM_ASKED = 1024;
/** More than are worth being looked at one by one. */
const MANY = 256;
const NO_ROUTE = "no route to next hop (a default does not count)";
const THROWN_AWAY = "next hop behind a route that throws away";
const IN_A_LOOP = "next hop behind a loop of routes";
const TOO_FAR = "next hop behind too many routes";
const NOWHERE = "next hop behind a route that leads nowhere";

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
  let questionsLeft = 0;

  /** To exactly this prefix, the preferred one first; without next hops: what is sent there is thrown away. */
  const routesTo = (prefix: Prefix): RouteNextHops[] => {
    const way = ways.get(prefixKey(prefix));
    const bgp = bgpNextHops(prefix)?.map(asGateway);
    return [...(way ? [{ nextHops: way, addsUp: true }] : []), ...(bgp ? [{ nextHops: bgp, addsUp: false }] : [])];
  };

  /** `chain`: the next hops that are being asked for, and are not to be met again. */
  const find = (nextHop: Address, chain: readonly Address[]): Resolution => {
    asked.add(nextHop);
    quarters.add(nextHop);
    if (questionsLeft === 0) return lost(TOO_FAR);
    questionsLeft--;
    if (own.has(nextHop)) return lost("next hop is our own address");
    const zone = zoneOf(nextHop);
    if (zone !== undefined && links.includes(zone)) return itself(nextHop);
    const behind = [...chain, nextHop];
    let passedOver: UnresolvedReason | undefined;
    for (let length = maximumLength(nextHop); length > 0; length--) {
      const prefix = makePrefix(nextHop, length);
      if (connected.has(prefixKey(prefix))) return itself(nextHop);
      for (const { nextHops, addsUp } of routesTo(prefix)) {
        // To throw away what is sent there is no way to go, and no reason to look for another.
        if (nextHops.length === 0) return lost(THROWN_AWAY);
        const gateways = gatewaysBehind(nextHops, behind, addsUp);
        if (typeof gateways !== "string") return { eligible: true, gateways, through: prefix };
        passedOver ??= gateways;
      }
    }
    if (everyNextHopReachable) return itself(nextHop);
    return lost(passedOver ?? (isLinkLocal(nextHop) ? "next hop on no link in use" : NO_ROUTE));
  };

  /** Of a route with these next hops; or why there are none, which is what the first of them says. */
  const gatewaysBehind = (
    nextHops: readonly RouteNextHop[],
    chain: readonly Address[],
    addsUp: boolean,
  ): RouteNextHop[] | ReasonBehind => {
    if (nextHops.some(({ address }) => chain.includes(address))) return IN_A_LOOP;
    if (chain.length > MAXIMUM_DEPTH) return TOO_FAR;
    let reason: ReasonBehind | undefined;
    const ways = spread(nextHops, (nextHop) => {
      const found = find(nextHop, chain);
      if (!found.eligible) reason ??= furtherOn(found.reason);
      return found;
    });
    return ways.length > 0 ? limitWeights(byAddress(ways, addsUp)) : (reason ?? NOWHERE);
  };

  const resolve = (nextHop: Address): Resolution => {
    const known = answers.get(nextHop);
    if (known) return known;
    questionsLeft = MAXIMUM_ASKED;
    const answer = find(nextHop, []);
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

const asGateway = (address: Address): RouteNextHop => ({ address, weight: 1 });

const lost = (reason: UnresolvedReason): Resolution => ({ eligible: false, reason });

/** What is wrong with a next hop, seen from one behind a route to it. */
const furtherOn = (reason: UnresolvedReason): ReasonBehind =>
  reason === THROWN_AWAY || reason === IN_A_LOOP || reason === TOO_FAR ? reason : NOWHERE;

const itself = (nextHop: Address): Resolution => ({ eligible: true, gateways: [asGateway(nextHop)] });

/** Each next hop's gateways in its place, with its weight times theirs; what cannot be reached has none. */
export function spread(nextHops: readonly RouteNextHop[], resolve: (nextHop: Address) => Resolution): RouteNextHop[] {
  return nextHops.flatMap((nextHop) => {
    const found = resolve(nextHop.address);
    if (!found.eligible) return [];
    return found.gateways.map(({ address, weight }) => ({ address, weight: weight * nextHop.weight }));
  });
}

/** In the same proportions; nobody's share is rounded to nothing. */
export function limitWeights(nextHops: RouteNextHop[]): RouteNextHop[] {
  const most = nextHops.reduce((greatest, { weight }) => Math.max(greatest, weight), 0);
  if (most <= MAXIMUM_WEIGHT) return nextHops;
  return nextHops.map(({ address, weight }) => ({
    address,
    weight: Math.max(1, Math.round((weight * MAXIMUM_WEIGHT) / most)),
  }));
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

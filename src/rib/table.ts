/**
 * The RIB: what peers announce and what the configuration says come in, and out goes what the FIB has to change, and which
 * prefixes those that are announced to have to look at again. The router calls it with one update at a time and hands on
 * what it returns; `show bgp routes` reads it.
 *
 *   RouteUpdate -> policy (a refused path is kept, and does not take part) -> the prefix's set of paths
 *               -> once a set: next-hop, decide, weight -> Route -> RouteChange, if it differs
 *
 * Why a path lost is asked again when somebody wants to know, which the decision process, being a function, answers the same.
 * Losing a peer costs one walk over the prefixes, in steps between which the router may do something else: `losses.ts`.
 *
 * More than 300 lines, because it is the one thing that keeps all tables of the folder in step.
 */
import { type Nlri, nlriKey, type PathAttributes } from "../bgp/path.ts";
import { type Address, type AddressFamily, addressFamily } from "../net/address.ts";
import { comparePrefixes, makePrefix, type Prefix, prefixKey } from "../net/prefix.ts";
import { createPrefixTable, type PrefixWalk } from "../net/prefix-table.ts";
import { decide, type MultipathOptions } from "./decide.ts";
import { createLosses } from "./losses.ts";
import { createMemberLists, sameNextHops } from "./member-list.ts";
import { createResolver, type NextHopContext, type Resolution, type StaticRoute } from "./next-hop.ts";
import { createPathSets, type Path, type PathSet, withWord } from "./path.ts";
import { type ImportPolicy, isBlackhole, refusePath, refusePrefix } from "./policy.ts";
import {
  byAddress,
  epochOf,
  type RouteChange,
  type RouteNextHop,
  type RoutePeer,
  type RouteProtocol,
  type RouteUpdate,
} from "./route.ts";
import { createTallies, type PeerPaths, peerPathsOf, receivedOf } from "./tally.ts";
import { type Judgement, type RouteView, viewRoute } from "./view.ts";
import { type LinkBandwidthRule, weighPaths } from "./weight.ts";

export interface RibConfiguration extends MultipathOptions, Omit<NextHopContext, "bgpNextHops"> {
  /** Ours, which is also our cluster's (RFC 4456). */
  readonly routerId: number;
  /** Believed as written: the next hops are gateways, resolved or not. */
  readonly staticRoutes: readonly StaticRoute[];
  readonly linkBandwidth: LinkBandwidthRule;
  importPolicy(peer: RoutePeer): ImportPolicy;
}

export interface RibChange {
  /** For the FIB. */
  readonly routes: readonly RouteChange[];
  /** Whose route may be another one now, next hops or not: for whoever announces them. */
  readonly touched: readonly Prefix[];
}

/** The route in force to a prefix. */
export interface Route {
  readonly protocol: RouteProtocol | undefined;
  readonly nextHops: readonly RouteNextHop[];
  readonly isBlackhole: boolean;
  /** Of BGP. */
  readonly best?: Path;
  /** The paths that share the traffic, the best one first: their next hops lie behind the gateways. */
  readonly sharing?: readonly Path[];
}

export interface Rib {
  /** Replaces the configuration as a whole; the first call is the start. */
  configure(configuration: RibConfiguration): RibChange;
  applyUpdate(update: RouteUpdate): RibChange;
  /** After a loss: whether prefixes are left that still go where the lost peer said. Then `goOn` is wanted, between other things. */
  isBehind(): boolean;
  /** Decides anew for the next of them. */
  goOn(): RibChange;
  /** All routes in force, for a FIB that knows nothing yet. */
  installed(): RouteChange[];
  route(prefix: Prefix): Route | undefined;
  /** Every prefix that has a route. */
  prefixes(): Prefix[];
  /** How many paths of this family the peer has sent and not taken back. */
  received(peer: Address, family: AddressFamily): number;
  peerPaths(peer: Address): PeerPaths;
  /**
   * Gateways that nothing but this peer's paths leads over: without them no route will, whatever is decided then. Told from the
   * next hops alone, of which there are few, so that the FIB can be told so before a decision is made anew.
   */
  onlyThrough(peer: Address): Set<Address>;
  /** By prefix, or the one asked for. */
  routes(prefix?: Prefix): RouteView[];
}

type Override = Route & { readonly prefix: Prefix };

const NO_ROUTE: Route = { protocol: undefined, nextHops: [], isBlackhole: false };
/** The FIB attaches subnets to ports itself, so a connected route only keeps others from its prefix. */
const CONNECTED: Route = { protocol: "connected", nextHops: [], isBlackhole: false };

/** Routes over next hops behind routes over next hops: each round settles one more step of what hangs together. */
const MAXIMUM_ROUNDS = 16;
/** Of the table of prefixes, in one step after a loss: some milliseconds, with a FIB and with peers to be told. */
const PLACES_AT_ONCE = 4096;
/** Next hops remembered beyond those in use. */
const SPARE_NEXT_HOPS = 4096;

/** Prefixes of one UPDATE that go from the same set to the same other one: mostly all of them do, and they go together. */
interface Run {
  readonly peer?: RoutePeer;
  readonly path?: Path | undefined;
  readonly pathId?: number | undefined;
  readonly from: number;
  /** Undefined: there is no run. */
  readonly to?: number;
  readonly prefixes: Prefix[];
}

const NO_RUN: Run = { from: 0, prefixes: [] };

/** While it may still have more prefixes. */
interface OpenChange extends RouteChange {
  readonly prefixes: Prefix[];
}

const NOBODY: RibConfiguration = {
  routerId: 0,
  interfaces: [],
  staticRoutes: [],
  maximumPaths: 1,
  multipathRelax: false,
  linkBandwidth: "all-or-none",
  importPolicy: () => ({ enforceFirstAs: true, allowBlackhole: false, ownAsns: [] }),
};

/** A RIB that knows nothing and, until it is configured, believes nobody. */
export function createRib(placesAtOnce = PLACES_AT_ONCE): Rib {
  const numbers = createPrefixTable();
  const sets = createPathSets(chooseAmong);
  const tallies = createTallies();
  const losses = createLosses(tallies);
  let walk: PrefixWalk | undefined;
  /** By peer, the epoch below which its routes of a family are stale. */
  const epochs = new Map<Address, Partial<Record<AddressFamily, number>>>();
  let configuration = NOBODY;
  /** Connected and static routes: preferred to whatever peers say. */
  let overrides = new Map<number | string, Override>();
  /** Whether there is one, for prefixes by the million. */
  let overridden = createPrefixTable();
  const bgpNextHops = (prefix: Prefix): readonly Address[] | undefined =>
    sets.at(numbers.get(prefix))?.route.sharing?.map(({ attributes }) => attributes.nextHop);
  let resolver = createResolver({ ...NOBODY, bgpNextHops });

  // What one call of `configure` or `applyUpdate` gathers.
  let routes: OpenChange[] = [];
  let touched: Prefix[] = [];
  let mustResolve = false;
  let run = NO_RUN;
  const memberLists = createMemberLists();
  let spareNextHops = SPARE_NEXT_HOPS;

  const inForce = (prefix: Prefix): Route => overrides.get(prefixKey(prefix)) ?? sets.at(numbers.get(prefix))?.route ?? NO_ROUTE;

  /** These prefixes, each named once, have another route. */
  function note(prefixes: readonly Prefix[], before: Route, after: Route): void {
    if (before === after || prefixes.length === 0) return;
    for (const prefix of prefixes) {
      touched.push(prefix);
      mustResolve ||= resolver.concerns(prefix);
    }
    if (forwardsTheSame(before, after)) return;
    const change = changeOf(prefixes, after, before.protocol);
    const last = routes.at(-1);
    if (last && goesTheSameWay(last, change)) for (const prefix of prefixes) last.prefixes.push(prefix);
    else routes.push({ ...change, prefixes: [...prefixes] });
  }

  /** What BGP says of them now, which counts where nothing is above it. */
  function noteBgp(prefixes: readonly Prefix[], before: Route, after: Route): void {
    const isCovered = (prefix: Prefix): boolean => overridden.get(prefix) !== 0;
    note(prefixes.some(isCovered) ? prefixes.filter((prefix) => !isCovered(prefix)) : prefixes, before, after);
  }

  const isEligible = (path: Path): boolean => path.refused === undefined && resolutionOf(path).eligible;

  function judge(paths: readonly Path[]): Judgement {
    const allowed = paths.filter(({ refused }) => refused === undefined);
    const resolutions = new Map(allowed.map((path) => [path, resolutionOf(path)]));
    const eligible = allowed.filter((path) => resolutions.get(path)?.eligible);
    return { decision: decide(eligible, configuration), resolutions };
  }

  /** What is thrown away needs no way to go. */
  const resolutionOf = ({ isBlackhole, attributes }: Path): Resolution =>
    isBlackhole ? { eligible: true, gateways: [] } : resolver.resolve(attributes.nextHop);

  const gatewaysOf = (path: Path): readonly RouteNextHop[] => {
    const resolution = resolutionOf(path);
    return resolution.eligible ? resolution.gateways : [];
  };

  function chooseAmong(paths: readonly Path[]): Route {
    if (paths.length === 1) return onlyPath(paths);
    const decision = decide(paths.filter(isEligible), configuration);
    if (!decision) return NO_ROUTE;
    const { best, multipath } = decision;
    if (best.isBlackhole) return { protocol: "bgp", nextHops: [], isBlackhole: true, best, sharing: [] };
    const weighed = weighPaths(multipath, configuration.linkBandwidth);
    const gateways: RouteNextHop[] = [];
    if (weighed) {
      for (const { path, weight } of weighed)
        for (const one of gatewaysOf(path)) gateways.push({ ...one, weight: one.weight * weight });
    } else for (const path of multipath) gateways.push(...gatewaysOf(path));
    const nextHops = memberLists.keep(byAddress(gateways, weighed !== undefined));
    return { protocol: "bgp", nextHops, isBlackhole: false, best, sharing: multipath };
  }

  /** As a full table mostly has them: nothing to decide, and the members are those of all that lies over the same gateways. */
  function onlyPath(sharing: readonly Path[]): Route {
    const [best] = sharing;
    const resolution = best.refused === undefined ? resolutionOf(best) : undefined;
    if (!resolution?.eligible) return NO_ROUTE;
    return { protocol: "bgp", nextHops: resolution.gateways, isBlackhole: best.isBlackhole === true, best, sharing };
  }

  /** Decides anew for sets whose next hops lie elsewhere, and names the prefixes that it concerns. */
  function decideAgain(which: Iterable<PathSet<Route>>): void {
    const moved: { readonly set: PathSet<Route>; readonly before: Route; readonly prefixes: Prefix[] }[] = [];
    /** By the sets' numbers, their places in that list, from 1. */
    const places: number[] = [];
    for (const set of which) {
      const route = chooseAmong(losses.remaining(set.paths, set.family));
      if (!sameRoute(set.route, route)) {
        moved.push({ set, before: set.route, prefixes: [] });
        places[set.number] = moved.length;
      }
      set.route = route;
    }
    if (moved.length === 0) return;
    numbers.forEach(
      (prefix, number) => void moved[places[number] - 1].prefixes.push(prefix),
      (number) => places[number] > 0,
    );
    for (const { set, before, prefixes } of moved) noteBgp(prefixes, before, set.route);
  }

  const inUse = (): Set<Address> => new Set(Array.from(sets.nextHopUses(), ({ nextHop }) => nextHop));

  /** Next hops lie elsewhere when routes that they lie behind have changed, and so on. */
  function settle(): void {
    if (resolver.size > spareNextHops) {
      const used = inUse();
      spareNextHops = 2 * used.size + SPARE_NEXT_HOPS;
      resolver.retain(used);
      mustResolve = true;
    }
    for (let round = 0; mustResolve && round < MAXIMUM_ROUNDS; round++) {
      mustResolve = false;
      const changed = resolver.refresh();
      if (changed.size === 0) break;
      decideAgain([...sets.all()].filter(({ paths }) => paths.some(({ attributes }) => changed.has(attributes.nextHop))));
    }
  }

  /** The same from nothing, for all sets; says nothing of what has changed. */
  function settleAll(): void {
    for (let round = 0; round < MAXIMUM_ROUNDS; round++) {
      let isSettled = true;
      for (const set of sets.all()) {
        const route = chooseAmong(set.paths);
        isSettled &&= sameRoute(set.route, route);
        set.route = route;
      }
      if (isSettled) break;
      resolver.refresh();
    }
  }

  function taken(): RibChange {
    const change = { routes, touched };
    routes = [];
    touched = [];
    mustResolve = false;
    return change;
  }

  function remainingAt(number: number): readonly Path[] {
    const set = sets.at(number);
    return set ? losses.remaining(set.paths, set.family) : [];
  }

  function put(prefix: Nlri, peer: RoutePeer, path: Path | undefined): void {
    const from = numbers.get(prefix);
    if (from !== run.from || path !== run.path || prefix.pathId !== run.pathId || run.to === undefined) {
      endRun();
      const paths = withWord(remainingAt(from), peer.address, prefix.pathId, path);
      run = { peer, path, pathId: prefix.pathId, from, to: sets.of(paths)?.number ?? 0, prefixes: [] };
    }
    if (run.to === from || run.to === undefined) return;
    numbers.set(prefix, run.to);
    run.prefixes.push(withoutPathId(prefix));
  }

  function endRun(): void {
    const { peer, prefixes } = run;
    const [from, to] = [sets.at(run.from), sets.at(run.to ?? 0)];
    run = NO_RUN;
    const family = (to ?? from)?.family;
    if (!peer || !family || prefixes.length === 0) return;
    const isOfPeer = (path: Path): boolean => path.peer.address === peer.address;
    count(from?.paths.filter((path) => isOfPeer(path) || losses.isGone(path, family)) ?? [], family, -prefixes.length);
    count(to?.paths.filter(isOfPeer) ?? [], family, prefixes.length);
    noteBgp(prefixes, from?.route ?? NO_ROUTE, to?.route ?? NO_ROUTE);
    sets.move(from, to, prefixes.length);
  }

  /** So many prefixes of the family have these paths, or, below zero, have them no longer. */
  function count(paths: readonly Path[], family: AddressFamily, prefixes: number): void {
    for (const path of paths) {
      if (losses.isGone(path, family)) losses.settle(-prefixes);
      else tallies.add(path, family, prefixes);
    }
  }

  function announce(peer: RoutePeer, announced: readonly Nlri[], attributes: PathAttributes): void {
    const policy = configuration.importPolicy(peer);
    const ofPath = refusePath(peer, attributes, policy, configuration.routerId);
    const blackhole = isBlackhole(attributes, policy);
    let path: Path | undefined;
    let family: AddressFamily | undefined;
    for (const prefix of announced) {
      const refused = ofPath ?? refusePrefix(peer, prefix, policy);
      const { pathId } = prefix;
      if (!path || path.refused !== refused || path.pathId !== pathId || family !== addressFamily(prefix.address)) {
        family = addressFamily(prefix.address);
        path = sets.path({ peer, attributes, pathId, refused, isBlackhole: blackhole }, family);
      }
      put(prefix, peer, path);
    }
  }

  /** A prefix that one UPDATE withdraws and announces is announced (RFC 4271 4.3). */
  function withdraw(peer: RoutePeer, withdrawn: readonly Nlri[], announced: readonly Nlri[]): void {
    const again = withdrawn.length > 0 ? new Set(announced.map(nlriKey)) : undefined;
    for (const prefix of withdrawn) if (!again?.has(nlriKey(prefix))) put(prefix, peer, undefined);
  }

  /** One step of the walk after a loss: prefixes that have what is gone go to the set of what remains. */
  function sweep(): void {
    if (!losses.areLeft()) return;
    walk ??= numbers.walk();
    const found = new Map<number, Prefix[]>();
    const isWanted = (number: number): boolean => {
      const set = sets.at(number);
      return set?.paths.some((path) => losses.isGone(path, set.family)) === true;
    };
    const gather = (prefix: Prefix, number: number): void => {
      const together = found.get(number);
      if (together) together.push(prefix);
      else found.set(number, [prefix]);
    };
    // The next walk finds what this one has missed.
    if (!walk(placesAtOnce, gather, isWanted)) walk = undefined;
    for (const [number, prefixes] of found) leave(sets.at(number), prefixes);
    if (!losses.areLeft()) walk = undefined;
  }

  function leave(from: PathSet<Route> | undefined, prefixes: readonly Prefix[]): void {
    if (!from) return;
    const to = sets.of(losses.remaining(from.paths, from.family));
    for (const prefix of prefixes) numbers.set(prefix, to?.number ?? 0);
    const after = to?.route ?? NO_ROUTE;
    if (!sameRoute(from.route, after)) noteBgp(prefixes, from.route, after);
    count(
      from.paths.filter((path) => losses.isGone(path, from.family)),
      from.family,
      -prefixes.length,
    );
    sets.move(from, to, prefixes.length);
  }

  function sweepAll(): void {
    while (losses.areLeft()) sweep();
  }

  /** Import policies may be others now: every path is judged again, and what is not what it was goes to another set. */
  function judgeAgain(): void {
    numbers.forEach((prefix, number) => {
      const set = sets.at(number);
      if (!set) return;
      const paths = set.paths.map((path) => {
        const policy = configuration.importPolicy(path.peer);
        const refused =
          refusePath(path.peer, path.attributes, policy, configuration.routerId) ?? refusePrefix(path.peer, prefix, policy);
        return sets.path({ ...path, refused, isBlackhole: isBlackhole(path.attributes, policy) }, set.family);
      });
      const to = sets.of(paths);
      if (to === set || !to) return;
      count(set.paths, set.family, -1);
      count(to.paths, set.family, 1);
      numbers.set(prefix, to.number);
      sets.move(set, to, 1);
    });
  }

  const isStale = ({ peer }: Path, family: AddressFamily): boolean => epochOf(peer) < (epochs.get(peer.address)?.[family] ?? 0);

  function view(prefix: Prefix): RouteView {
    const paths = remainingAt(numbers.get(prefix));
    return viewRoute(prefix, inForce(prefix), paths, judge(paths), (path) => isStale(path, addressFamily(prefix.address)));
  }

  const isEmpty = (prefix: Prefix): boolean => numbers.get(prefix) === 0 && !overrides.has(prefixKey(prefix));

  function known(): Prefix[] {
    const prefixes = Array.from(overrides.values(), ({ prefix }) => prefix).filter((prefix) => numbers.get(prefix) === 0);
    numbers.forEach((prefix) => void prefixes.push(prefix));
    return prefixes;
  }

  return {
    configure(wanted) {
      sweepAll();
      const before = known().map((prefix) => [prefix, inForce(prefix)] as const);
      configuration = wanted;
      resolver = createResolver({ ...wanted, bgpNextHops });
      const news = new Map<number | string, Override>();
      for (const { prefix, nextHops } of wanted.staticRoutes) {
        news.set(prefixKey(prefix), { prefix, protocol: "static", nextHops, isBlackhole: false });
      }
      for (const { address, length } of wanted.interfaces) {
        const prefix = makePrefix(address, length);
        news.set(prefixKey(prefix), { ...CONNECTED, prefix });
      }
      const added = [...news.values()].filter(({ prefix }) => isEmpty(prefix));
      overrides = news;
      overridden = createPrefixTable();
      for (const { prefix } of news.values()) overridden.set(prefix, 1);
      judgeAgain();
      settleAll();
      for (const { prefix } of added) note([prefix], NO_ROUTE, inForce(prefix));
      for (const [prefix, route] of before) note([prefix], route, inForce(prefix));
      return taken();
    },

    applyUpdate(update) {
      if (update.kind === "stale") {
        const { address, epoch } = update.peer;
        epochs.set(address, { ...epochs.get(address), [update.family]: epoch });
      } else if (update.kind === "lost") {
        losses.add(update);
        if (!update.family) epochs.delete(update.peer.address);
        sweep();
      } else {
        if (losses.wouldTake(update.peer)) sweepAll();
        withdraw(update.peer, update.withdrawn, update.announced);
        if (update.attributes) announce(update.peer, update.announced, update.attributes);
        endRun();
      }
      settle();
      return taken();
    },

    isBehind: losses.areLeft,

    goOn() {
      sweep();
      settle();
      return taken();
    },

    installed: () =>
      known()
        .map((prefix) => [prefix, inForce(prefix)] as const)
        .filter(([, route]) => route.nextHops.length > 0 || route.isBlackhole)
        .map(([prefix, route]) => changeOf([prefix], route, undefined)),

    route(prefix) {
      const route = inForce(prefix);
      return route.protocol === undefined ? undefined : route;
    },

    prefixes: () => known().filter((prefix) => inForce(prefix).protocol !== undefined),
    received: (peer, family) => receivedOf(tallies.of(peer), family),
    peerPaths: (peer) => peerPathsOf(tallies.of(peer)),

    onlyThrough(peer) {
      const own = new Set<Address>();
      const others = new Set<Address>();
      const note = (gateways: readonly RouteNextHop[], to: Set<Address>): void => {
        for (const { address } of gateways) to.add(address);
      };
      for (const use of sets.nextHopUses()) {
        const resolution = resolver.resolve(use.nextHop);
        if (resolution.eligible) note(resolution.gateways, use.peer === peer ? own : others);
      }
      for (const { nextHops } of configuration.staticRoutes) note(nextHops, others);
      for (const address of others) own.delete(address);
      return own;
    },

    routes(prefix) {
      if (!prefix) return known().sort(comparePrefixes).map(view);
      return isEmpty(prefix) ? [] : [view(prefix)];
    },
  };
}

const withoutPathId = (nlri: Nlri): Prefix => (nlri.pathId === undefined ? nlri : { address: nlri.address, length: nlri.length });

const changeOf = (
  prefixes: readonly Prefix[],
  { protocol, nextHops, isBlackhole }: Route,
  before: RouteProtocol | undefined,
): RouteChange => ({
  prefixes,
  protocol: (nextHops.length > 0 || isBlackhole ? protocol : before) ?? "bgp",
  nextHops,
  ...(isBlackhole ? { isBlackhole } : {}),
});

const goesTheSameWay = (a: RouteChange, b: RouteChange): boolean =>
  a.nextHops === b.nextHops && a.protocol === b.protocol && a.isBlackhole === b.isBlackhole;

const forwardsTheSame = (a: Route, b: Route): boolean => a.isBlackhole === b.isBlackhole && sameNextHops(a.nextHops, b.nextHops);

const sameRoute = (a: Route, b: Route): boolean =>
  a === b || (a.best === b.best && forwardsTheSame(a, b) && sameNextHopsBehind(a.sharing ?? [], b.sharing ?? []));

const sameNextHopsBehind = (a: readonly Path[], b: readonly Path[]): boolean =>
  a === b || (a.length === b.length && a.every(({ attributes }, i) => attributes.nextHop === b[i].attributes.nextHop));

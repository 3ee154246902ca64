/**
 * The RIB: what peers announce and what the configuration says come in, and out goes what the FIB has to change, and which
 * prefixes those that are announced to have to look at again. The router calls it with one update at a time and hands on
 * what it returns; `show bgp routes` reads it.
 *
 *   RouteUpdate -> policy (a refused path is kept, and does not take part) -> the prefix's set of paths
 *               -> once a set: choose (next-hop, decide, weight) -> Route -> RouteChange, if it differs
 *
 * Why a path lost is asked again when somebody wants to know, which the decision process, being a function, answers the same.
 *
 * What concerns more prefixes than those of an UPDATE is done by a walk over all of them, in steps between which the router
 * does something else: a prefix that has what is gone (`losses.ts`), what is decided otherwise now (`path.ts`) or, after a reload,
 * what is judged otherwise goes to another set, as if it were announced anew. Whatever is said meanwhile is decided by
 * the state of things now, so the order does not matter.
 *
 * More than 300 lines, because it is the one thing that keeps all tables of the folder in step.
 */
import { type Nlri, nlriKey, type PathAttributes } from "../bgp/path.ts";
import { type Address, type AddressFamily, addressFamily } from "../net/address.ts";
import { comparePrefixes, type Prefix, prefixKey } from "../net/prefix.ts";
import { createPrefixTable, type PrefixWalk } from "../net/prefix-table.ts";
import { type ChooseOptions, createChoice, forwardsTheSame, NO_ROUTE, type Route, sameRoute } from "./choose.ts";
import { createLosses } from "./losses.ts";
import { createResolver, type NextHopContext } from "./next-hop.ts";
import { createOverrides } from "./overrides.ts";
import { createPathSets, type Path, type PathSet, withWord } from "./path.ts";
import { type ImportPolicy, isBlackhole, refusePath, refusePrefix } from "./policy.ts";
import { epochOf, type RouteChange, type RouteNextHop, type RoutePeer, type RouteProtocol, type RouteUpdate } from "./route.ts";
import { createTallies, type PeerPaths, peerPathsOf, receivedOf } from "./tally.ts";
import { type FarNextHop, isFar, type RouteView, viewRoute } from "./view.ts";

export interface RibConfiguration extends ChooseOptions, Omit<NextHopContext, "bgpNextHops"> {
  /** Ours, which is also our cluster's (RFC 4456). */
  readonly routerId: number;
  importPolicy(peer: RoutePeer): ImportPolicy;
}

export interface RibChange {
  /** For the FIB. */
  readonly routes: readonly RouteChange[];
  /** Whose route may be another one now, next hops or not: for whoever announces them. */
  readonly touched: readonly Prefix[];
}

export interface Rib {
  /** Replaces the configuration as a whole; the first call is the start. */
  configure(configuration: RibConfiguration): RibChange;
  applyUpdate(update: RouteUpdate): RibChange;
  /** Whether prefixes are left that have to be looked at again. Then `goOn` is wanted, between other things. */
  isBehind(): boolean;
  /** Looks at the next of them. */
  goOn(): RibChange;
  /** All routes in force, for a FIB that knows nothing yet. */
  installed(): RouteChange[];
  route(prefix: Prefix): Route | undefined;
  /** Every prefix that has a route, and perhaps some that have none, in pieces between which routes may come and go. */
  prefixes(): Iterable<readonly Prefix[]>;
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

/** Routes over next hops behind routes over next hops: each round settles one more step of what hangs together. */
const MAXIMUM_ROUNDS = 16;
/** Of the table of prefixes, in one step: some milliseconds, with a FIB and with peers to be told. */
const PLACES_AT_ONCE = 4096;
/** In one piece of all prefixes: a millisecond of work for whoever asks. */
const PLACES_IN_PIECE = 256;
/** Next hops remembered beyond those in use. */
const SPARE_NEXT_HOPS = 4096;
/** More than are looked at again for a single update: a peer could have it done for every one of its words. */
const MANY_NEXT_HOPS = 256;

/** Prefixes that go from the same set to the same other one: mostly all of an UPDATE do, and they go together. */
interface Run {
  /** The word that makes them go. */
  readonly path?: Path | undefined;
  readonly pathId?: number | undefined;
  readonly from: number;
  /** Undefined: there is no run. */
  readonly to?: number;
  readonly prefixes: Prefix[];
}

const NO_RUN: Run = { from: 0, prefixes: [] };

/** A walk from the first prefix to the last. */
interface Round {
  readonly walk: PrefixWalk;
  readonly looksFor: Search;
}

/**
 * Paths that are gone, routes that would be decided otherwise too, or paths that the import policies may judge otherwise as well.
 */
type Search = "gone" | "outdated" | "misjudged";

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
  const sets = createPathSets({ decide: (paths) => choice.choose(paths), isSame: sameRoute });
  const tallies = createTallies();
  const losses = createLosses(tallies);
  /** By peer, the epoch below which its routes of a family are stale. */
  const epochs = new Map<Address, Partial<Record<AddressFamily, number>>>();
  let configuration = NOBODY;
  const bgpNextHops = (prefix: Prefix): readonly Address[] | undefined => {
    const route = sets.at(numbers.get(prefix))?.route;
    return route?.action ? [] : route?.sharing?.map(({ attributes }) => attributes.nextHop);
  };
  let resolver = createResolver({ ...NOBODY, bgpNextHops });
  let choice = createChoice(NOBODY, resolver.resolve);
  let overrides = createOverrides(NOBODY, resolver.resolve);

  /** The round under way, and what is wanted of the next one. */
  let round: Round | undefined;
  let wanted: Search | undefined;
  /** A route has changed that next hops may lie behind; and how often more that may be the consequence of its own consequences. */
  let mustResolve = false;
  let resolutionsLeft = 0;

  // What one call gathers.
  let routes: OpenChange[] = [];
  let touched: Prefix[] = [];
  let run = NO_RUN;
  let spareNextHops = SPARE_NEXT_HOPS;

  const inForce = (prefix: Prefix): Route => overrides.at(prefix) ?? sets.at(numbers.get(prefix))?.route ?? NO_ROUTE;

  /** These prefixes, each named once, have another route. The list is taken over. */
  function note(prefixes: Prefix[], before: Route, after: Route): void {
    if (before === after || prefixes.length === 0) return;
    for (const prefix of prefixes) {
      touched.push(prefix);
      mustResolve ||= resolver.concerns(prefix);
    }
    if (forwardsTheSame(before, after)) return;
    const last = routes.at(-1);
    const change = changeOf(prefixes, after, before.protocol);
    if (last && goesTheSameWay(last, change)) for (const prefix of prefixes) last.prefixes.push(prefix);
    else routes.push(change);
  }

  /** What BGP says of them now, which counts where nothing is above it. */
  function noteBgp(prefixes: Prefix[], before: Route, after: Route): void {
    for (const prefix of prefixes) {
      if (!overrides.covers(prefix)) continue;
      const uncovered = prefixes.filter((one) => !overrides.covers(one));
      return note(uncovered, before, after);
    }
    note(prefixes, before, after);
  }

  const inUse = (): Set<Address> =>
    new Set([...overrides.nextHops(), ...Array.from(sets.nextHopUses(), ({ nextHop }) => nextHop)]);

  /** Of next hops that nobody names any more, the answers need not be kept. */
  function forgetNextHops(): void {
    if (resolver.size <= spareNextHops) return;
    const used = inUse();
    spareNextHops = 2 * used.size + SPARE_NEXT_HOPS;
    resolver.retain(used);
    mustResolve = true;
  }

  const mayResolve = (): boolean => mustResolve && resolutionsLeft > 0;

  const isBehind = (): boolean => round !== undefined || wanted !== undefined || losses.areLeft() || mayResolve();

  /** Next hops lie elsewhere when routes that they lie behind have changed, and so on. */
  function nextRound(): Round | undefined {
    if (mayResolve()) {
      mustResolve = false;
      resolutionsLeft--;
      const moved = resolver.refresh();
      if (moved.size > 0) {
        override(overrides.over(moved), () => overrides.follow(moved));
        sets.outdate(moved);
        wanted ??= "outdated";
      }
    }
    // What is still not settled then has two truths.
    if (resolutionsLeft === 0) mustResolve = false;
    const looksFor = wanted ?? (losses.areLeft() ? "gone" : undefined);
    wanted = undefined;
    return looksFor && { walk: numbers.walk(), looksFor };
  }

  /** One step of what is left to do; all of it, if the table is small. */
  function step(): void {
    for (let places = placesAtOnce; places > 0; ) {
      round ??= nextRound();
      if (!round) return;
      places = sweep(round, places);
      if (places > 0 || (round.looksFor === "gone" && !losses.areLeft())) round = undefined;
    }
  }

  /** Prefixes that are not where they belong go there. */
  function sweep({ walk, looksFor }: Round, places: number): number {
    const judges = looksFor === "misjudged";
    const found = new Map<number, Prefix[]>();
    const isWanted = (number: number): boolean => {
      const set = sets.at(number);
      return set !== undefined && (judges || !sets.isDecided(set) || set.paths.some((path) => losses.isGone(path, set.family)));
    };
    const gather = (prefix: Prefix, number: number): void => {
      const together = found.get(number);
      if (together) together.push(prefix);
      else found.set(number, [prefix]);
    };
    const left = walk(places, gather, isWanted);
    for (const [number, prefixes] of found) {
      const set = sets.at(number);
      if (!set) continue;
      const paths = losses.remaining(set.paths, set.family);
      if (!judges) shift(number, sets.of(paths)?.number ?? 0, prefixes);
      else for (const prefix of prefixes) shift(number, sets.of(judgeAgain(paths, prefix, set.family))?.number ?? 0, [prefix]);
    }
    return left;
  }

  function judgeAgain(paths: readonly Path[], prefix: Prefix, family: AddressFamily): readonly Path[] {
    return paths.map((path) => {
      const { peer, attributes } = path;
      const policy = configuration.importPolicy(peer);
      const refused = refusePath(peer, attributes, policy, configuration.routerId) ?? refusePrefix(peer, prefix, policy);
      const blackhole = isBlackhole(attributes, policy);
      if (refused === path.refused && blackhole === path.isBlackhole) return path;
      return sets.path({ ...path, refused, isBlackhole: blackhole }, family);
    });
  }

  function taken(): RibChange {
    const change = { routes, touched };
    routes = [];
    touched = [];
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
      run = { path, pathId: prefix.pathId, from, to: sets.of(paths)?.number ?? 0, prefixes: [] };
    }
    if (run.to === from || run.to === undefined) return;
    numbers.set(prefix, run.to);
    run.prefixes.push(withoutPathId(prefix));
  }

  function endRun(): void {
    const { from, to = 0, prefixes } = run;
    run = NO_RUN;
    follow(from, to, prefixes);
  }

  function shift(from: number, to: number, prefixes: Prefix[]): void {
    if (from === to) return;
    for (const prefix of prefixes) numbers.set(prefix, to);
    follow(from, to, prefixes);
  }

  /** These prefixes went from one set to another. The list is taken over. */
  function follow(fromNumber: number, toNumber: number, prefixes: Prefix[]): void {
    if (prefixes.length === 0) return;
    const [from, to] = [sets.at(fromNumber), sets.at(toNumber)];
    const [before, after] = [from?.route ?? NO_ROUTE, to?.route ?? NO_ROUTE];
    count(to, prefixes.length);
    count(from, -prefixes.length);
    if (!sameRoute(before, after)) noteBgp(prefixes, before, after);
    sets.move(from, to, prefixes.length);
  }

  /** So many prefixes have this set or, below zero, have it no longer. */
  function count(set: PathSet<Route> | undefined, prefixes: number): void {
    if (!set) return;
    for (const path of set.paths) {
      if (losses.isGone(path, set.family)) losses.settle(-prefixes);
      else tallies.add(path, set.family, prefixes);
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

  /** What is above BGP becomes another thing, at these prefixes at most. */
  function override(prefixes: readonly Prefix[], change: () => void): void {
    const before = prefixes.map(inForce);
    change();
    prefixes.forEach((prefix, i) => {
      note([prefix], before[i], inForce(prefix));
    });
  }

  const isStale = ({ peer }: Path, family: AddressFamily): boolean => epochOf(peer) < (epochs.get(peer.address)?.[family] ?? 0);

  function view(prefix: Prefix): RouteView {
    const paths = remainingAt(numbers.get(prefix));
    const route = { ...inForce(prefix), far: farNextHops(prefix) };
    return viewRoute(prefix, route, paths, choice.explain(paths), (path) => isStale(path, addressFamily(prefix.address)));
  }

  const isKnown = (prefix: Prefix): boolean => numbers.get(prefix) !== 0 || overrides.has(prefix);

  /** Of the static route, in force or not, and of the one in force: what is no gateway itself. */
  function farNextHops(prefix: Prefix): FarNextHop[] {
    const ofPaths = inForce(prefix).sharing?.map(({ attributes }) => attributes.nextHop) ?? [];
    const all = new Set([...overrides.nextHopsAt(prefix), ...ofPaths]);
    return Array.from(all, (address) => ({ address, resolution: resolver.resolve(address) })).filter(isFar);
  }

  function known(): Prefix[] {
    const prefixes = overrides.prefixes().filter((prefix) => numbers.get(prefix) === 0);
    numbers.forEach((prefix) => void prefixes.push(prefix));
    return prefixes;
  }

  return {
    configure(news) {
      configuration = news;
      resolver = createResolver({ ...news, bgpNextHops });
      choice = createChoice(news, resolver.resolve);
      const next = createOverrides(news, resolver.resolve);
      override(unique([...overrides.prefixes(), ...next.prefixes()]), () => {
        overrides = next;
      });
      sets.outdate();
      wanted = "misjudged";
      resolutionsLeft = MAXIMUM_ROUNDS;
      step();
      return taken();
    },

    applyUpdate(update) {
      const isAlone = !isBehind();
      resolutionsLeft = MAXIMUM_ROUNDS;
      if (update.kind === "stale") {
        const { address, epoch } = update.peer;
        epochs.set(address, { ...epochs.get(address), [update.family]: epoch });
      } else if (update.kind === "lost") {
        losses.add(update);
        if (!update.family) epochs.delete(update.peer.address);
      } else {
        while (losses.wouldTake(update.peer)) step();
        withdraw(update.peer, update.withdrawn, update.announced);
        if (update.attributes) announce(update.peer, update.announced, update.attributes);
        endRun();
      }
      forgetNextHops();
      // What is left already has its steps, however many updates come between them; and where next hops are many, one look at
      // all of them has to do for many updates.
      if (isAlone && !(mayResolve() && resolver.size > MANY_NEXT_HOPS)) step();
      return taken();
    },

    isBehind,

    goOn() {
      step();
      return taken();
    },

    installed: () =>
      known()
        .map((prefix) => [prefix, inForce(prefix)] as const)
        .filter(([, route]) => route.nextHops.length > 0 || route.action)
        .map(([prefix, route]) => changeOf([prefix], route, undefined)),

    route(prefix) {
      const route = inForce(prefix);
      return route.protocol === undefined ? undefined : route;
    },

    *prefixes() {
      yield overrides.prefixes();
      const walk = numbers.walk();
      for (let isLast = false; !isLast; ) {
        const piece: Prefix[] = [];
        isLast =
          walk(
            PLACES_IN_PIECE,
            (prefix) => void piece.push(prefix),
            () => true,
          ) > 0;
        yield piece;
      }
    },

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
      for (const prefix of overrides.prefixes()) note(overrides.at(prefix)?.nextHops ?? [], others);
      for (const address of others) own.delete(address);
      return own;
    },

    routes(prefix) {
      if (!prefix) return known().sort(comparePrefixes).map(view);
      return isKnown(prefix) ? [view(prefix)] : [];
    },
  };
}

const unique = (prefixes: readonly Prefix[]): Prefix[] => [...new Map(prefixes.map((one) => [prefixKey(one), one])).values()];

const withoutPathId = (nlri: Nlri): Prefix => (nlri.pathId === undefined ? nlri : { address: nlri.address, length: nlri.length });

function changeOf(
  prefixes: Prefix[],
  { protocol: after, nextHops, action }: Route,
  before: RouteProtocol | undefined,
): OpenChange {
  const protocol = (nextHops.length > 0 || action ? after : before) ?? "bgp";
  return action ? { prefixes, protocol, nextHops, action } : { prefixes, protocol, nextHops };
}

const goesTheSameWay = (a: RouteChange, b: RouteChange): boolean =>
  a.nextHops === b.nextHops && a.protocol === b.protocol && a.action === b.action;

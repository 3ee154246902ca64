/**
 * The RIB: what peers announce and what the configuration says come in, and out goes what the FIB has to change. The router
 * calls it with one update at a time and hands on what it returns; `show bgp routes` reads it.
 *
 *   RouteUpdate -> adj-in (by peer) -> entry (by prefix: all its paths) -> next-hop -> decide -> RouteChange, if it differs
 *
 * Of each prefix the paths and the route in force are kept; why a path lost is asked again when somebody wants to know,
 * which the decision process, being a function, answers the same. Losing a peer costs one walk over what it announced.
 */
import type { Nlri, PathAttributes } from "../bgp/path.ts";
import { type Address, type AddressFamily, addressFamily, compareAddresses } from "../net/address.ts";
import { comparePrefixes, makePrefix, type Prefix, prefixKey } from "../net/prefix.ts";
import { createAdjIn, type HeldRoute, type Path, type PrefixKey } from "./adj-in.ts";
import { type Decision, decide, type LostPath, type MultipathOptions } from "./decide.ts";
import { createResolver, type IneligibleReason, type NextHopContext, type Resolution, type StaticRoute } from "./next-hop.ts";
import { epochOf, type RouteChange, type RouteNextHop, type RoutePeer, type RouteProtocol, type RouteUpdate } from "./route.ts";

/** The lower is preferred; within BGP the decision process has the word, not the distance. */
export const ADMINISTRATIVE_DISTANCE = { connected: 0, static: 1, external: 20, internal: 200 } as const;

export interface RibConfiguration extends MultipathOptions, NextHopContext {
  /** Believed as written: the next hops are gateways, resolved or not. */
  readonly staticRoutes: readonly StaticRoute[];
}

/** One prefix as `show bgp routes` and `show routes` print it. */
export interface RouteView {
  readonly prefix: Prefix;
  /** Of the route in force; undefined when no path is usable. */
  readonly protocol: RouteProtocol | undefined;
  readonly distance: number | undefined;
  readonly nextHops: readonly RouteNextHop[];
  /** Best first, then those that came nearest to it. */
  readonly paths: readonly PathView[];
}

export type PathView = Path & { readonly stale?: true } & (
    | { readonly status: "best" | "multipath" }
    | { readonly status: "lost"; readonly reason: LostPath["reason"] }
    | { readonly status: "ineligible"; readonly reason: IneligibleReason }
  );

export interface Rib {
  /** Replaces the configuration as a whole; the first call is the start. */
  configure(configuration: RibConfiguration): RouteChange[];
  applyUpdate(update: RouteUpdate): RouteChange[];
  /** All routes in force, for a FIB that knows nothing yet. */
  installed(): RouteChange[];
  /** By prefix, or the one asked for. */
  routes(prefix?: Prefix): RouteView[];
}

interface Entry {
  readonly prefix: Prefix;
  readonly paths: Path[];
  /** What the FIB was told last. */
  route: Route;
}

interface Route {
  readonly protocol: RouteProtocol | undefined;
  readonly nextHops: readonly RouteNextHop[];
}

const NO_ROUTE: Route = { protocol: undefined, nextHops: [] };
/** The FIB attaches subnets to ports itself, so a connected route only keeps others from its prefix. */
const CONNECTED: Route = { protocol: "connected", nextHops: [] };

/** A RIB that knows nothing and, until it is configured, believes nobody. */
export function createRib(): Rib {
  const adjIn = createAdjIn();
  const entries = new Map<PrefixKey, Entry>();
  let multipath: MultipathOptions = { maximumPaths: 1, multipathRelax: false };
  let resolve = createResolver({ localAsn: 0, interfaces: [], staticRoutes: [] });
  let staticRoutes = new Map<PrefixKey, StaticRoute>();
  let connected = new Set<PrefixKey>();
  /** By peer, the epoch below which its routes of a family are stale. */
  const epochs = new Map<Address, Partial<Record<AddressFamily, number>>>();

  const isStale = ({ prefix }: Entry, { peer }: Path): boolean =>
    epochOf(peer) < (epochs.get(peer.address)?.[addressFamily(prefix.address)] ?? 0);

  const entryOf = ({ address, length }: Prefix): Entry => {
    const prefix = { address, length };
    const key = prefixKey(prefix);
    const entry = entries.get(key) ?? { prefix, paths: [], route: NO_ROUTE };
    entries.set(key, entry);
    return entry;
  };

  const judge = (paths: readonly Path[]): { decision: Decision | undefined; resolutions: Map<Path, Resolution> } => {
    const resolutions = new Map(paths.map((path) => [path, resolve(path)]));
    const eligible = paths.filter((path) => resolutions.get(path)?.eligible);
    return { decision: decide(eligible, multipath), resolutions };
  };

  const chooseAmong = (paths: readonly Path[]): Route => {
    const { decision, resolutions } = judge(paths);
    if (!decision) return NO_ROUTE;
    const gateways = decision.multipath.flatMap((path) => {
      const resolution = resolutions.get(path);
      return resolution?.eligible ? resolution.gateways : [];
    });
    return { protocol: "bgp", nextHops: inMemberOrder(gateways) };
  };

  /** Decides anew for what was touched, and says what the FIB does not know yet. */
  const settle = (touched: Iterable<Entry>): RouteChange[] => {
    const changes: RouteChange[] = [];
    // Prefixes that came in one UPDATE have the same paths, so what was decided for one mostly holds for the next.
    let decided: { readonly paths: readonly Path[]; readonly route: Route } = { paths: [], route: NO_ROUTE };
    const choose = (key: PrefixKey, paths: readonly Path[]): Route => {
      if (connected.has(key)) return CONNECTED;
      const configured = staticRoutes.get(key);
      if (configured) return { protocol: "static", nextHops: inMemberOrder(configured.nextHops) };
      if (!sameElements(decided.paths, paths)) decided = { paths: [...paths], route: chooseAmong(paths) };
      return decided.route;
    };
    for (const entry of touched) {
      const key = prefixKey(entry.prefix);
      const before = entry.route;
      entry.route = choose(key, entry.paths);
      if (!sameNextHops(before.nextHops, entry.route.nextHops)) {
        const protocol = entry.route.nextHops.length > 0 ? entry.route.protocol : before.protocol;
        changes.push({ prefix: entry.prefix, protocol: protocol ?? "bgp", nextHops: entry.route.nextHops });
      }
      if (entry.route === NO_ROUTE && entry.paths.length === 0) entries.delete(key);
    }
    return changes;
  };

  const removePath = (entry: Entry, path: Path): void => void entry.paths.splice(entry.paths.indexOf(path), 1);

  const view = (entry: Entry): RouteView => {
    const { decision, resolutions } = judge(entry.paths);
    const { protocol, nextHops } = entry.route;
    return {
      prefix: entry.prefix,
      protocol,
      distance: distanceOf(protocol, decision?.best),
      nextHops,
      paths: [...viewDecision(decision), ...viewIneligible(resolutions)].map((path) =>
        isStale(entry, path) ? { ...path, stale: true } : path,
      ),
    };
  };

  return {
    configure({ maximumPaths, multipathRelax, ...context }) {
      const { interfaces, staticRoutes: routes } = context;
      multipath = { maximumPaths, multipathRelax };
      resolve = createResolver(context);
      staticRoutes = new Map(routes.map((route) => [prefixKey(route.prefix), route]));
      const subnets = interfaces.map(({ address, length }) => makePrefix(address, length));
      connected = new Set(subnets.map(prefixKey));
      for (const prefix of [...subnets, ...routes.map((route) => route.prefix)]) entryOf(prefix);
      return settle([...entries.values()]);
    },

    applyUpdate(update) {
      const touched = new Set<Entry>();
      if (update.kind === "stale") {
        const { address, epoch } = update.peer;
        epochs.set(address, { ...epochs.get(address), [update.family]: epoch });
        return [];
      }
      if (update.kind === "lost") {
        for (const { prefix, path } of adjIn.deletePeer(update.peer, meantBy(update))) {
          const entry = entryOf(prefix);
          removePath(entry, path);
          touched.add(entry);
        }
        if (!update.family) epochs.delete(update.peer.address);
        return settle(touched);
      }
      const { peer, withdrawn, announced, attributes } = update;
      for (const prefix of withdrawn) {
        const path = adjIn.delete(peer, prefix);
        if (!path) continue;
        const entry = entryOf(prefix);
        removePath(entry, path);
        touched.add(entry);
      }
      if (attributes) {
        const pathOf = pathsOf(peer, attributes);
        for (const prefix of announced) {
          const path = pathOf(prefix);
          const before = adjIn.set(prefix, path);
          const entry = entryOf(prefix);
          if (before) removePath(entry, before);
          entry.paths.push(path);
          touched.add(entry);
        }
      }
      return settle(touched);
    },

    installed: () =>
      [...entries.values()]
        .filter(({ route }) => route.nextHops.length > 0)
        .map(({ prefix, route }) => ({ prefix, protocol: route.protocol ?? "bgp", nextHops: route.nextHops })),

    routes(prefix) {
      if (!prefix) return [...entries.values()].map(view).sort((a, b) => comparePrefixes(a.prefix, b.prefix));
      const entry = entries.get(prefixKey(prefix));
      return entry ? [view(entry)] : [];
    },
  };
}

/** Prefixes that came together share a path; of several paths to one prefix each has its own. */
function pathsOf(peer: RoutePeer, attributes: PathAttributes): (nlri: Nlri) => Path {
  const paths = new Map<number | undefined, Path>();
  return ({ pathId }) => {
    const path = paths.get(pathId) ?? { peer, attributes, ...(pathId === undefined ? {} : { pathId }) };
    paths.set(pathId, path);
    return path;
  };
}

/** Which routes of its peer a loss takes away; undefined: all. */
function meantBy({ peer, family, staleOnly }: Extract<RouteUpdate, { kind: "lost" }>) {
  if (!family && !staleOnly) return undefined;
  return ({ prefix, path }: HeldRoute): boolean =>
    (!family || addressFamily(prefix.address) === family) && (!staleOnly || epochOf(path.peer) < epochOf(peer));
}

function distanceOf(protocol: RouteProtocol | undefined, best: Path | undefined): number | undefined {
  if (protocol === "bgp") return best && ADMINISTRATIVE_DISTANCE[best.peer.type];
  return protocol && ADMINISTRATIVE_DISTANCE[protocol];
}

function viewDecision(decision: Decision | undefined): PathView[] {
  if (!decision) return [];
  const chosen = decision.multipath.map((path) => ({ ...path, status: path === decision.best ? "best" : "multipath" }) as const);
  return [...chosen, ...decision.lost.map(({ path, reason }) => ({ ...path, status: "lost", reason }) as const)];
}

function viewIneligible(resolutions: Map<Path, Resolution>): PathView[] {
  const views: PathView[] = [];
  for (const [path, resolution] of resolutions) {
    if (!resolution.eligible) views.push({ ...path, status: "ineligible", reason: resolution.reason });
  }
  return views.sort((a, b) => compareAddresses(a.peer.address, b.peer.address));
}

/** By address, each once: two paths over one gateway are one way to go. */
function inMemberOrder(nextHops: readonly RouteNextHop[]): RouteNextHop[] {
  const sorted = [...nextHops].sort((a, b) => compareAddresses(a.address, b.address));
  return sorted.filter(({ address }, i) => i === 0 || address !== sorted[i - 1].address);
}

function sameNextHops(a: readonly RouteNextHop[], b: readonly RouteNextHop[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every(({ address, weight }, i) => address === b[i].address && weight === b[i].weight);
}

const sameElements = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

/**
 * A prefix as `show bgp routes` and `show routes` print it: the route in force and every path to it, each with its status and
 * the rule or the reason that decided against it. Values only; `table.ts` asks for them when somebody wants to know.
 */
import { type Address, compareAddresses } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { comparePathIds, type Decision, type LostPath } from "./decide.ts";
import type { Resolution, UnresolvedReason } from "./next-hop.ts";
import type { Path } from "./path.ts";
import type { RefusalReason } from "./policy.ts";
import type { RouteAction, RouteNextHop, RouteProtocol } from "./route.ts";

/** The lower is preferred; within BGP the decision process has the word, not the distance. */
export const ADMINISTRATIVE_DISTANCE = { connected: 0, static: 1, external: 20, internal: 200 } as const;

export interface RouteView {
  readonly prefix: Prefix;
  /** Of the route in force; undefined when no path is usable. */
  readonly protocol: RouteProtocol | undefined;
  readonly distance: number | undefined;
  readonly nextHops: readonly RouteNextHop[];
  readonly action?: RouteAction | undefined;
  /** Next hops of the configuration, or of the paths that share, that are not among `nextHops`: behind which route they lie. */
  readonly far: readonly FarNextHop[];
  /** Best first, then those that came nearest to it. */
  readonly paths: readonly PathView[];
}

/** A next hop that lies behind a route, or nowhere. */
export interface FarNextHop {
  readonly address: Address;
  readonly resolution: Resolution;
}

export const isFar = ({ resolution }: FarNextHop): boolean => !resolution.eligible || resolution.through !== undefined;

export type PathView = Path & { readonly stale?: true } & (
    | { readonly status: "best" | "multipath" }
    | { readonly status: "lost"; readonly reason: LostPath["reason"] }
    | { readonly status: "ineligible"; readonly reason: UnresolvedReason }
    | { readonly status: "refused"; readonly reason: RefusalReason }
  );

/** What was found of the paths to one prefix: where those that are not refused lie, and which of these is best. */
export interface Judgement {
  readonly decision: Decision | undefined;
  readonly resolutions: ReadonlyMap<Path, Resolution>;
}

export function viewRoute(
  prefix: Prefix,
  { protocol, nextHops, action, far }: Pick<RouteView, "protocol" | "nextHops" | "action" | "far">,
  paths: readonly Path[],
  { decision, resolutions }: Judgement,
  isStale: (path: Path) => boolean,
): RouteView {
  const views = [...viewDecision(decision), ...viewIneligible(resolutions), ...viewRefused(paths)];
  return {
    prefix,
    protocol,
    distance: distanceOf(protocol, decision?.best),
    nextHops,
    action,
    far,
    paths: views.map((path) => (isStale(path) ? { ...path, stale: true } : path)),
  };
}

function distanceOf(protocol: RouteProtocol | undefined, best: Path | undefined): number | undefined {
  if (protocol === "bgp") return best && ADMINISTRATIVE_DISTANCE[best.peer.type];
  return protocol && ADMINISTRATIVE_DISTANCE[protocol];
}

/** What a path says, without what it is kept by. */
const said = ({ peer, attributes, pathId, refused, isBlackhole = false }: Path): Path => ({
  peer,
  attributes,
  pathId,
  refused,
  isBlackhole,
});

function viewDecision(decision: Decision | undefined): PathView[] {
  if (!decision) return [];
  const chosen = decision.multipath.map(
    (path) => ({ ...said(path), status: path === decision.best ? "best" : "multipath" }) as const,
  );
  return [...chosen, ...decision.lost.map(({ path, reason }) => ({ ...said(path), status: "lost", reason }) as const)];
}

function viewIneligible(resolutions: ReadonlyMap<Path, Resolution>): PathView[] {
  const views: PathView[] = [];
  for (const [path, resolution] of resolutions) {
    if (!resolution.eligible) views.push({ ...said(path), status: "ineligible", reason: resolution.reason });
  }
  return views.sort(byPeer);
}

const viewRefused = (paths: readonly Path[]): PathView[] =>
  paths
    .flatMap((path) => (path.refused ? [{ ...said(path), status: "refused", reason: path.refused } as const] : []))
    .sort(byPeer);

const byPeer = (a: Path, b: Path): number => compareAddresses(a.peer.address, b.peer.address) || comparePathIds(a, b);

/**
 * From the paths to a prefix to the route in force: which of them take part, which of those share the traffic and how much each
 * of them gets, and over which gateways that goes. One for each configuration; `table.ts` asks it once a set of paths.
 */
import type { Address } from "../net/address.ts";
import { decide, type MultipathOptions } from "./decide.ts";
import { createMemberLists, sameNextHops } from "./member-list.ts";
import { limitWeights, type Resolution } from "./next-hop.ts";
import type { Path } from "./path.ts";
import { byAddress, type RouteAction, type RouteNextHop, type RouteProtocol } from "./route.ts";
import type { Judgement } from "./view.ts";
import { type LinkBandwidthRule, weighPaths } from "./weight.ts";

/** The route in force to a prefix. */
export interface Route {
  readonly protocol: RouteProtocol | undefined;
  readonly nextHops: readonly RouteNextHop[];
  readonly action?: RouteAction | undefined;
  /** Of BGP. */
  readonly best?: Path;
  /** The paths that share the traffic, the best one first: their next hops lie behind the gateways. */
  readonly sharing?: readonly Path[];
}

export interface ChooseOptions extends MultipathOptions {
  readonly linkBandwidth: LinkBandwidthRule;
}

export const NO_ROUTE: Route = { protocol: undefined, nextHops: [] };

const actionOf = ({ isBlackhole }: Path): RouteAction | undefined => (isBlackhole ? "blackhole" : undefined);

export type Choice = ReturnType<typeof createChoice>;

export function createChoice(options: ChooseOptions, resolve: (nextHop: Address) => Resolution) {
  const memberLists = createMemberLists();

  /** What is thrown away needs no way to go. */
  const resolutionOf = ({ isBlackhole, attributes }: Path): Resolution =>
    isBlackhole ? { eligible: true, gateways: [] } : resolve(attributes.nextHop);

  const isEligible = (path: Path): boolean => path.refused === undefined && resolutionOf(path).eligible;

  const gatewaysOf = (path: Path): readonly RouteNextHop[] => {
    const resolution = resolutionOf(path);
    return resolution.eligible ? resolution.gateways : [];
  };

  /** As a full table mostly has them: nothing to decide, and the members are those of all that lies over the same gateways. */
  const onlyPath = (sharing: readonly Path[]): Route => {
    const [best] = sharing;
    const resolution = best.refused === undefined ? resolutionOf(best) : undefined;
    if (!resolution?.eligible) return NO_ROUTE;
    return { protocol: "bgp", nextHops: resolution.gateways, action: actionOf(best), best, sharing };
  };

  return {
    choose(paths: readonly Path[]): Route {
      if (paths.length === 1) return onlyPath(paths);
      const decision = decide(paths.filter(isEligible), options);
      if (!decision) return NO_ROUTE;
      const { best, multipath } = decision;
      if (best.isBlackhole) return { protocol: "bgp", nextHops: [], action: actionOf(best), best, sharing: [] };
      const weighed = weighPaths(multipath, options.linkBandwidth);
      const gateways: RouteNextHop[] = [];
      if (weighed) {
        for (const { path, weight } of weighed)
          for (const one of gatewaysOf(path)) gateways.push({ ...one, weight: one.weight * weight });
      } else for (const path of multipath) gateways.push(...gatewaysOf(path));
      const nextHops = memberLists.keep(limitWeights(byAddress(gateways, weighed !== undefined)));
      return { protocol: "bgp", nextHops, best, sharing: multipath };
    },

    /** The same, with what was found of every path. */
    explain(paths: readonly Path[]): Judgement {
      const allowed = paths.filter(({ refused }) => refused === undefined);
      const resolutions = new Map(allowed.map((path) => [path, resolutionOf(path)]));
      const eligible = allowed.filter((path) => resolutions.get(path)?.eligible);
      return { decision: decide(eligible, options), resolutions };
    },
  };
}

export const forwardsTheSame = (a: Route, b: Route): boolean => a.action === b.action && sameNextHops(a.nextHops, b.nextHops);

/** Nobody need be told: the FIB, whoever it is announced to, and what lies behind it. */
export const sameRoute = (a: Route, b: Route): boolean =>
  a === b || (a.best === b.best && forwardsTheSame(a, b) && sameNextHopsBehind(a.sharing ?? [], b.sharing ?? []));

const sameNextHopsBehind = (a: readonly Path[], b: readonly Path[]): boolean =>
  a === b || (a.length === b.length && a.every(({ attributes }, i) => attributes.nextHop === b[i].attributes.nextHop));

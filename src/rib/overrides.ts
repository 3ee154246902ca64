/**
 * Connected and static routes, which are preferred to whatever peers say of the same prefix. A static route is in force while one
 * of its next hops at least lies somewhere, and leads over the gateways of those that do; what it leads over follows the routes
 * that its next hops lie behind. `table.ts` has one for each configuration.
 */
import type { Address } from "../net/address.ts";
import { makePrefix, type Prefix, prefixKey } from "../net/prefix.ts";
import { createPrefixTable } from "../net/prefix-table.ts";
import { type Route, sameRoute } from "./choose.ts";
import { limitWeights, type NextHopContext, type Resolution, type StaticRoute, spread } from "./next-hop.ts";
import { eachOnce } from "./route.ts";

export interface Overrides {
  /** In force to exactly this prefix. */
  at(prefix: Prefix): Route | undefined;
  /** Whether there is one: quick, for prefixes by the million. */
  covers(prefix: Prefix): boolean;
  /** In force or not, as all that follows. */
  has(prefix: Prefix): boolean;
  prefixes(): readonly Prefix[];
  /** As they are configured. */
  nextHopsAt(prefix: Prefix): readonly Address[];
  nextHops(): readonly Address[];
  /** Those with one of these next hops. */
  over(nextHops: ReadonlySet<Address>): readonly Prefix[];
  /** These next hops lie elsewhere, or nowhere, or somewhere again. */
  follow(nextHops: ReadonlySet<Address>): void;
}

/** The FIB attaches subnets to ports itself, so a connected route only keeps others from its prefix. */
const CONNECTED: Route = { protocol: "connected", nextHops: [] };

interface Override {
  readonly prefix: Prefix;
  /** Undefined: it is connected. */
  readonly configured: StaticRoute | undefined;
  /** Undefined: its next hops lie nowhere. */
  route: Route | undefined;
}

export function createOverrides(
  { staticRoutes, interfaces }: Pick<NextHopContext, "staticRoutes" | "interfaces">,
  resolve: (nextHop: Address) => Resolution,
): Overrides {
  const known = new Map<number | string, Override>();
  const inForce = createPrefixTable();
  const add = (override: Override): void => {
    known.set(prefixKey(override.prefix), override);
    inForce.set(override.prefix, override.route ? 1 : 0);
  };
  for (const configured of staticRoutes) add({ prefix: configured.prefix, configured, route: routeOf(configured, resolve) });
  for (const { address, length } of interfaces)
    add({ prefix: makePrefix(address, length), configured: undefined, route: CONNECTED });

  const find = (prefix: Prefix): Override | undefined => known.get(prefixKey(prefix));

  function* over(nextHops: ReadonlySet<Address>): Generator<Override & { configured: StaticRoute }> {
    for (const override of known.values()) {
      const { configured } = override;
      if (configured?.nextHops.some(({ address }) => nextHops.has(address))) yield { ...override, configured };
    }
  }

  const nextHopsOf = (override: Override | undefined): Address[] =>
    override?.configured?.nextHops.map(({ address }) => address) ?? [];

  return {
    at: (prefix) => find(prefix)?.route,
    covers: (prefix) => inForce.get(prefix) !== 0,
    has: (prefix) => find(prefix) !== undefined,
    prefixes: () => Array.from(known.values(), ({ prefix }) => prefix),
    nextHopsAt: (prefix) => nextHopsOf(find(prefix)),
    nextHops: () => Array.from(known.values(), nextHopsOf).flat(),
    over: (nextHops) => Array.from(over(nextHops), ({ prefix }) => prefix),
    follow(nextHops) {
      for (const { prefix, configured, route } of over(nextHops)) {
        const now = routeOf(configured, resolve);
        if (!route || !now || !sameRoute(route, now)) add({ prefix, configured, route: now });
      }
    },
  };
}

function routeOf({ nextHops, action }: StaticRoute, resolve: (nextHop: Address) => Resolution): Route | undefined {
  if (action) return { protocol: "static", nextHops: [], action };
  // As they are written, which is an order that groups may have them in.
  const gateways = limitWeights(eachOnce(spread(nextHops, resolve), true));
  return gateways.length > 0 ? { protocol: "static", nextHops: gateways } : undefined;
}

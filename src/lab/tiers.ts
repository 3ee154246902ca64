/**
 * A flow's way through every router of a lab, from the one that its clients enter by to a node: the offline decision of each, one
 * after the other (`experiment/forecast.ts` has that of one). Made from the routers' saved states, before anything happens. Pure.
 */
import { type FlowPath, forecastPaths, type MemberChange } from "../experiment/forecast.ts";
import type { FibState } from "../fib/state.ts";
import { formatAddress } from "../net/address.ts";
import type { Flow } from "../net/flow.ts";
import { type Lab, nextHopsOf, routersOf } from "./lab.ts";

/** Each router's state, by the router's name. */
export type RouterStates = Readonly<Record<string, FibState>>;

/** Of a selector with timers each router is taken to see all flows, also those that another one of its tier gets. */
export function forecastTiers(
  lab: Lab,
  states: RouterStates,
  flows: readonly Flow[],
  changes: readonly MemberChange[],
): FlowPath[] {
  const routers = routersOf(lab);
  const pathsOf = new Map(routers.map(({ name }) => [name, forecastPaths(states[name], flows, changes)]));
  const routerAt = new Map(
    routers.flatMap(({ name, ports }) =>
      ports.flatMap((port) => nextHopsOf(port).map((address) => [formatAddress(address), name] as const)),
    ),
  );
  const endOf = (flow: number, phase: number): string | undefined => {
    let router: string | undefined = lab.router.name;
    // Who comes by more routers than there are goes in a circle.
    for (let tier = 0; tier < routers.length; tier++) {
      const nextHop: string | undefined = pathsOf.get(router)?.[flow].nextHops[phase];
      router = nextHop === undefined ? undefined : routerAt.get(nextHop);
      if (router === undefined) return nextHop;
    }
    return undefined;
  };
  const entered = pathsOf.get(lab.router.name) ?? [];
  return entered.map((path, flow) => ({ ...path, nextHops: path.nextHops.map((_, phase) => endOf(flow, phase)) }));
}

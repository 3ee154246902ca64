/**
 * The FIB that a configuration file alone makes, from its static routes: what `ecmp explain` and `ecmp replay` decide by
 * when no router is running.
 */
import type { Config } from "../config/schema.ts";
import { createFib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import type { FibState } from "../fib/state.ts";
import { compareAddresses } from "../net/address.ts";

export function stateOfConfig({ ecmp, routes }: Config): FibState {
  const { name, ...selectorOptions } = ecmp.selector;
  const fib = createFib({ buffers: createImage(), selector: name, selectorOptions, hash: ecmp.hash, workers: 0 });
  // Member order is by address, as the RIB has it.
  const inMemberOrder = (nextHops: Config["routes"][number]["nextHops"]) =>
    [...nextHops].sort((a, b) => compareAddresses(a.address, b.address));
  fib.apply(
    routes.map(({ prefix, nextHops }) => ({ prefixes: [prefix], protocol: "static", nextHops: inMemberOrder(nextHops) })),
  );
  return fib.state();
}

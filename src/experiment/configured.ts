/**
 * The FIB that a configuration file alone makes, from its static routes: what `ecmp explain` and `ecmp replay` decide by
 * when no router is running.
 */
import type { Config } from "../config/schema.ts";
import { createFib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import type { FibState } from "../fib/state.ts";

export function stateOfConfig({ ecmp, routes }: Config): FibState {
  const { name, ...selectorOptions } = ecmp.selector;
  const { hash, memberOrder } = ecmp;
  const fib = createFib({ buffers: createImage(), selector: name, selectorOptions, memberOrder, hash, workers: 0 });
  fib.apply(routes.map(({ prefix, nextHops }) => ({ prefixes: [prefix], protocol: "static", nextHops })));
  return fib.state();
}

/**
 * What a configuration file alone says of a router that is not running: the FIB of its static routes, by which `ecmp explain` and
 * `ecmp replay` decide, and the VLANs of its ports.
 */
import type { Config } from "../config/schema.ts";
import { type VlanStack, vlanStack } from "../dataplane/vlan.ts";
import { createFib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import type { FibState } from "../fib/state.ts";

export function stateOfConfig({ ecmp, routes }: Config): FibState {
  const { name, ...selectorOptions } = ecmp.selector;
  const { hash, memberOrder } = ecmp;
  const fib = createFib({ buffers: createImage(), selector: name, selectorOptions, memberOrder, hash, workers: 0 });
  fib.apply(routes.map(({ prefix, nextHops, action }) => ({ prefixes: [prefix], protocol: "static", nextHops, action })));
  return fib.state();
}

/** Of each port, in their order. */
export const vlansOfConfig = ({ ports }: Config): VlanStack[] => ports.map(({ vlan = [0, 0] }) => vlanStack(...vlan));

/**
 * What a configuration file alone says of a router that is not running: the FIB of its static routes, by which `ecmp explain` and
 * `ecmp replay` decide, and the VLANs of its ports.
 */
import type { Config } from "../config/schema.ts";
import { type VlanStack, vlanStack } from "../dataplane/vlan.ts";
import { createFib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import type { FibState } from "../fib/state.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { formatPrefix, type Prefix, prefixContains } from "../net/prefix.ts";

export function stateOfConfig({ ecmp, routes }: Config): FibState {
  const { name, ...selectorOptions } = ecmp.selector;
  const { hash, memberOrder } = ecmp;
  const fib = createFib({ buffers: createImage(), selector: name, selectorOptions, memberOrder, hash, workers: 0 });
  fib.apply(routes.map(({ prefix, nextHops, action }) => ({ prefixes: [prefix], protocol: "static", nextHops, action })));
  return fib.state();
}

/** More are not worth being read. */
const NAMED_NEXT_HOPS = 5;

/**
 * Next hops are gateways here, as they are written: a file does not know the ports' subnets, and so not whether a next hop that lies
 * in the prefix of another of its routes is resolved through that. Those are named.
 */
export function describeUnresolved({ routes }: Pick<Config, "routes">): string[] {
  const covering = (nextHop: Address, own: Prefix): Prefix | undefined =>
    routes.find(({ prefix }) => prefix.length > 0 && prefix !== own && prefixContains(prefix, nextHop))?.prefix;
  const found = new Map<Address, Prefix>();
  for (const { prefix, nextHops } of routes) {
    for (const { address } of nextHops) {
      const other = found.size > NAMED_NEXT_HOPS ? undefined : covering(address, prefix);
      if (other) found.set(address, other);
    }
  }
  const described = Array.from(
    found,
    ([address, prefix]) =>
      `next hop ${formatAddress(address)} lies in ${formatPrefix(prefix)}, but is taken for a gateway as written: only a running router (--live, or its --state) knows whether a subnet of its ports is nearer`,
  );
  return described.length > NAMED_NEXT_HOPS ? [...described.slice(0, NAMED_NEXT_HOPS), "and so do more next hops"] : described;
}

/** Of each port, in their order. */
export const vlansOfConfig = ({ ports }: Config): VlanStack[] => ports.map(({ vlan = [0, 0] }) => vlanStack(...vlan));

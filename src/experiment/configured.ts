/**
 * What a configuration file alone says of a router that is not running: the FIB of its static routes, by which `ecmp explain` and
 * `ecmp replay` decide, and the VLANs of its ports. Where the file has the addresses of all ports, next hops are looked for by the
 * RIB's own resolver, as if all ports were up; the kernel's addresses are not in it, and beside those next hops are taken for
 * gateways, as they are written.
 */
import type { Config } from "../config/schema.ts";
import { portName } from "../config/shared-interface.ts";
import { type VlanStack, vlanStack } from "../dataplane/vlan.ts";
import { type AttachedSubnet, createFib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import type { FibState } from "../fib/state.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { formatPrefix, makePrefix, type Prefix, prefixContains, prefixKey } from "../net/prefix.ts";
import { createResolver, type Resolution } from "../rib/next-hop.ts";
import { createOverrides } from "../rib/overrides.ts";

type PortConfig = Config["ports"][number];
type Routed = Pick<Config, "ports" | "routes" | "bgp">;

export function stateOfConfig(config: Pick<Config, "ecmp" | "ports" | "routes">): FibState {
  const { ecmp, ports, routes } = config;
  const { name, ...selectorOptions } = ecmp.selector;
  const { hash, memberOrder } = ecmp;
  const fib = createFib({ buffers: createImage(), selector: name, selectorOptions, memberOrder, hash, workers: 0 });
  for (const { address } of addressesOf(ports)) fib.own(address);
  for (const subnet of subnetsOf(ports)) fib.attach(subnet);
  const resolve = resolverOf(config) ?? asWritten;
  const overrides = createOverrides({ staticRoutes: routes, interfaces: addressesOf(ports) }, resolve);
  fib.apply(
    overrides.prefixes().flatMap((prefix) => {
      const route = overrides.at(prefix);
      if (route?.protocol !== "static") return [];
      return [{ prefixes: [prefix], protocol: route.protocol, nextHops: route.nextHops, action: route.action }];
    }),
  );
  return fib.state();
}

/** Those of the file; what the kernel has for a port is not among them. */
const addressesOf = (ports: readonly PortConfig[]): Prefix[] => ports.flatMap(({ addresses = [] }) => addresses);

const subnetsOf = (ports: readonly PortConfig[]): AttachedSubnet[] =>
  ports.flatMap(({ addresses = [] }, port) => {
    const prefixes = addresses.map(({ address, length }) => makePrefix(address, length));
    return [...new Map(prefixes.map((prefix) => [prefixKey(prefix), { prefix, port }])).values()];
  });

/** Nothing of it is the kernel's to say: neither its addresses, nor its name. */
const isInFile = ({ interface: name, kind, addresses }: PortConfig): boolean =>
  name !== undefined && (kind === "capture-file" || addresses !== undefined);

const asWritten = (address: Address): Resolution => ({ eligible: true, gateways: [{ address, weight: 1 }] });

/** Undefined: the file does not say enough. */
function resolverOf({ ports, routes }: Pick<Config, "ports" | "routes">): ((nextHop: Address) => Resolution) | undefined {
  if (ports.length === 0 || !ports.every(isInFile)) return undefined;
  return createResolver({
    interfaces: addressesOf(ports),
    links: ports.map(({ interface: name = "", vlan }) => portName(name, vlan)),
    staticRoutes: routes,
    bgpNextHops: () => undefined,
  }).resolve;
}

/** More are not worth being read. */
const NAMED_NEXT_HOPS = 5;

/** Next hops of which the file does not say where they lie, or says that they lie nowhere. */
export function describeUnresolved(config: Routed): string[] {
  const resolve = resolverOf(config);
  const described = resolve ? describeUnused(config, resolve) : describeCovered(config);
  const named = [...new Set(described)];
  return named.length > NAMED_NEXT_HOPS ? [...named.slice(0, NAMED_NEXT_HOPS), "and so with more next hops"] : named;
}

function describeUnused({ routes, bgp }: Routed, resolve: (nextHop: Address) => Resolution): string[] {
  const learned = bgp === undefined ? "" : "; whether a route of BGP leads there, only a running router knows";
  return routes.flatMap(({ nextHops }) =>
    nextHops.flatMap(({ address }) => {
      const found = resolve(address);
      return found.eligible ? [] : [`next hop ${formatAddress(address)} is not used: ${found.reason}${learned}`];
    }),
  );
}

/** Next hops that may lie behind another route of the file, where a subnet that it does not know may be nearer. */
function describeCovered({ routes, ports }: Routed): string[] {
  const subnets = subnetsOf(ports).map(({ prefix }) => prefix);
  const covering = (nextHop: Address, own: Prefix): Prefix | undefined => {
    const around = subnets.filter((subnet) => prefixContains(subnet, nextHop));
    const nearest = Math.max(0, ...around.map(({ length }) => length));
    return routes.find(({ prefix }) => prefix.length > nearest && prefix !== own && prefixContains(prefix, nextHop))?.prefix;
  };
  const found = new Map<Address, Prefix>();
  for (const { prefix, nextHops } of routes) {
    for (const { address } of nextHops) {
      const other = found.size > NAMED_NEXT_HOPS ? undefined : covering(address, prefix);
      if (other) found.set(address, other);
    }
  }
  return Array.from(
    found,
    ([address, prefix]) =>
      `next hop ${formatAddress(address)} lies in ${formatPrefix(prefix)}, but is taken for a gateway as written: only a running router (--live, or its --state) knows whether a subnet of its ports is nearer`,
  );
}

/** Of each port, in their order. */
export const vlansOfConfig = ({ ports }: Config): VlanStack[] => ports.map(({ vlan = [0, 0] }) => vlanStack(...vlan));

/**
 * Ports that come and go under a running router: an interface that is down or without a carrier, deleted, created again, with
 * another MAC, MTU or address. What that means for the rings, the FIB, the neighbors and the ingress rule is done here, in
 * the order in which nothing points to what is gone; the routes are the router's to look at again.
 */

import { type Address, formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { formatMac } from "../net/mac.ts";
import { formatPrefix } from "../net/prefix.ts";
import { type GuardedInterface, ownAddresses } from "../port/ingress-rule.ts";
import type { InterfaceInfo } from "../port/interface.ts";
import type { EventRecord } from "./events.ts";
import { interfacesOf, type PortFacts } from "./port-facts.ts";
import type { PortSubnet, Ports } from "./ports.ts";

const EVERY_MS = 200;

export type PortState = "up" | "down" | "gone";

export const stateOf = (info: InterfaceInfo): PortState => (info.index === 0 ? "gone" : info.up && info.running ? "up" : "down");

export interface PortWatchOptions {
  readonly clock: Clock;
  readonly events: EventRecord;
  readonly ports: Ports;
  /** Everything that may be behind a port now. */
  list(): InterfaceInfo[];
  readonly fib: {
    own(address: Address): void;
    disown(address: Address): void;
    attach(subnet: PortSubnet): void;
    detach(subnet: PortSubnet): void;
  };
  /** The slow path's way out of the port: another interface is behind it, or none. */
  reopen(port: number, isThere: boolean): void;
  /** All addresses that are ours now, and the broadcasts of our subnets. */
  onOwn(addresses: readonly Address[]): void;
  /** Nobody there is to be sent to as before. */
  forgetNeighbors(port: number): void;
  /** The ingress rule, for those of these interfaces that are there, and the addresses of now. */
  guard(interfaces: readonly GuardedInterface[]): void;
  /** All of it is done: to be published, and the routes to be looked at again. */
  onChange(): void;
}

export type PortWatch = ReturnType<typeof watchPorts>;

export function watchPorts(options: PortWatchOptions) {
  const { clock, events, ports, fib } = options;
  /** Those of the namespace, and what ports have beside them. */
  const ownOf = (all: readonly InterfaceInfo[]): Address[] => ownAddresses([...all, ...ports.facts]);
  let own = ownOf(options.list());
  let subnets = ports.subnets();
  const changes = ports.facts.map(() => 0);
  for (const address of own) fib.own(address);
  options.onOwn(own);
  for (const subnet of subnets) fib.attach(subnet);

  const follow = (port: number, seen: PortFacts | undefined): void => {
    const before = ports.facts[port];
    changes[port]++;
    const isAnother = ports.set(port, seen);
    const now = ports.facts[port];
    const { name, index, mac, mtu, addresses } = now;
    events.add("port", {
      interface: name,
      state: stateOf(now),
      ...(index === 0 ? {} : { index, mac: formatMac(mac), mtu, addresses: addresses.map(formatPrefix) }),
    });
    try {
      if (isAnother) options.reopen(port, index !== 0);
    } catch (error) {
      events.add("port-failed", { interface: name, problem: (error as Error).message });
    }
    const isLess = moveSubnets();
    // What is known of them has our MAC and the MTU in it.
    if (isLess || isAnother || before.mac !== mac || before.mtu !== mtu || stateOf(now) !== "up") options.forgetNeighbors(port);
  };

  /** What went goes first: an address may have moved from one port to another. True: something went. */
  const moveSubnets = (): boolean => {
    const wanted = ports.subnets();
    const key = ({ port, prefix }: PortSubnet): string => `${port} ${formatPrefix(prefix)}`;
    const [before, after] = [subnets, wanted].map((list) => new Set(list.map(key)));
    for (const subnet of subnets) if (!after.has(key(subnet))) fib.detach(subnet);
    for (const subnet of wanted) if (!before.has(key(subnet))) fib.attach(subnet);
    subnets = wanted;
    return [...before].some((one) => !after.has(one));
  };

  const moveOwn = (all: readonly InterfaceInfo[]): boolean => {
    const wanted = ownOf(all);
    const [before, after] = [new Set(own), new Set(wanted)];
    for (const address of own) if (!after.has(address)) fib.disown(address);
    for (const address of wanted) if (!before.has(address)) fib.own(address);
    own = wanted;
    options.onOwn(own);
    return before.size !== after.size || wanted.some((address) => !before.has(address));
  };

  const guard = (): void => {
    const interfaces = interfacesOf(ports.facts);
    try {
      options.guard(interfaces);
    } catch (error) {
      // Gone again: at the next look.
      events.add("port-failed", { interface: interfaces.map(({ name }) => name).join(" "), problem: (error as Error).message });
    }
  };

  /** Why the last look saw nothing, if it did not. */
  let blindness: string | undefined;

  /** Undefined: they cannot be listed now (no descriptor is left, say). Told once. */
  const list = (): InterfaceInfo[] | undefined => {
    try {
      const all = options.list();
      blindness = undefined;
      return all;
    } catch (error) {
      const { message } = error as Error;
      const names = ports.facts.map(({ name }) => name).join(" ");
      if (message !== blindness) events.add("port-failed", { interface: names, problem: message });
      blindness = message;
      return undefined;
    }
  };

  const look = (): void => {
    cancel = clock.setTimer(EVERY_MS, look);
    const all = list();
    if (!all) return;
    const byName = new Map(all.map((info) => [info.name, info]));
    const seen = ports.facts.map((facts, port) => {
      const info = byName.get(facts.interface);
      return info && ports.factsOf(port, info);
    });
    const changed = [...seen.keys()].filter((port) => !isSame(ports.facts[port], seen[port]));
    for (const port of changed) follow(port, seen[port]);
    const hasMoved = moveOwn(all);
    if (changed.length > 0 || hasMoved) {
      guard();
      options.onChange();
    }
  };
  let cancel = clock.setTimer(EVERY_MS, look);

  return {
    /** How often a port has changed since the start. */
    changes: (port: number): number => changes[port],
    stop: () => cancel(),
  };
}

/** Of what is gone there is only its name. */
const isSame = (before: InterfaceInfo, now: InterfaceInfo | undefined): boolean =>
  before.index === 0 || now === undefined ? before.index === (now?.index ?? 0) : describe(before) === describe(now);

const describe = ({ index, mac, mtu, up, running, addresses }: InterfaceInfo): string =>
  JSON.stringify([index, mac, mtu, up, running, addresses.map(({ address, length }) => `${formatAddress(address)}/${length}`)]);

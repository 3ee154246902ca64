/**
 * The ports of a running router as they are now: which interface is behind each, its MAC, its MTU, its addresses, and whether
 * it can be used. The workers are told through shared memory; everybody else asks here, each time.
 */
import type { Config } from "../config/schema.ts";
import type { Link } from "../dataplane/links.ts";
import { innerVlan, TAG_BYTES, vlanStack } from "../dataplane/vlan.ts";
import { isIpv4, isLinkLocal, wordsOf } from "../net/address.ts";
import { macHigh, macLow } from "../net/mac.ts";
import { makePrefix, maximumLength, type Prefix, prefixKey } from "../net/prefix.ts";
import type { InterfaceInfo } from "../port/interface.ts";
import { createSharedValue, setSharedValue } from "../port/shared-value.ts";
import { goneOf, type PortFacts, portFacts } from "./port-facts.ts";

export interface PortSubnet {
  readonly port: number;
  readonly prefix: Prefix;
}

export type Ports = ReturnType<typeof createPorts>;

/** `fanoutGroup`: a number that no port had before; absent: there is one worker, and nobody to share with. */
export function createPorts(start: readonly PortFacts[], configured: Config["ports"], fanoutGroup?: () => number) {
  /** What is gone keeps its name, and has nothing else. */
  const facts = [...start];
  /** Devices without a carrier at their start may be such that never tell of one. */
  const hadCarrier = facts.map(({ running }) => running);
  const identities = facts.map((info, i) => ({ ...identify(info), vlans: vlanStack(...(configured[i].vlan ?? [0, 0])) }));
  const fanoutGroups = facts.map(() => fanoutGroup?.());
  const links = createSharedValue();

  const isUsable = (port: number): boolean => facts[port].up && (facts[port].running || !hadCarrier[port]);

  const subnets = (): PortSubnet[] =>
    facts.flatMap(({ addresses }, port) => {
      if (!isUsable(port)) return [];
      // An address as long as its prefix has no subnet: nobody else is there.
      const routed = addresses.filter(({ address, length }) => !isLinkLocal(address) && length < maximumLength(address));
      const prefixes = new Map(
        routed.map(({ address, length }) => [prefixKey(makePrefix(address, length)), makePrefix(address, length)]),
      );
      return [...prefixes.values()].map((prefix) => ({ port, prefix }));
    });

  const publish = (): void => {
    const wanted: Link[] = identities.map(({ macHigh, macLow, linkLocals }, port) => ({
      index: facts[port].index,
      macHigh,
      macLow,
      linkLocals: [...linkLocals],
      fanoutGroup: fanoutGroups[port],
    }));
    setSharedValue(links, wanted);
  };
  publish();

  return {
    facts: facts as readonly PortFacts[],
    /** Brought up to date in place, as the forwarding core has them. */
    identities,
    links,
    subnets,

    /** Of an IP packet. A packet socket lets one 802.1Q tag go beyond the interface's MTU, and not two. */
    packetMtu: (port: number): number => facts[port].mtu - (innerVlan(identities[port].vlans) === 0 ? 0 : 2 * TAG_BYTES),

    /** Our addresses, with their subnets, on the ports that can be used. */
    interfaces: (): Prefix[] =>
      facts.flatMap(({ addresses }, port) => (isUsable(port) ? addresses.filter(({ address }) => !isLinkLocal(address)) : [])),

    /** The names of the ports that can be used. */
    usable: (): string[] => facts.filter((_, port) => isUsable(port)).map(({ name }) => name),

    /** What the interface is to the port. */
    factsOf: (port: number, info: InterfaceInfo): PortFacts => portFacts(info, configured, port),

    /** What is behind the port from now on; whether that is another interface, to be opened anew. */
    set(port: number, seen: PortFacts | undefined): boolean {
      const before = facts[port];
      const now = seen ?? goneOf(before);
      hadCarrier[port] ||= now.running;
      facts[port] = now;
      Object.assign(identities[port], identify(now));
      const isAnother = now.index !== before.index;
      if (isAnother) fanoutGroups[port] = fanoutGroup?.();
      publish();
      return isAnother;
    },
  };
}

/** What frames to the interface are known by. */
function identify({ mac, addresses }: InterfaceInfo) {
  return {
    macHigh: macHigh(mac),
    macLow: macLow(mac),
    linkLocals: Uint32Array.from(
      addresses.flatMap(({ address }) => (!isIpv4(address) && isLinkLocal(address) ? wordsOf(address) : [])),
    ),
  };
}

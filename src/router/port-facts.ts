/**
 * What is behind the ports of a configuration: which interfaces, what each port is called, and which addresses are its own. Behind
 * a port over files there is none, and what an interface would say is in the configuration. Asked before anything is touched.
 */
import type { Config } from "../config/schema.ts";
import { findClashes, portName } from "../config/shared-interface.ts";
import { type Address, formatAddress, isLinkLocal } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { MADE_UP_ROUTER_MAC, madeUpMac } from "../net/made-up-mac.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import type { GuardedInterface } from "../port/ingress-rule.ts";
import { findInterface, type InterfaceInfo, listInterfaces } from "../port/interface.ts";

type PortConfig = Config["ports"][number];

export const isOverFiles = ({ kind }: Pick<PortConfig, "kind">): boolean => kind === "capture-file";

/** The kernel numbers interfaces from 1; 0 is one that is gone. */
const NO_INTERFACE = -1;
/** The kernel knows of it, there or gone, and can be told to keep off. */
export const isKernels = ({ index }: Pick<InterfaceInfo, "index">): boolean => index !== NO_INTERFACE;

/** The longest packet that there is: what was captured may be what offloads made of several. */
const LARGEST_PACKET = 65_535;

function overFiles({
  interface: name = "",
  mac = MADE_UP_ROUTER_MAC,
  mtu = LARGEST_PACKET,
  addresses = [],
}: PortConfig): InterfaceInfo {
  return { name, index: NO_INTERFACE, mac, mtu, up: true, running: true, loopback: false, addresses };
}

/** Everything that may be behind a port now. A router over nothing but files has nothing to do with the kernel's interfaces. */
export function createLister({ ports }: Pick<Config, "ports">): () => InterfaceInfo[] {
  const files = ports.filter(isOverFiles).map(overFiles);
  return files.length === ports.length ? () => files : () => [...listInterfaces(), ...files];
}

/** Behind files nobody answers: who is configured has the MAC that is said, everybody else one that is made up. */
export function fixedMacs(port: PortConfig): ((address: Address) => Mac) | undefined {
  if (!isOverFiles(port)) return undefined;
  const known = new Map(port.neighbors?.map(({ address, mac }) => [address, mac]));
  return (address) => known.get(address) ?? madeUpMac(address);
}

/** An interface as one port has it: with the port's name (eth0.10) and addresses. */
export interface PortFacts extends InterfaceInfo {
  /** Its own name. */
  readonly interface: string;
  /** Its own addresses are meant in a VLAN: without tags nobody is spoken to there. */
  readonly isTagged: boolean;
}

/** What the interface is to the port at that place of the list. */
export function portFacts(info: InterfaceInfo, ports: Config["ports"], port: number): PortFacts {
  const { vlan, addresses } = ports[port];
  const linkLocals = info.addresses.filter(({ address }) => isLinkLocal(address));
  // The kernel may have a VLAN's addresses too: they are that VLAN's all the same.
  const claimed = new Set(ports.flatMap((one) => one.addresses ?? []).map(({ address }) => address));
  const others = info.addresses.filter(({ address }) => !claimed.has(address));
  return {
    ...info,
    name: portName(info.name, vlan),
    interface: info.name,
    isTagged: vlan !== undefined && addresses === undefined,
    addresses: addresses === undefined ? others : [...addresses, ...linkLocals],
  };
}

/** Of what is gone there is its name, and what it was. */
export const goneOf = (facts: PortFacts): PortFacts => ({ ...facts, index: 0, up: false, running: false, addresses: [] });

/** The kernel's interfaces among those of the ports, for the ingress rule. */
export function interfacesOf(ports: readonly PortFacts[]): GuardedInterface[] {
  const kernels = ports.filter(isKernels);
  return [...new Set(kernels.map((port) => port.interface))].map((name) => ({
    name,
    isTagged: kernels.some((port) => port.interface === name && port.isTagged),
  }));
}

/**
 * Every interface of the configuration, or the first reason why it cannot be a port. One that was a port before (`had`) may be
 * down, or gone, for the time being.
 */
export function requirePorts(config: Config, had: readonly PortFacts[] = []): PortFacts[] {
  if (config.ports.length === 0) throw new Error("ports: [], wanted at least one port to forward on");
  const facts = config.ports.map((_, port) => requirePort(config.ports, port, had));
  const hidden = config.ports.some((port) => !isOverFiles(port)) ? listInterfaces() : [];
  const taken = config.ports.find((port) => isOverFiles(port) && hidden.some(({ name }) => name === port.interface));
  if (taken) throw new Error(`ports: "${taken.interface}" is an interface, wanted another name for a port over files`);
  // By an address two ports may mean one interface without saying so.
  const [clash] = findClashes(config.ports.map((port, i) => ({ ...port, interface: facts[i].interface })));
  if (clash) throw new Error(`ports[${clash.path[0]}]: wanted ${clash.wanted}`);
  return facts;
}

/** Of an interface. It comes late: asked for anew each time. */
export function linkLocalOf(name: string): Address | undefined {
  try {
    const info = listInterfaces().find((one) => one.name === name);
    return info?.addresses.find(({ address }) => isLinkLocal(address))?.address;
  } catch {
    // Interfaces cannot be listed without a descriptor; who speaks from the address does so again.
    return undefined;
  }
}

/**
 * Whether the kernel has the address on another interface than the port's: on its own one for that VLAN, say, where it hears what
 * comes with these tags, too.
 */
export const isElsewhere = (address: Address, port: PortFacts, interfaces: readonly InterfaceInfo[]): boolean =>
  isKernels(port) &&
  interfaces.some((one) => isKernels(one) && one.name !== port.interface && one.addresses.some((own) => own.address === address));

/** Our address on the subnet of `address`. */
export const sourceFor = (addresses: readonly Prefix[], address: Address): Address | undefined =>
  addresses.find((own) => prefixContains(makePrefix(own.address, own.length), address))?.address;

function requirePort(ports: Config["ports"], port: number, had: readonly PortFacts[]): PortFacts {
  if (isOverFiles(ports[port])) return portFacts(overFiles(ports[port]), ports, port);
  const { interface: name, address } = ports[port];
  const before = had.find((facts) => facts.interface === name);
  if (before && !listInterfaces().some((info) => info.name === name))
    return goneOf(portFacts({ ...before, name: before.interface }, ports, port));
  const info = name === undefined ? findInterfaceOf(address as Address) : findInterface(name);
  if (!info.up && !before)
    throw new Error(`ports: "${info.name}" is down, wanted an interface that is up (ip link set ${info.name} up)`);
  return portFacts(info, ports, port);
}

function findInterfaceOf(address: Address): InterfaceInfo {
  const all = listInterfaces();
  const found = all.find(({ addresses }) => addresses.some((own) => own.address === address));
  const known = all.flatMap(({ addresses }) => addresses.map((own) => formatAddress(own.address)));
  if (!found) throw new Error(`ports: no interface has the address ${formatAddress(address)}, wanted one of ${known.join(", ")}`);
  return found;
}

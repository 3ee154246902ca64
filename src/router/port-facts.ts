/**
 * What is behind the ports of a configuration: which interfaces, and which of their addresses are meant. Behind a port over files
 * there is none, and what an interface would say is in the configuration. Asked before anything is touched.
 */
import type { Config } from "../config/schema.ts";
import { type Address, formatAddress, isLinkLocal } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { MADE_UP_ROUTER_MAC, madeUpMac } from "../net/made-up-mac.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";
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

/** Of an interface that is gone there is its name, and what it was. */
export const goneOf = (info: InterfaceInfo): InterfaceInfo => ({ ...info, index: 0, up: false, running: false, addresses: [] });

/**
 * Every interface of the configuration, or the first reason why it cannot be a port. One that was a port before (`had`) may be
 * down, or gone, for the time being.
 */
export function requirePorts(config: Config, had: readonly InterfaceInfo[] = []): InterfaceInfo[] {
  if (config.ports.length === 0) throw new Error("ports: [], wanted at least one port to forward on");
  const infos = config.ports.map((port) => requireInterface(port, had));
  const hidden = config.ports.some((port) => !isOverFiles(port)) ? listInterfaces() : [];
  const taken = config.ports.find((port) => isOverFiles(port) && hidden.some(({ name }) => name === port.interface));
  if (taken) throw new Error(`ports: "${taken.interface}" is an interface, wanted another name for a port over files`);
  const twice = infos.find((info, i) => infos.findIndex(({ name }) => name === info.name) !== i);
  if (twice) throw new Error(`ports: two entries mean the interface "${twice.name}", wanted each interface once`);
  return infos;
}

/** It comes late: asked for anew each time. */
export const linkLocalOf = (name: string): Address | undefined =>
  listInterfaces()
    .find((info) => info.name === name)
    ?.addresses.find(({ address }) => isLinkLocal(address))?.address;

/** Our address on the subnet of `address`. */
export const sourceFor = (addresses: readonly Prefix[], address: Address): Address | undefined =>
  addresses.find((own) => prefixContains(makePrefix(own.address, own.length), address))?.address;

function requireInterface(port: PortConfig, had: readonly InterfaceInfo[]): InterfaceInfo {
  if (isOverFiles(port)) return overFiles(port);
  const { interface: name, address } = port;
  const before = had.find((info) => info.name === name);
  if (before && !listInterfaces().some((info) => info.name === name)) return goneOf(before);
  const info = name === undefined ? findInterfaceOf(address as Address) : findInterface(name);
  if (!info.up && !before)
    throw new Error(`ports: "${info.name}" is down, wanted an interface that is up (ip link set ${info.name} up)`);
  return info;
}

function findInterfaceOf(address: Address): InterfaceInfo {
  const all = listInterfaces();
  const found = all.find(({ addresses }) => addresses.some((own) => own.address === address));
  const known = all.flatMap(({ addresses }) => addresses.map((own) => formatAddress(own.address)));
  if (!found) throw new Error(`ports: no interface has the address ${formatAddress(address)}, wanted one of ${known.join(", ")}`);
  return found;
}

/** Which interfaces are the ports of a configuration, and which of their addresses are meant. Asked before anything is touched. */
import type { Config } from "../config/schema.ts";
import { type Address, formatAddress, isLinkLocal } from "../net/address.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import { findInterface, type InterfaceInfo, listInterfaces } from "../port/interface.ts";

/** Of an interface that is gone there is its name, and what it was. */
export const goneOf = (info: InterfaceInfo): InterfaceInfo => ({ ...info, index: 0, up: false, running: false, addresses: [] });

/**
 * Every interface of the configuration, or the first reason why it cannot be a port. One that was a port before (`had`) may be
 * down, or gone, for the time being.
 */
export function requirePorts(config: Config, had: readonly InterfaceInfo[] = []): InterfaceInfo[] {
  if (config.ports.length === 0) throw new Error("ports: [], wanted at least one port to forward on");
  const infos = config.ports.map((port) => requireInterface(port, had));
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

function requireInterface({ interface: name, address }: Config["ports"][number], had: readonly InterfaceInfo[]): InterfaceInfo {
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

/** The network interfaces of this network namespace as values, those that are down included. */
import { loadNative, type NativeInterface } from "../../native-bindings/index.ts";
import { type Address, readIpv4, readIpv6 } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import type { Prefix } from "../net/prefix.ts";

export interface InterfaceInfo {
  readonly name: string;
  readonly index: number;
  /** 0 where there is none. */
  readonly mac: Mac;
  readonly mtu: number;
  /** Switched on, and with a carrier. */
  readonly up: boolean;
  readonly running: boolean;
  readonly loopback: boolean;
  /** Its own addresses, each with the length of its subnet's prefix: host bits are set. */
  readonly addresses: readonly Prefix[];
}

export function listInterfaces(): InterfaceInfo[] {
  return loadNative().listInterfaces().map(toInfo);
}

/** The interface of that name, or an error that says which there are. */
export function findInterface(name: string): InterfaceInfo {
  const all = listInterfaces();
  const found = all.find((info) => info.name === name);
  if (!found) throw new Error(`interface "${name}": there is none; wanted one of ${all.map((info) => info.name).join(", ")}`);
  return found;
}

function toInfo(native: NativeInterface): InterfaceInfo {
  return {
    ...native,
    addresses: native.addresses.map(({ bytes, prefixLength }) => ({ address: toAddress(bytes), length: prefixLength })),
  };
}

function toAddress(bytes: Uint8Array): Address {
  return bytes.length === 4 ? readIpv4(bytes, 0) : readIpv6(bytes, 0);
}

/** IP prefixes: an address whose bits beyond `length` are zero. */
import { type Address, compareAddresses, formatAddress, isIpv4, parseAddress, zoneOf } from "./address.ts";

export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

export const maximumLength = (address: Address): number => (isIpv4(address) ? 32 : 128);

/** The netmask of an IPv4 prefix length, as an unsigned 32-bit number. */
export const ipv4Mask = (length: number): number => (length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0);

/** `address` with the bits beyond `length` cleared. */
export function maskAddress(address: Address, length: number): Address {
  if (isIpv4(address)) return (address & ipv4Mask(length)) >>> 0;
  const digits = length >> 2;
  if (digits === 32) return address;
  const rest = length & 3;
  const digit = (Number.parseInt(address[digits], 16) & (0xf0 >> rest) & 0xf).toString(16);
  return (address.slice(0, digits) + digit).padEnd(32, "0");
}

export const makePrefix = (address: Address, length: number): Prefix => ({ address: maskAddress(address, length), length });

export const hostPrefix = (address: Address): Prefix => ({ address, length: maximumLength(address) });

/** The address for all hosts of the subnet (RFC 919), where there is one: not in IPv6, nor in a /31 or /32. */
export function subnetBroadcast({ address, length }: Prefix): Address | undefined {
  if (!isIpv4(address) || length > 30) return undefined;
  return (address | (0xffffffff >>> length)) >>> 0;
}

/** The prefix that `text` writes ("10.0.0.0/8"), or undefined; a prefix with host bits set is not one. */
export function parsePrefix(text: string): Prefix | undefined {
  const prefix = parseInterfaceAddress(text);
  return prefix && maskAddress(prefix.address, prefix.length) === prefix.address ? prefix : undefined;
}

/** An address with a length whose host bits may be set ("10.0.0.1/24"), or undefined. */
export function parseInterfaceAddress(text: string): Prefix | undefined {
  const parts = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const address = parts ? parseAddress(parts[1]) : undefined;
  if (!parts || address === undefined || zoneOf(address) !== undefined) return undefined;
  const length = Number(parts[2]);
  return length <= maximumLength(address) ? { address, length } : undefined;
}

export const formatPrefix = (prefix: Prefix): string => `${formatAddress(prefix.address)}/${prefix.length}`;

export function prefixContains(prefix: Prefix, address: Address): boolean {
  return isIpv4(prefix.address) === isIpv4(address) && maskAddress(address, prefix.length) === prefix.address;
}

/** A Map key: a number for IPv4 (exact in a double), a string for IPv6. */
export function prefixKey(prefix: Prefix): number | string {
  return isIpv4(prefix.address) ? prefix.address * 64 + prefix.length : `${prefix.address}/${prefix.length}`;
}

/** By family, address, then length. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(a.address, b.address) || a.length - b.length;
}

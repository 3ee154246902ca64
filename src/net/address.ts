/**
 * IP addresses as primitive values: an IPv4 address is an unsigned 32-bit number, an IPv6 address its 32 lower-case hex
 * digits. So `===` compares, `<` orders within a family, both are Map keys, and an IPv4 address costs nothing. A link-local one
 * may carry its zone behind the digits ("%eth1", RFC 4007 section 11): the same digits on two links are two addresses. What
 * comes off a wire has no zone; whoever knows the link gives it one, and `addressToBytes` leaves it out again.
 * Text comes in and goes out here and nowhere else (RFC 4291, RFC 5952).
 */
import { Address6 } from "ip-address";

export type Ipv4Address = number;
export type Ipv6Address = string;
export type Address = Ipv4Address | Ipv6Address;

export type AddressFamily = "ipv4" | "ipv6";

export const isIpv4 = (address: Address): address is Ipv4Address => typeof address === "number";

/** Of IPv6, fe80::/10: such an address means something together with an interface only. */
export const isLinkLocal = (address: Address): boolean => !isIpv4(address) && /^fe[89ab]/.test(address);

const DIGITS = 32;
const GROUP_DIGITS = 4;
/** A name that the kernel takes for an interface. */
const ZONE = /^[^\s/%]{1,15}$/;

/** A link-local address on the link of that interface, whatever zone it had; any other address as it is. */
export const inZone = (address: Address, zone: string): Address =>
  isLinkLocal(address) ? `${withoutZone(address)}%${zone}` : address;

export const withoutZone = (address: Address): Address => (isIpv4(address) ? address : address.slice(0, DIGITS));

export const zoneOf = (address: Address): string | undefined =>
  !isIpv4(address) && address.length > DIGITS ? address.slice(DIGITS + 1) : undefined;

/**
 * Any router on the link of that interface: the Subnet-Router anycast address (RFC 4291 section 2.6.1) of its link-local subnet.
 */
export const routerOn = (zone: string): Ipv6Address => `${"fe80".padEnd(DIGITS, "0")}%${zone}`;

/** The interface, if the address is `routerOn` one. */
export function linkOfRouter(address: Address): string | undefined {
  const zone = zoneOf(address);
  return zone !== undefined && address === routerOn(zone) ? zone : undefined;
}

/**
 * The address that `text` writes, or undefined. Leading zeros, missing parts, prefix lengths, and zones of what is not link-local
 * are refused.
 */
export function parseAddress(text: string): Address | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

export function parseIpv4(text: string): Ipv4Address | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

function parseIpv6(text: string): Ipv6Address | undefined {
  const [digits, zone, ...rest] = text.split("%");
  if (digits.includes("/") || rest.length > 0) return undefined;
  const address = expandIpv6(digits);
  if (address === undefined || zone === undefined) return address;
  return ZONE.test(zone) && isLinkLocal(address) ? `${address}%${zone}` : undefined;
}

/** Asking first whether it is valid would parse it twice. */
function expandIpv6(text: string): Ipv6Address | undefined {
  try {
    let digits = "";
    for (const group of new Address6(text).parsedAddress) digits += group.padStart(GROUP_DIGITS, "0");
    return digits;
  } catch {
    return undefined;
  }
}

export function formatAddress(address: Address): string {
  if (isIpv4(address)) return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
  return formatIpv6(address) + address.slice(DIGITS);
}

/** What an IPv4-mapped address begins with (RFC 4291 section 2.5.5.2). */
const MAPPED = "ffff".padStart(24, "0");

/**
 * RFC 5952 section 4: no leading zeros, and "::" for the longest run of zero groups, the first of equals, but not for one alone;
 * section 5: an IPv4 address that is in it as such.
 */
function formatIpv6(address: Ipv6Address): string {
  if (address.startsWith(MAPPED)) return `::ffff:${formatAddress(Number.parseInt(address.slice(MAPPED.length, DIGITS), 16))}`;
  const groups: string[] = [];
  for (let at = 0; at < DIGITS; at += GROUP_DIGITS)
    groups.push(Number.parseInt(address.slice(at, at + GROUP_DIGITS), 16).toString(16));
  let [first, length] = [0, 1];
  for (let from = 0; from < groups.length; from++) {
    let end = from;
    while (groups[end] === "0") end++;
    if (end - from > length) [first, length] = [from, end - from];
    from = end;
  }
  if (length === 1) return groups.join(":");
  return `${groups.slice(0, first).join(":")}::${groups.slice(first + length).join(":")}`;
}

export const addressFamily = (address: Address): AddressFamily => (isIpv4(address) ? "ipv4" : "ipv6");

/** IPv4 before IPv6, then numeric order. */
export function compareAddresses(a: Address, b: Address): number {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return isIpv4(a) ? -1 : 1;
}

/** The bits from `start` to `end`, both multiples of four, at most 32 of them. */
export const bitsOf = (address: Ipv6Address, start: number, end: number): number =>
  Number.parseInt(address.slice(start / 4, end / 4), 16);

/** The four words of 32 bits, the first of the address first. */
export const wordsOf = (address: Ipv6Address): number[] => [0, 32, 64, 96].map((start) => bitsOf(address, start, start + 32));

/** The 4 or 16 bytes of an address, network order. */
export function addressToBytes(address: Address): Uint8Array {
  if (isIpv4(address)) return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = Number.parseInt(address.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The address in 4 (IPv4) or 16 (IPv6) bytes at `offset`; the caller has checked that they are there. */
export function readIpv4(bytes: Uint8Array, offset: number): Ipv4Address {
  return ((bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3]) >>> 0;
}

export function readIpv6(bytes: Uint8Array, offset: number): Ipv6Address {
  let text = "";
  for (let i = 0; i < 16; i++) text += bytes[offset + i].toString(16).padStart(2, "0");
  return text;
}

/**
 * Ethernet II headers as views over (bytes, offset).
 *
 *   0           6           12        14
 *   | destination | source  | ethertype | payload ...
 */
import type { Mac } from "../net/mac.ts";

export const ETHERNET_HEADER_LENGTH = 14;

/** IEEE 802 ethertypes, as IANA lists them. */
export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, qinq: 0x88a8 } as const;

export const readEthertype = (bytes: Uint8Array, frame: number): number => (bytes[frame + 12] << 8) | bytes[frame + 13];

/** The first 16 and the last 32 bits of the address at `at`, each unsigned. */
export const readMacHigh = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];
export const readMacLow = (bytes: Uint8Array, at: number): number =>
  ((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0;

export const readMac = (bytes: Uint8Array, at: number): Mac => readMacHigh(bytes, at) * 0x100000000 + readMacLow(bytes, at);

/** Multicast and broadcast: the lowest bit of the first byte. */
export const isGroupMac = (bytes: Uint8Array, at: number): boolean => (bytes[at] & 1) === 1;

export function writeMac(bytes: Uint8Array, at: number, high: number, low: number): void {
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  bytes[at + 2] = low >>> 24;
  bytes[at + 3] = low >>> 16;
  bytes[at + 4] = low >>> 8;
  bytes[at + 5] = low;
}

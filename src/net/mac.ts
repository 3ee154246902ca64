/** Ethernet addresses as primitive values: 48 bits in a number (exact in a double). */
export type Mac = number;

export const BROADCAST_MAC: Mac = 0xffffffffffff;

export function parseMac(text: string): Mac | undefined {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) ? Number.parseInt(text.replaceAll(":", ""), 16) : undefined;
}

export function formatMac(mac: Mac): string {
  return (mac.toString(16).padStart(12, "0").match(/../g) ?? []).join(":");
}

/** The first 16 and the last 32 bits, for those who keep an address in words. */
export const macHigh = (mac: Mac): number => Math.floor(mac / 0x100000000);
export const macLow = (mac: Mac): number => mac % 0x100000000;

/** Of the first byte: multicast and broadcast, which no station has. */
const GROUP_BIT = 2 ** 40;
export const isGroup = (mac: Mac): boolean => Math.floor(mac / GROUP_BIT) % 2 === 1;

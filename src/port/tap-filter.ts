/**
 * Which frames a tap takes: those whose packet has all of what the filter names. What is not IP has none of it. Compiled once,
 * asked for each frame.
 */
import { addressToBytes, isIpv4 } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype } from "../wire/ethernet.ts";
import { createUpper, isIpHeader, readUpperLayer, UPPER } from "../wire/upper-layer.ts";

export interface TapFilter {
  readonly source?: Prefix | undefined;
  readonly destination?: Prefix | undefined;
  /** By number. */
  readonly protocol?: number | undefined;
  /** Of either side. */
  readonly port?: number | undefined;
}

export type FrameFilter = (bytes: Uint8Array, frame: number, length: number) => boolean;

const VLAN_TAG_LENGTH = 4;

export function compileTapFilter({ source, destination, protocol, port }: TapFilter): FrameFilter {
  if (source === undefined && destination === undefined && protocol === undefined && port === undefined) return () => true;
  const isFrom = source ? compilePrefix(source) : undefined;
  const isTo = destination ? compilePrefix(destination) : undefined;
  const upper = createUpper();
  return (bytes, frame, length) => {
    const end = frame + length;
    const ip = findIp(bytes, frame, end);
    if (!isIpHeader(bytes, ip, end)) return false;
    const isIpv6 = bytes[ip] >>> 4 === 6;
    if (isFrom && !isFrom(bytes, ip + (isIpv6 ? 8 : 12), isIpv6)) return false;
    if (isTo && !isTo(bytes, ip + (isIpv6 ? 24 : 16), isIpv6)) return false;
    readUpperLayer(bytes, ip, end, upper);
    if (protocol !== undefined && upper[UPPER.protocol] !== protocol) return false;
    return port === undefined || hasPort(bytes, upper[UPPER.offset], end, port);
  };
}

/** Where the payload begins, behind VLAN tags; beyond the end if it is not IP. */
function findIp(bytes: Uint8Array, frame: number, end: number): number {
  let at = frame;
  while (at + ETHERNET_HEADER_LENGTH <= end) {
    const type = readEthertype(bytes, at);
    if (type === ETHERTYPE.ipv4 || type === ETHERTYPE.ipv6) return at + ETHERNET_HEADER_LENGTH;
    if (type !== ETHERTYPE.vlan && type !== ETHERTYPE.qinq) break;
    at += VLAN_TAG_LENGTH;
  }
  return end;
}

function hasPort(bytes: Uint8Array, at: number, end: number, port: number): boolean {
  if (at === 0 || at + 4 > end) return false;
  return ((bytes[at] << 8) | bytes[at + 1]) === port || ((bytes[at + 2] << 8) | bytes[at + 3]) === port;
}

function compilePrefix({ address, length }: Prefix): (bytes: Uint8Array, at: number, isIpv6: boolean) => boolean {
  const wanted = addressToBytes(address);
  const whole = length >>> 3;
  const mask = (0xff00 >>> (length & 7)) & 0xff;
  return (bytes, at, isIpv6) => {
    if (isIpv6 === isIpv4(address)) return false;
    for (let i = 0; i < whole; i++) if (bytes[at + i] !== wanted[i]) return false;
    return mask === 0 || (bytes[at + whole] & mask) === wanted[whole];
  };
}

/**
 * Neighbor solicitation and advertisement (RFC 4861 sections 4.3, 4.4) as values: rare packets, handled off the fast path.
 * What is decoded has passed the tests of sections 7.1.1 and 7.1.2; router discovery is in `router-discovery.ts`, redirects
 * are left to the kernel.
 *
 *   type | code | checksum | flags (advertisement: R S O) | target address | options: type, length / 8, link-layer address
 */
import { addressToBytes, type Ipv6Address, readIpv6 } from "../net/address.ts";
import type { Mac } from "../net/mac.ts";
import { macHigh, macLow } from "../net/mac.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype, readMac, writeMac } from "./ethernet.ts";
import { encodeIcmpFrame, ICMP6, sumIcmp6 } from "./icmp.ts";
import { IPV6_HEADER_LENGTH, readHopLimit, readNextHeader, readPayloadLength } from "./ipv6.ts";

const TYPE = { solicitation: 135, advertisement: 136 } as const;
export const OPTION = { sourceLinkLayer: 1, targetLinkLayer: 2 } as const;
const FLAG = { router: 0x80, solicited: 0x40, override: 0x20 } as const;
const MESSAGE_LENGTH = 24;
export const OPTION_LENGTH = 8;
/** Proof that no router has touched the packet. */
export const HOP_LIMIT = 255;
export const UNSPECIFIED: Ipv6Address = "0".repeat(32);

export type NeighborMessage = NeighborSolicitation | NeighborAdvertisement;

export interface NeighborSolicitation {
  readonly kind: "solicitation";
  readonly source: Ipv6Address;
  readonly destination: Ipv6Address;
  readonly target: Ipv6Address;
  /** Of the sender; absent when it asks whether its own address is taken, and from whom has it is known. */
  readonly mac?: Mac;
}

export interface NeighborAdvertisement {
  readonly kind: "advertisement";
  readonly target: Ipv6Address;
  readonly solicited: boolean;
  readonly override: boolean;
  /** Of the target. */
  readonly mac?: Mac;
}

/** The four kinds of neighbor and router discovery have numbers in a row. */
const FIRST_TYPE = 133;

/** Whether the IPv6 packet at `ip` (its fixed header is there) is for `decodeNeighborMessage` or `decodeRouterMessage`. */
export function isDiscoveryMessage(bytes: Uint8Array, ip: number): boolean {
  const type = bytes[ip + IPV6_HEADER_LENGTH];
  return (
    readNextHeader(bytes, ip) === ICMP6 &&
    readHopLimit(bytes, ip) === HOP_LIMIT &&
    type >= FIRST_TYPE &&
    type <= TYPE.advertisement
  );
}

/** The message in a frame of `length` bytes at `frame`, or undefined if it is none that one may believe. */
export function decodeNeighborMessage(bytes: Uint8Array, frame: number, length: number): NeighborMessage | undefined {
  const ip = frame + ETHERNET_HEADER_LENGTH;
  const at = ip + IPV6_HEADER_LENGTH;
  if (length < ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH + MESSAGE_LENGTH || readEthertype(bytes, frame) !== ETHERTYPE.ipv6)
    return undefined;
  const messageLength = readPayloadLength(bytes, ip);
  if (messageLength < MESSAGE_LENGTH || at + messageLength > frame + length || !isDiscoveryMessage(bytes, ip)) return undefined;
  if (bytes[at] < TYPE.solicitation) return undefined;
  if (bytes[at + 1] !== 0 || sumIcmp6(bytes, ip, at, messageLength) !== 0xffff || bytes[at + 8] === 0xff) return undefined;
  const options = readOptions(bytes, at + MESSAGE_LENGTH, at + messageLength);
  if (!options) return undefined;
  const target = readIpv6(bytes, at + 8);
  const source = readIpv6(bytes, ip + 8);
  const destination = readIpv6(bytes, ip + 24);
  if (bytes[at] === TYPE.solicitation) {
    const mac = options.get(OPTION.sourceLinkLayer);
    if (source === UNSPECIFIED && (mac !== undefined || !destination.startsWith(SOLICITED_NODE))) return undefined;
    return { kind: "solicitation", source, destination, target, ...(mac === undefined ? {} : { mac }) };
  }
  const mac = options.get(OPTION.targetLinkLayer);
  const solicited = (bytes[at + 4] & FLAG.solicited) !== 0;
  if (solicited && destination.startsWith("ff")) return undefined;
  const override = (bytes[at + 4] & FLAG.override) !== 0;
  return { kind: "advertisement", target, solicited, override, ...(mac === undefined ? {} : { mac }) };
}

/** Link-layer addresses by option type; undefined where an option has no length or leaves the packet. */
export function readOptions(bytes: Uint8Array, from: number, end: number): Map<number, Mac> | undefined {
  const options = new Map<number, Mac>();
  let at = from;
  while (at < end) {
    const length = at + 1 < end ? bytes[at + 1] * 8 : 0;
    if (length === 0 || at + length > end) return undefined;
    if (length === OPTION_LENGTH) options.set(bytes[at], readMac(bytes, at + 2));
    at += length;
  }
  return options;
}

/** ff02::1:ff00:0/104 and the last 24 bits of the address (RFC 4291 2.7.1). */
const SOLICITED_NODE = "ff0200000000000000000001ff";
const solicitedNode = (target: Ipv6Address): Ipv6Address => SOLICITED_NODE + target.slice(26);
/** 33:33 and the last four bytes of the group (RFC 2464 section 7). */
export const groupMac = (group: Ipv6Address): Mac => 0x333300000000 + Number.parseInt(group.slice(24), 16);

/** A whole frame that asks for `target`: its group, or, where its MAC is known, itself alone. */
export function encodeSolicitation(message: {
  readonly sourceMac: Mac;
  readonly source: Ipv6Address;
  readonly target: Ipv6Address;
  readonly targetMac?: Mac | undefined;
}): Uint8Array {
  const { sourceMac, source, target, targetMac } = message;
  const destination = targetMac === undefined ? solicitedNode(target) : target;
  const body = new Uint8Array(MESSAGE_LENGTH + OPTION_LENGTH);
  body[0] = TYPE.solicitation;
  body.set(addressToBytes(target), 8);
  body[24] = OPTION.sourceLinkLayer;
  body[25] = 1;
  writeMac(body, 26, macHigh(sourceMac), macLow(sourceMac));
  const destinationMac = targetMac ?? groupMac(destination);
  return encodeIcmpFrame({ sourceMac, destinationMac, source, destination, hopLimit: HOP_LIMIT, message: body });
}

const ALL_NODES: Ipv6Address = `ff02${"1".padStart(28, "0")}`;

/** A whole frame in which a router says that it has `target`: to who asked, or, where he has no address yet, to everyone. */
export function encodeAdvertisement(message: {
  readonly mac: Mac;
  readonly target: Ipv6Address;
  readonly asker?: { readonly mac: Mac; readonly address: Ipv6Address };
}): Uint8Array {
  const { mac: sourceMac, target: source, asker } = message;
  const body = new Uint8Array(MESSAGE_LENGTH + OPTION_LENGTH);
  body[0] = TYPE.advertisement;
  body[4] = FLAG.router | FLAG.override | (asker === undefined ? 0 : FLAG.solicited);
  body.set(addressToBytes(source), 8);
  body[24] = OPTION.targetLinkLayer;
  body[25] = 1;
  writeMac(body, 26, macHigh(sourceMac), macLow(sourceMac));
  const destination = asker?.address ?? ALL_NODES;
  const destinationMac = asker?.mac ?? groupMac(ALL_NODES);
  return encodeIcmpFrame({ sourceMac, destinationMac, source, destination, hopLimit: HOP_LIMIT, message: body });
}

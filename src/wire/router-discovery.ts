/**
 * Router solicitation and advertisement (RFC 4861 sections 4.1, 4.2) as values: how two routers on one link find each other
 * without being told their addresses. What is decoded has passed the tests of sections 6.1.1 and 6.1.2; of what an
 * advertisement offers to hosts (prefixes, hop limits) nothing is read and nothing said.
 *
 *   solicitation:   133 | code | checksum | reserved (4) | options
 *   advertisement:  134 | code | checksum | hop limit (1) | flags (1) | lifetime, s (2) | reachable (4) | retransmit (4) | options
 */
import { type Ipv6Address, isLinkLocal, readIpv6 } from "../net/address.ts";
import { type Mac, macHigh, macLow } from "../net/mac.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype, writeMac } from "./ethernet.ts";
import { encodeIcmpFrame, sumIcmp6 } from "./icmp.ts";
import { IPV6_HEADER_LENGTH, readPayloadLength } from "./ipv6.ts";
import { groupMac, HOP_LIMIT, isDiscoveryMessage, OPTION, OPTION_LENGTH, readOptions } from "./neighbor-discovery.ts";

const TYPE = { solicitation: 133, advertisement: 134 } as const;
const LENGTH = { solicitation: 8, advertisement: 16 } as const;
const ALL_NODES: Ipv6Address = "ff020000000000000000000000000001";
const ALL_ROUTERS: Ipv6Address = "ff020000000000000000000000000002";

export type RouterMessage =
  | { readonly kind: "solicitation" }
  /** A lifetime of 0: the sender is a router no more. */
  | { readonly kind: "advertisement"; readonly source: Ipv6Address; readonly lifetimeSeconds: number };

/** The message in a frame of `length` bytes at `frame`, or undefined if it is none that one may believe. */
export function decodeRouterMessage(bytes: Uint8Array, frame: number, length: number): RouterMessage | undefined {
  const ip = frame + ETHERNET_HEADER_LENGTH;
  const at = ip + IPV6_HEADER_LENGTH;
  if (at + LENGTH.solicitation > frame + length || readEthertype(bytes, frame) !== ETHERTYPE.ipv6) return undefined;
  const kind = bytes[at] === TYPE.solicitation ? "solicitation" : bytes[at] === TYPE.advertisement ? "advertisement" : undefined;
  const messageLength = readPayloadLength(bytes, ip);
  if (kind === undefined || messageLength < LENGTH[kind] || at + messageLength > frame + length) return undefined;
  if (!isDiscoveryMessage(bytes, ip) || bytes[at + 1] !== 0 || sumIcmp6(bytes, ip, at, messageLength) !== 0xffff)
    return undefined;
  if (!readOptions(bytes, at + LENGTH[kind], at + messageLength)) return undefined;
  if (kind === "solicitation") return { kind };
  const source = readIpv6(bytes, ip + 8);
  return isLinkLocal(source) ? { kind, source, lifetimeSeconds: bytes[at + 6] * 256 + bytes[at + 7] } : undefined;
}

interface Sender {
  readonly sourceMac: Mac;
  /** Link-local. */
  readonly source: Ipv6Address;
}

/** A whole frame to all nodes of the link. Zeros: unspecified, by this router. */
export function encodeRouterAdvertisement(sender: Sender, lifetimeSeconds: number): Uint8Array {
  const message = new Uint8Array(LENGTH.advertisement + OPTION_LENGTH);
  message[0] = TYPE.advertisement;
  message[6] = lifetimeSeconds >>> 8;
  message[7] = lifetimeSeconds & 0xff;
  return frameOf(sender, ALL_NODES, message);
}

/** A whole frame to all routers of the link. */
export function encodeRouterSolicitation(sender: Sender): Uint8Array {
  const message = new Uint8Array(LENGTH.solicitation + OPTION_LENGTH);
  message[0] = TYPE.solicitation;
  return frameOf(sender, ALL_ROUTERS, message);
}

/** The last bytes of the message are for the option that tells the sender's MAC. */
function frameOf({ sourceMac, source }: Sender, destination: Ipv6Address, message: Uint8Array): Uint8Array {
  const option = message.length - OPTION_LENGTH;
  message[option] = OPTION.sourceLinkLayer;
  message[option + 1] = 1;
  writeMac(message, option + 2, macHigh(sourceMac), macLow(sourceMac));
  return encodeIcmpFrame({ sourceMac, destinationMac: groupMac(destination), source, destination, hopLimit: HOP_LIMIT, message });
}

/**
 * ARP for IPv4 over Ethernet (RFC 826) as values: rare packets, handled off the fast path.
 */
import { type Ipv4Address, readIpv4 } from "../net/address.ts";
import { BROADCAST_MAC, type Mac, macHigh, macLow } from "../net/mac.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype, readMac, writeMac } from "./ethernet.ts";

export const ARP_OPERATION = { request: 1, reply: 2 } as const;
const ARP_LENGTH = 28;

export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: Mac;
  readonly senderAddress: Ipv4Address;
  readonly targetMac: Mac;
  readonly targetAddress: Ipv4Address;
}

/** The ARP packet in a frame of `length` bytes at `frame`, or undefined if it is none that we understand. */
export function decodeArp(bytes: Uint8Array, frame: number, length: number): ArpPacket | undefined {
  const at = frame + ETHERNET_HEADER_LENGTH;
  if (length < ETHERNET_HEADER_LENGTH + ARP_LENGTH || readEthertype(bytes, frame) !== ETHERTYPE.arp) return undefined;
  const word = (offset: number): number => (bytes[at + offset] << 8) | bytes[at + offset + 1];
  const isEthernetIpv4 = word(0) === 1 && word(2) === ETHERTYPE.ipv4 && bytes[at + 4] === 6 && bytes[at + 5] === 4;
  if (!isEthernetIpv4) return undefined;
  return {
    operation: word(6),
    senderMac: readMac(bytes, at + 8),
    senderAddress: readIpv4(bytes, at + 14),
    targetMac: readMac(bytes, at + 18),
    targetAddress: readIpv4(bytes, at + 24),
  };
}

/** A whole frame, without padding: the link's driver adds that. A request of unknown target goes to everyone. */
export function encodeArp(packet: ArpPacket): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + ARP_LENGTH);
  const view = new DataView(frame.buffer);
  const destination = packet.targetMac === 0 ? BROADCAST_MAC : packet.targetMac;
  writeMac(frame, 0, macHigh(destination), macLow(destination));
  writeMac(frame, 6, macHigh(packet.senderMac), macLow(packet.senderMac));
  view.setUint16(12, ETHERTYPE.arp);
  view.setUint16(14, 1);
  view.setUint16(16, ETHERTYPE.ipv4);
  view.setUint16(18, 0x0604);
  view.setUint16(20, packet.operation);
  writeMac(frame, 22, macHigh(packet.senderMac), macLow(packet.senderMac));
  view.setUint32(28, packet.senderAddress);
  writeMac(frame, 32, macHigh(packet.targetMac), macLow(packet.targetMac));
  view.setUint32(38, packet.targetAddress);
  return frame;
}

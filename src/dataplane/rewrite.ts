/**
 * Last stage: the frame is turned, in place, into the one that leaves. The virtio header in front of it stays as it is: what
 * is unfinished (checksum, segmentation) is finished by the kernel behind the egress.
 */
import { FIELD, type Fields } from "../ecmp/fields.ts";
import { NEXT_HOP_RECORD } from "../fib/layout.ts";
import { PROTOCOLS } from "../net/flow.ts";
import { VIRTIO_HEADER_LENGTH } from "../port/batch.ts";
import { ETHERNET_HEADER_LENGTH, writeMac } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { endOf } from "./extract.ts";

// Imported objects are looked up at every use; these are not.
const {
  destinationHigh: HOP_DESTINATION_HIGH,
  destinationLow: HOP_DESTINATION_LOW,
  sourceHigh: HOP_SOURCE_HIGH,
  sourceLow: HOP_SOURCE_LOW,
} = NEXT_HOP_RECORD;
const {
  family: FIELD_FAMILY,
  networkOffset: FIELD_NETWORK_OFFSET,
  protocol: FIELD_PROTOCOL,
  transportOffset: FIELD_TRANSPORT_OFFSET,
} = FIELD;

/** New Ethernet addresses from the next hop's record, and one hop less to live. The caller has seen a TTL or hop limit above 1. */
export function rewrite(bytes: Uint8Array, frame: number, words: Uint32Array, record: number, isIpv4: boolean): void {
  writeMac(bytes, frame, words[record + HOP_DESTINATION_HIGH], words[record + HOP_DESTINATION_LOW]);
  writeMac(bytes, frame + 6, words[record + HOP_SOURCE_HIGH], words[record + HOP_SOURCE_LOW]);
  if (isIpv4) ipv4.decrementTtl(bytes, frame + ETHERNET_HEADER_LENGTH);
  else ipv6.decrementHopLimit(bytes, frame + ETHERNET_HEADER_LENGTH);
}

const { tcp: TCP, udp: UDP } = PROTOCOLS;
const UDP_HEADER_LENGTH = 8;
/** Values of `gso_type` (`struct virtio_net_hdr`), and the flag that may be added; all others are UDP's. */
const GSO_TCP4 = 1;
const GSO_TCP6 = 4;
const GSO_CONGESTION_FLAG = 0x80;

/**
 * Is the frame to be segmented by another header than its own, by that of the packet that it carries? Then the type is another's,
 * or csum_start (little-endian, at 6 of `struct virtio_net_hdr`) is not at its own transport header, and a kernel refuses it.
 */
export function isTunneledGso(bytes: Uint8Array, frame: number, fields: Fields): boolean {
  const header = frame - VIRTIO_HEADER_LENGTH;
  const type = bytes[header + 1] & ~GSO_CONGESTION_FLAG;
  if (type === 0) return false;
  const isTcp = type === GSO_TCP4 || type === GSO_TCP6;
  if (fields[FIELD_PROTOCOL] !== (isTcp ? TCP : UDP)) return true;
  if (isTcp && fields[FIELD_FAMILY] !== (type === GSO_TCP4 ? 4 : 6)) return true;
  const start = frame + (bytes[header + 6] | (bytes[header + 7] << 8));
  return (bytes[header] & 1) !== 0 && start !== fields[FIELD_TRANSPORT_OFFSET];
}

/**
 * Does what will be on the wire fit? A GSO frame is judged by its segments: gso_size (little-endian, at 4 of
 * `struct virtio_net_hdr`) bytes of payload each, behind a copy of the frame's own headers.
 */
export function fitsMtu(bytes: Uint8Array, frame: number, fields: Fields, mtu: number): boolean {
  const header = frame - VIRTIO_HEADER_LENGTH;
  const ip = fields[FIELD_NETWORK_OFFSET];
  if (bytes[header + 1] === 0) return ip + mtu >= endOf(bytes, fields);
  const l4 = fields[FIELD_TRANSPORT_OFFSET];
  const l4Length = fields[FIELD_PROTOCOL] === TCP ? (bytes[l4 + 12] >>> 4) << 2 : UDP_HEADER_LENGTH;
  return (bytes[header + 4] | (bytes[header + 5] << 8)) + l4 - ip + l4Length <= mtu;
}

/** Whether a packet that does not fit may be cut: only IPv4 whose sender allows it; segments are the kernel's to make. */
export function mayBeFragmented(bytes: Uint8Array, frame: number, fields: Fields): boolean {
  const isGso = bytes[frame - VIRTIO_HEADER_LENGTH + 1] !== 0;
  return !isGso && fields[FIELD_FAMILY] === 4 && !ipv4.readDontFragment(bytes, fields[FIELD_NETWORK_OFFSET]);
}

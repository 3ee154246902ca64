/**
 * Last stage: the frame is turned, in place, into the one that leaves. The virtio header in front of it stays as it is: what
 * is unfinished (checksum, segmentation) is finished by the kernel behind the egress.
 */
import { NEXT_HOP_RECORD } from "../fib/layout.ts";
import { VIRTIO_HEADER_LENGTH } from "../port/batch.ts";
import { ETHERNET_HEADER_LENGTH, writeMac } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";

// Imported objects are looked up at every use; these are not.
const {
  destinationHigh: HOP_DESTINATION_HIGH,
  destinationLow: HOP_DESTINATION_LOW,
  sourceHigh: HOP_SOURCE_HIGH,
  sourceLow: HOP_SOURCE_LOW,
} = NEXT_HOP_RECORD;

/** New Ethernet addresses from the next hop's record, and one hop less to live. The caller has seen a TTL above 1. */
export function rewrite(bytes: Uint8Array, frame: number, words: Uint32Array, record: number): void {
  writeMac(bytes, frame, words[record + HOP_DESTINATION_HIGH], words[record + HOP_DESTINATION_LOW]);
  writeMac(bytes, frame + 6, words[record + HOP_SOURCE_HIGH], words[record + HOP_SOURCE_LOW]);
  ipv4.decrementTtl(bytes, frame + ETHERNET_HEADER_LENGTH);
}

const TCP = 6;
const UDP_HEADER_LENGTH = 8;

/**
 * Does what will be on the wire fit? A GSO frame is judged by its segments: gso_size (little-endian, at 4 of
 * `struct virtio_net_hdr`) bytes of payload each, behind a copy of the frame's own headers.
 */
export function fitsMtu(bytes: Uint8Array, frame: number, mtu: number): boolean {
  const header = frame - VIRTIO_HEADER_LENGTH;
  const ip = frame + ETHERNET_HEADER_LENGTH;
  const isGso = bytes[header + 1] !== 0;
  if (!isGso) return ipv4.readTotalLength(bytes, ip) <= mtu;
  const headerLength = ipv4.readHeaderLength(bytes, ip);
  const l4Length = ipv4.readProtocol(bytes, ip) === TCP ? (bytes[ip + headerLength + 12] >>> 4) << 2 : UDP_HEADER_LENGTH;
  return (bytes[header + 4] | (bytes[header + 5] << 8)) + headerLength + l4Length <= mtu;
}

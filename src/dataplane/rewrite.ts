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

/**
 * Does what will be on the wire fit? A GSO frame is judged by its segments: gso_size (little-endian, at 4 of
 * `struct virtio_net_hdr`) is the payload of each, and 40 the least that IP and TCP add.
 */
export function fitsMtu(bytes: Uint8Array, frame: number, mtu: number): boolean {
  const header = frame - VIRTIO_HEADER_LENGTH;
  const isGso = bytes[header + 1] !== 0;
  if (!isGso) return ipv4.readTotalLength(bytes, frame + ETHERNET_HEADER_LENGTH) <= mtu;
  return (bytes[header + 4] | (bytes[header + 5] << 8)) + 40 <= mtu;
}

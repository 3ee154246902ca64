/**
 * One wrong bit in a frame, as a bad cable makes it. Where the kernel was still to write the checksum it is written here first:
 * the kernel would write a right one over the wrong bit, and the receiver would take the packet.
 *
 *   virtio_net_hdr   0: flags │ 1: segmentation type │ 6: checksum from │ 8: to be put at (from there), little endian
 */
import { type Random, randomBelow } from "../net/random.ts";
import { sum16 } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { type Batch, ROW, VIRTIO_HEADER_LENGTH } from "./batch.ts";

const NEEDS_CHECKSUM = 1;

/** False: the frame stands for several segments, which get their checksums after us (or has nothing in it). */
export function corrupt({ bytes, rows }: Batch, row: number, random: Random): boolean {
  const frame = rows[row + ROW.offset];
  const length = rows[row + ROW.length];
  const virtio = frame - VIRTIO_HEADER_LENGTH;
  if (bytes[virtio + 1] !== 0 || length <= ETHERNET_HEADER_LENGTH) return false;
  if (bytes[virtio] & NEEDS_CHECKSUM) finishChecksum(bytes, frame, length);
  // "Verified" no more.
  bytes.fill(0, virtio, frame);
  const bit = randomBelow(random, (length - ETHERNET_HEADER_LENGTH) * 8);
  bytes[frame + ETHERNET_HEADER_LENGTH + (bit >>> 3)] ^= 1 << (bit & 7);
  return true;
}

function finishChecksum(bytes: Uint8Array, frame: number, length: number): void {
  const start = bytes[frame - 4] | (bytes[frame - 3] << 8);
  const field = frame + start + (bytes[frame - 2] | (bytes[frame - 1] << 8));
  if (start >= length || field + 2 > frame + length) return;
  // Zero would say that UDP has none.
  const value = ~sum16(bytes, frame + start, length - start) & 0xffff || 0xffff;
  bytes[field] = value >>> 8;
  bytes[field + 1] = value;
}

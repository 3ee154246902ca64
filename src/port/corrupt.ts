/**
 * One wrong bit in a frame, as a bad cable makes it. Where the kernel was still to write the checksum it is written here first:
 * the kernel would write a right one over the wrong bit, and the receiver would take the packet.
 */
import { type Random, randomBelow } from "../net/random.ts";
import { finishChecksum } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { type Batch, ROW, VIRTIO_HEADER_LENGTH } from "./batch.ts";

/** False: the frame stands for several segments, which get their checksums after us (or has nothing in it). */
export function corrupt({ bytes, rows }: Batch, row: number, random: Random): boolean {
  const frame = rows[row + ROW.offset];
  const length = rows[row + ROW.length];
  const virtio = frame - VIRTIO_HEADER_LENGTH;
  if (bytes[virtio + 1] !== 0 || length <= ETHERNET_HEADER_LENGTH) return false;
  finishChecksum(bytes, virtio, frame + length);
  // "Verified" no more.
  bytes.fill(0, virtio, frame);
  const bit = randomBelow(random, (length - ETHERNET_HEADER_LENGTH) * 8);
  bytes[frame + ETHERNET_HEADER_LENGTH + (bit >>> 3)] ^= 1 << (bit & 7);
  return true;
}

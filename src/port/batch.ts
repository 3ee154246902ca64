/**
 * A batch: up to `capacity` frames that lie in one piece of memory, with one row of words for each. The port that received
 * them owns the memory until its next `receive`; the forwarding core reads and rewrites frames in place and fills in the
 * verdict; every port can transmit from any batch.
 *
 *   memory  ... | room (8 bytes) | virtio_net_hdr (10 bytes) | Ethernet frame ................. | ...
 *                                                            ^ offset                           ^ offset + length
 *
 * The ten bytes in front of each frame are always there (`struct virtio_net_hdr`, linux/virtio_net.h): zero where the frame
 * is whole, else what the kernel still has to do (checksum, segmentation), to be sent back unchanged. Of a whole frame the kernel
 * may still say that it has verified the checksum (flags 2, DATA_VALID): look at the bits, not for ten zeros. The eight bytes
 * before them belong to nobody: a frame that leaves with two VLAN tags more than it came with begins so much earlier.
 */
export const VIRTIO_HEADER_LENGTH = 10;
export const BATCH_HEADROOM = 8;
export const BATCH_CAPACITY = 64;

/**
 * The words of a row. The first four are written by the port, the last four by the forwarding core. `vlanTci` is the 802.1Q tag
 * that the kernel has taken out of the frame, type in the upper half, control below (0x81000064: VLAN 100); 0: there was none.
 */
export const ROW = { offset: 0, length: 1, wireLength: 2, vlanTci: 3, verdict: 4, reason: 5, egress: 6, nextHop: 7 } as const;
export const ROW_WORDS = 8;

/** Every frame of a batch ends with exactly one of these. `none` is what `receive` leaves behind. */
export const VERDICT = { none: 0, forward: 1, drop: 2, punt: 3, slow: 4 } as const;

export interface Batch {
  readonly bytes: Uint8Array;
  /** ROW_WORDS words a frame. `length < wireLength` says that the frame was cut. */
  readonly rows: Uint32Array;
  readonly capacity: number;
  count: number;
}

export function createBatch(bytes: Uint8Array, capacity = BATCH_CAPACITY): Batch {
  return { bytes, rows: new Uint32Array(capacity * ROW_WORDS), capacity, count: 0 };
}

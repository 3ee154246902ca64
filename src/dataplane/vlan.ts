/**
 * VLAN tags (IEEE 802.1Q, and two of them after 802.1ad), in the frame or taken out of it by the kernel (ROW.vlanTci). A port
 * belongs to one stack of VLANs or to none. What comes in with its tags loses them at once, so that everything behind reads
 * plain frames, and gets those of the egress port when it leaves. Both happen in place, in front of the payload:
 *
 *   virtio header | destination, source | 8100 | tag | ethertype ...      <->            virtio header | destination, source | ethertype ...
 */
import { ROW, VIRTIO_HEADER_LENGTH } from "../port/batch.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype } from "../wire/ethernet.ts";

/** VLANs of a frame or a port in one number: the outermost in the lower 12 bits, one within it above. 0: untagged. */
export type VlanStack = number;

export const vlanStack = (outer: number, inner = 0): VlanStack => outer | (inner << 12);
export const outermostVlan = (vlans: VlanStack): number => vlans & 0xfff;
/** 0: there are not two. */
export const innerVlan = (vlans: VlanStack): number => vlans >>> 12;

/** What `readTags` says of a stack that no port can have. */
export const OTHER_TAGS = -1;

export const TAG_BYTES = 4;
const MAXIMUM_TAGS = 2;
const MAC_BYTES = 12;
const VLAN_ID = 0xfff;

const isTag = (ethertype: number): boolean => ethertype === ETHERTYPE.vlan || ethertype === ETHERTYPE.qinq;

export const hasTags = (bytes: Uint8Array, frame: number, vlanTci: number): boolean =>
  vlanTci !== 0 || isTag(readEthertype(bytes, frame));

/**
 * The stack in the lower 24 bits, the number of tags that are still in the frame above. A VLAN id of 0 is a priority and no VLAN.
 */
export function readTags(bytes: Uint8Array, frame: number, length: number, vlanTci: number): number {
  let vlans = vlanTci & VLAN_ID;
  let tags = 0;
  for (; isTag(readEthertype(bytes, frame + tags * TAG_BYTES)); tags++) {
    if (tags === MAXIMUM_TAGS || length < ETHERNET_HEADER_LENGTH + (tags + 1) * TAG_BYTES) return OTHER_TAGS;
    const at = frame + ETHERNET_HEADER_LENGTH + tags * TAG_BYTES;
    const id = ((bytes[at] << 8) | bytes[at + 1]) & VLAN_ID;
    if (id === 0) continue;
    if (innerVlan(vlans) !== 0) return OTHER_TAGS;
    vlans = vlans === 0 ? id : vlanStack(vlans, id);
  }
  return vlans | (tags << 24);
}

/** Takes the first `tags` tags out of the frame of `row`. */
export function removeTags(bytes: Uint8Array, rows: Uint32Array, row: number, tags: number): void {
  rows[row + ROW.vlanTci] = 0;
  if (tags > 0) moveFront(bytes, rows, row, tags * TAG_BYTES);
}

/** Puts the tags of `vlans` into the frame of `row`; the batch has room in front of it. The outer of two is a service tag. */
export function insertTags(bytes: Uint8Array, rows: Uint32Array, row: number, vlans: VlanStack): void {
  const inner = innerVlan(vlans);
  moveFront(bytes, rows, row, inner === 0 ? -TAG_BYTES : -2 * TAG_BYTES);
  const at = rows[row + ROW.offset] + MAC_BYTES;
  writeTag(bytes, at, inner === 0 ? ETHERTYPE.vlan : ETHERTYPE.qinq, outermostVlan(vlans));
  if (inner !== 0) writeTag(bytes, at + TAG_BYTES, ETHERTYPE.vlan, inner);
}

function writeTag(bytes: Uint8Array, at: number, ethertype: number, id: number): void {
  bytes[at] = ethertype >>> 8;
  bytes[at + 1] = ethertype;
  bytes[at + 2] = id >>> 8;
  bytes[at + 3] = id;
}

/** Moves the virtio header and the two addresses, and with them where the frame begins. */
function moveFront(bytes: Uint8Array, rows: Uint32Array, row: number, by: number): void {
  const header = rows[row + ROW.offset] - VIRTIO_HEADER_LENGTH;
  bytes.copyWithin(header + by, header, header + VIRTIO_HEADER_LENGTH + MAC_BYTES);
  rows[row + ROW.offset] += by;
  rows[row + ROW.length] -= by;
  rows[row + ROW.wireLength] -= by;
  // hdr_len and csum_start (struct virtio_net_hdr) count from where the frame begins, if they say anything.
  if (bytes[header + by + 1] !== 0) addTo(bytes, header + by + 2, -by);
  if (bytes[header + by] & 1) addTo(bytes, header + by + 6, -by);
}

function addTo(bytes: Uint8Array, at: number, difference: number): void {
  const value = (bytes[at] | (bytes[at + 1] << 8)) + difference;
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

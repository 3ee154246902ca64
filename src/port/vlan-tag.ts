/** The outer 802.1Q tag of a frame, taken out and put in as the kernel does it for packet sockets (see ROW.vlanTci). */

const TAG_AT = 12;
const TAG_BYTES = 4;
const TYPES = [0x8100, 0x88a8];

export function untag(frame: Uint8Array): { readonly bytes: Uint8Array; readonly vlanTci: number } {
  const type = (frame[TAG_AT] << 8) | frame[TAG_AT + 1];
  if (!TYPES.includes(type) || frame.length < TAG_AT + TAG_BYTES + 2) return { bytes: frame, vlanTci: 0 };
  const bytes = new Uint8Array(frame.length - TAG_BYTES);
  bytes.set(frame.subarray(0, TAG_AT));
  bytes.set(frame.subarray(TAG_AT + TAG_BYTES), TAG_AT);
  return { bytes, vlanTci: ((type << 16) | (frame[TAG_AT + 2] << 8) | frame[TAG_AT + 3]) >>> 0 };
}

export function withTag(frame: Uint8Array, vlanTci: number): Uint8Array {
  const tag = [vlanTci >>> 24, (vlanTci >>> 16) & 255, (vlanTci >>> 8) & 255, vlanTci & 255];
  return Uint8Array.of(...frame.subarray(0, TAG_AT), ...tag, ...frame.subarray(TAG_AT));
}

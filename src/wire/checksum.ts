/**
 * The Internet checksum (RFC 1071) over packet memory, and its incremental update (RFC 1624, equation 3: the form that
 * never makes 0xffff out of 0x0000 wrongly).
 */

/**
 * One's-complement sum of `length` bytes at `offset`, folded to 16 bits, not inverted; 0xffff over data that carries a right
 * checksum.
 */
export function sum16(bytes: Uint8Array, offset: number, length: number, initial = 0): number {
  let sum = initial;
  const end = offset + (length & ~1);
  for (let i = offset; i < end; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if (length & 1) sum += bytes[end] << 8;
  sum = (sum >>> 16) + (sum & 0xffff);
  return ((sum >>> 16) + sum) & 0xffff;
}

/** The checksum field's value over `length` bytes whose own field is zero. */
export const checksum = (bytes: Uint8Array, offset: number, length: number, initial = 0): number =>
  ~sum16(bytes, offset, length, initial) & 0xffff;

/** `old` checksum after one 16-bit word went from `before` to `after`. */
export function updateChecksum(old: number, before: number, after: number): number {
  const sum = (~old & 0xffff) + (~before & 0xffff) + after;
  const folded = (sum >>> 16) + (sum & 0xffff);
  return ~((folded >>> 16) + folded) & 0xffff;
}

const NEEDS_CHECKSUM = 1;
const VIRTIO_HEADER_LENGTH = 10;

/**
 * Does what the virtio header at `header` (flags 1 │ ... │ csum_start 2 │ csum_offset 2, little-endian) leaves to the kernel: the
 * field holds the sum of the pseudo-header, and the checksum goes from csum_start, counted from the frame behind it, to `end`.
 */
export function finishChecksum(bytes: Uint8Array, header: number, end: number): void {
  if ((bytes[header] & NEEDS_CHECKSUM) === 0) return;
  const start = header + VIRTIO_HEADER_LENGTH + (bytes[header + 6] | (bytes[header + 7] << 8));
  const field = start + (bytes[header + 8] | (bytes[header + 9] << 8));
  bytes[header] &= ~NEEDS_CHECKSUM;
  if (field + 2 > end) return;
  // UDP says 0xffff where it means zero (RFC 768); of TCP the two are equally right.
  const value = checksum(bytes, start, end - start) || 0xffff;
  bytes[field] = value >>> 8;
  bytes[field + 1] = value;
}

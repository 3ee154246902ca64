/**
 * The Internet checksum (RFC 1071) over packet memory, and its incremental update (RFC 1624, equation 3: the form that
 * never makes 0xffff out of 0x0000 wrongly).
 */

/** One's-complement sum of `length` bytes at `offset`, folded to 16 bits, not inverted; 0xffff over data that carries a right checksum. */
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

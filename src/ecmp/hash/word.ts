/** Words and bytes as the hashes take them. What lies behind the length of a key counts as zero. */

/**
 * Word `index` of the first `length` bytes of `words`, cut off where they end. Signed, like whatever functions of the hashes
 * hand each other: V8 allocates an unsigned number above 2^31 wherever it does not inline the call.
 */
export function wordAt(words: Uint32Array, index: number, length: number): number {
  const rest = length - (index << 2);
  if (rest >= 4) return words[index] | 0;
  return rest <= 0 ? 0 : words[index] & ((1 << (rest << 3)) - 1);
}

/** The bytes that a text of hex digits stands for: the constants of some hashes, and the keys that others are given. */
export const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));

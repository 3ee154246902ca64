/**
 * MurmurHash3_x64_128 (Austin Appleby, public domain), which Katran and Cilium name their backends with. It runs once for a
 * member and change, never per packet, so it is written as the algorithm reads, in 64-bit integers.
 */
const MASK = 0xffffffffffffffffn;
const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

const rotate = (word: bigint, bits: bigint): bigint => ((word << bits) | (word >> (64n - bits))) & MASK;
const times = (a: bigint, b: bigint): bigint => (a * b) & MASK;
const scrambleFirst = (word: bigint): bigint => times(rotate(times(word, C1), 31n), C2);
const scrambleSecond = (word: bigint): bigint => times(rotate(times(word, C2), 33n), C1);

/** Both halves of the hash; `seed` is an unsigned 32-bit number. */
export function murmur3x64(bytes: Uint8Array, seed: number): [bigint, bigint] {
  const whole = bytes.length - (bytes.length % 16);
  let h1 = BigInt(seed);
  let h2 = h1;
  for (let i = 0; i < whole; i += 16) {
    h1 ^= scrambleFirst(readWord(bytes, i, i + 8));
    h1 = (times(rotate(h1, 27n) + h2, 5n) + 0x52dce729n) & MASK;
    h2 ^= scrambleSecond(readWord(bytes, i + 8, i + 16));
    h2 = (times(rotate(h2, 31n) + h1, 5n) + 0x38495ab5n) & MASK;
  }
  // What is left over counts as words padded with zeros, and zero scrambles to zero.
  h1 ^= scrambleFirst(readWord(bytes, whole, Math.min(whole + 8, bytes.length)));
  h2 ^= scrambleSecond(readWord(bytes, whole + 8, bytes.length));
  h1 ^= BigInt(bytes.length);
  h2 ^= BigInt(bytes.length);
  h1 = (h1 + h2) & MASK;
  h2 = (h2 + h1) & MASK;
  h1 = finish(h1);
  h2 = finish(h2);
  h1 = (h1 + h2) & MASK;
  return [h1, (h2 + h1) & MASK];
}

/** Little-endian; 0 of nothing. */
function readWord(bytes: Uint8Array, start: number, end: number): bigint {
  let word = 0n;
  for (let i = end - 1; i >= start; i--) word = (word << 8n) | BigInt(bytes[i]);
  return word;
}

function finish(word: bigint): bigint {
  const once = times(word ^ (word >> 33n), 0xff51afd7ed558ccdn);
  const twice = times(once ^ (once >> 33n), 0xc4ceb9fe1a85ec53n);
  return twice ^ (twice >> 33n);
}

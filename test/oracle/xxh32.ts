/**
 * XXH32 a second way: byte by byte, in arbitrary precision, step by step as the xxHash specification tells it. Slow, and
 * with nothing in common with the product.
 */
const PRIME = [0n, 0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn, 0x27d4eb2fn, 0x165667b1n];
const MODULUS = 1n << 32n;

const wrap = (n: bigint): bigint => ((n % MODULUS) + MODULUS) % MODULUS;
const rotate = (n: bigint, by: bigint): bigint => wrap(n << by) | (wrap(n) >> (32n - by));

function littleEndian(bytes: Uint8Array, offset: number): bigint {
  let word = 0n;
  for (let i = 3; i >= 0; i--) word = word * 256n + BigInt(bytes[offset + i]);
  return word;
}

export function slowXxh32(bytes: Uint8Array, seed: number): number {
  const start = BigInt(seed);
  const lanes = [start + PRIME[1] + PRIME[2], start + PRIME[2], start, start - PRIME[1]].map(wrap);
  let at = 0;
  for (; at + 16 <= bytes.length; at += 16) {
    for (let lane = 0; lane < 4; lane++) {
      const mixed = wrap(lanes[lane] + littleEndian(bytes, at + 4 * lane) * PRIME[2]);
      lanes[lane] = wrap(rotate(mixed, 13n) * PRIME[1]);
    }
  }
  let hash = start + PRIME[5];
  if (bytes.length >= 16) hash = rotate(lanes[0], 1n) + rotate(lanes[1], 7n) + rotate(lanes[2], 12n) + rotate(lanes[3], 18n);
  hash = wrap(hash + BigInt(bytes.length));
  for (; at + 4 <= bytes.length; at += 4) hash = wrap(rotate(wrap(hash + littleEndian(bytes, at) * PRIME[3]), 17n) * PRIME[4]);
  for (; at < bytes.length; at++) hash = wrap(rotate(wrap(hash + BigInt(bytes[at]) * PRIME[5]), 11n) * PRIME[1]);
  hash = wrap((hash ^ (hash >> 15n)) * PRIME[2]);
  hash = wrap((hash ^ (hash >> 13n)) * PRIME[3]);
  return Number(hash ^ (hash >> 16n));
}

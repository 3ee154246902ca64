/** MurmurHash3 a second way: byte by byte, in arbitrary precision, after Appleby's reference. The 64-bit one is whole, 128 bits. */

const wrap = (n: bigint, bits: bigint): bigint => n & ((1n << bits) - 1n);
const rotate = (n: bigint, by: bigint, bits: bigint): bigint => wrap(n << by, bits) | (wrap(n, bits) >> (bits - by));

/** The bytes from `offset` to `end` as a number, the first one lowest; none are 0. */
function littleEndian(bytes: Uint8Array, offset: number, end: number): bigint {
  let number = 0n;
  for (let i = Math.min(end, bytes.length) - 1; i >= offset; i--) number = number * 256n + BigInt(bytes[i]);
  return number;
}

export function slowMurmur3(bytes: Uint8Array, seed: number): number {
  const scramble = (word: bigint): bigint => wrap(rotate(wrap(word * 0xcc9e2d51n, 32n), 15n, 32n) * 0x1b873593n, 32n);
  let hash = BigInt(seed);
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = rotate(hash ^ scramble(littleEndian(bytes, at, at + 4)), 13n, 32n);
    hash = wrap(hash * 5n + 0xe6546b64n, 32n);
  }
  hash ^= scramble(littleEndian(bytes, at, bytes.length)) ^ BigInt(bytes.length);
  hash = wrap((hash ^ (hash >> 16n)) * 0x85ebca6bn, 32n);
  hash = wrap((hash ^ (hash >> 13n)) * 0xc2b2ae35n, 32n);
  return Number(hash ^ (hash >> 16n));
}

const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

/** The two halves of the answer, the one that comes first in memory first. */
export function slowMurmur3Wide(bytes: Uint8Array, seed: number): [bigint, bigint] {
  const product = (a: bigint, b: bigint): bigint => wrap(a * b, 64n);
  const scramble1 = (word: bigint): bigint => product(rotate(product(word, C1), 31n, 64n), C2);
  const scramble2 = (word: bigint): bigint => product(rotate(product(word, C2), 33n, 64n), C1);
  let hash1 = BigInt(seed);
  let hash2 = BigInt(seed);
  let at = 0;
  for (; at + 16 <= bytes.length; at += 16) {
    hash1 = rotate(hash1 ^ scramble1(littleEndian(bytes, at, at + 8)), 27n, 64n);
    hash1 = wrap((hash1 + hash2) * 5n + 0x52dce729n, 64n);
    hash2 = rotate(hash2 ^ scramble2(littleEndian(bytes, at + 8, at + 16)), 31n, 64n);
    hash2 = wrap((hash2 + hash1) * 5n + 0x38495ab5n, 64n);
  }
  hash2 ^= scramble2(littleEndian(bytes, at + 8, bytes.length));
  hash1 ^= scramble1(littleEndian(bytes, at, at + 8));
  hash1 ^= BigInt(bytes.length);
  hash2 ^= BigInt(bytes.length);
  hash1 = wrap(hash1 + hash2, 64n);
  hash2 = wrap(hash2 + hash1, 64n);
  hash1 = mixFinally(hash1);
  hash2 = mixFinally(hash2);
  hash1 = wrap(hash1 + hash2, 64n);
  return [hash1, wrap(hash2 + hash1, 64n)];
}

function mixFinally(n: bigint): bigint {
  let mixed = wrap((n ^ (n >> 33n)) * 0xff51afd7ed558ccdn, 64n);
  mixed = wrap((mixed ^ (mixed >> 33n)) * 0xc4ceb9fe1a85ec53n, 64n);
  return mixed ^ (mixed >> 33n);
}

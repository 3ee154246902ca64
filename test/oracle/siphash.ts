/** SipHash-2-4 a second way: in arbitrary precision, round by round as the paper tells it. */
const MASK = (1n << 64n) - 1n;
const rotate = (n: bigint, by: bigint): bigint => ((n << by) & MASK) | (n >> (64n - by));

/** `key` has 16 bytes. The answer has 64 bits. */
export function slowSipHash(bytes: Uint8Array, key: Uint8Array): bigint {
  const [k0, k1] = [readNumber(key, 0), readNumber(key, 8)];
  const v = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const padded = new Uint8Array(8 * Math.floor(bytes.length / 8) + 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  for (let at = 0; at < padded.length; at += 8) {
    const number = readNumber(padded, at);
    v[3] ^= number;
    for (let round = 0; round < 2; round++) mix(v);
    v[0] ^= number;
  }
  v[2] ^= 0xffn;
  for (let round = 0; round < 4; round++) mix(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

function mix(v: bigint[]): void {
  const add = (to: number, from: number, by: bigint): void => {
    v[to] = (v[to] + v[from]) & MASK;
    v[from] = rotate(v[from], by) ^ v[to];
  };
  add(0, 1, 13n);
  v[0] = rotate(v[0], 32n);
  add(2, 3, 16n);
  add(0, 3, 21n);
  add(2, 1, 17n);
  v[2] = rotate(v[2], 32n);
}

function readNumber(bytes: Uint8Array, offset: number): bigint {
  let number = 0n;
  for (let i = 7; i >= 0; i--) number = number * 256n + BigInt(bytes[offset + i]);
  return number;
}

/** lookup3's hashlittle2 a second way: byte by byte, in arbitrary precision, with the mixing steps as a table. */
const MODULUS = 1n << 32n;
const wrap = (n: bigint): bigint => ((n % MODULUS) + MODULUS) % MODULUS;
const rotate = (n: bigint, by: bigint): bigint => wrap(n << by) | (n >> (32n - by));

/** Of each step of the mixing: which of a, b, c is subtracted from which, by how much it is turned, and which one grows. */
const MIX = [
  { from: 0, by: 2, turn: 4n, grows: 2, with: 1 },
  { from: 1, by: 0, turn: 6n, grows: 0, with: 2 },
  { from: 2, by: 1, turn: 8n, grows: 1, with: 0 },
  { from: 0, by: 2, turn: 16n, grows: 2, with: 1 },
  { from: 1, by: 0, turn: 19n, grows: 0, with: 2 },
  { from: 2, by: 1, turn: 4n, grows: 1, with: 0 },
];

const FINAL = [
  { to: 2, by: 1, turn: 14n },
  { to: 0, by: 2, turn: 11n },
  { to: 1, by: 0, turn: 25n },
  { to: 2, by: 1, turn: 16n },
  { to: 0, by: 2, turn: 4n },
  { to: 1, by: 0, turn: 14n },
  { to: 2, by: 1, turn: 24n },
];

/** [c, b]. */
export function slowLookup3(bytes: Uint8Array, initialC: number, initialB = 0): [number, number] {
  const start = wrap(0xdeadbeefn + BigInt(bytes.length) + BigInt(initialC));
  let state = [start, start, wrap(start + BigInt(initialB))];
  let rest = bytes;
  while (rest.length > 12) {
    addBytes(state, rest.subarray(0, 12));
    rest = rest.subarray(12);
    state = slowMix(state);
  }
  if (rest.length > 0) {
    addBytes(state, rest);
    state = slowFinal(state);
  }
  return [Number(state[2]), Number(state[1])];
}

/** a, b and c, which may have outgrown 32 bits, mixed. */
export function slowMix(words: readonly bigint[]): bigint[] {
  const state = words.map(wrap);
  for (const { from, by, turn, grows, with: other } of MIX) {
    state[from] = wrap(state[from] - state[by]) ^ rotate(state[by], turn);
    state[grows] = wrap(state[grows] + state[other]);
  }
  return state;
}

/** As they are mixed at the end. */
export function slowFinal(words: readonly bigint[]): bigint[] {
  const state = words.map(wrap);
  for (const { to, by, turn } of FINAL) state[to] = wrap((state[to] ^ state[by]) - rotate(state[by], turn));
  return state;
}

function addBytes(state: bigint[], bytes: Uint8Array): void {
  bytes.forEach((byte, i) => {
    state[i >> 2] = wrap(state[i >> 2] + (BigInt(byte) << BigInt(8 * (i & 3))));
  });
}

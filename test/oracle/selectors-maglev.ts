/** Katran's ring a second way: permutations written out in full, and turns told one by one. Nothing of the product is imported. */
export interface PlainBackend {
  readonly hash: bigint;
  readonly weight: number;
}

const U64 = (1n << 64n) - 1n;
const rotl = (x: bigint, r: number): bigint => ((x << BigInt(r)) | (x >> BigInt(64 - r))) & U64;

/** MurmurHash3_x64_128 of exactly two words, its first half. */
function hashOfTwoWords(a: bigint, b: bigint, seed: bigint): bigint {
  const c1 = 0x87c37b91114253d5n;
  const c2 = 0x4cf5ad432745937fn;
  let h1 = seed ^ ((rotl((a * c1) & U64, 31) * c2) & U64);
  h1 = ((rotl(h1, 27) + seed) * 5n + 0x52dce729n) & U64;
  let h2 = seed ^ ((rotl((b * c2) & U64, 33) * c1) & U64);
  h2 = ((rotl(h2, 31) + h1) * 5n + 0x38495ab5n) & U64;
  h1 ^= 16n;
  h2 ^= 16n;
  h1 = (h1 + h2) & U64;
  h2 = (h2 + h1) & U64;
  const mix = (h: bigint): bigint => {
    let k = ((h ^ (h >> 33n)) * 0xff51afd7ed558ccdn) & U64;
    k = ((k ^ (k >> 33n)) * 0xc4ceb9fe1a85ec53n) & U64;
    return k ^ (k >> 33n);
  };
  return (mix(h1) + mix(h2)) & U64;
}

export function slowKatranRing(backends: readonly PlainBackend[], places: number, version: 1 | 2): number[] {
  const size = BigInt(places);
  const preferences = backends.map(({ hash }) => {
    const offset = hashOfTwoWords(hash, 42n, 0n) % size;
    const skip = (hashOfTwoWords(hash, 2718281828n, 2307n) % (size - 1n)) + 1n;
    return Array.from({ length: places }, (_, j) => Number((offset + BigInt(j) * skip) % size));
  });
  const ring = new Array<number>(places).fill(-1);
  const takeOne = (backend: number): void => {
    const free = preferences[backend].find((place) => ring[place] === -1);
    if (free !== undefined) ring[free] = backend;
  };
  const heaviest = Math.max(...backends.map(({ weight }) => weight));
  const gained = backends.map(() => 0);
  for (let round = 0; ring.includes(-1); round++) {
    backends.forEach(({ weight }, backend) => {
      if (version === 1) for (let turn = 0; turn < (round === 0 ? weight : 1); turn++) takeOne(backend);
      else {
        gained[backend] += weight;
        if (gained[backend] >= heaviest) {
          gained[backend] -= heaviest;
          takeOne(backend);
        }
      }
    });
  }
  return ring;
}

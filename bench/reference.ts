/** The loop that every figure is held against, so that machines compare: a good hash in plain JavaScript, four words at a time. */

/** MurmurHash3_x86_32 (Austin Appleby) of whole words. */
export function murmur3(words: Uint32Array, count: number, seed: number): number {
  let hash = seed;
  for (let i = 0; i < count; i++) {
    const scrambled = Math.imul(words[i], 0xcc9e2d51);
    hash ^= Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= count * 4;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The loop that every figure is held against, so that machines compare: a good hash in plain JavaScript, four words at a time. */

/** MurmurHash3_x86_32 (Austin Appleby) of `count` whole words from `first` on. */
export function murmur3(words: Uint32Array, count: number, seed: number, first = 0): number {
  let hash = seed;
  for (let i = first; i < first + count; i++) {
    const scrambled = Math.imul(words[i], 0xcc9e2d51);
    hash ^= Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= count * 4;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Of the loop, on the machine that the aims were set for. */
export const TARGET_NANOSECONDS = 4.2;

export const RECORDS = 4096;
const records = Uint32Array.from({ length: RECORDS * 4 }, (_, i) => Math.imul(i, 0x9e3779b1));

/** The loop as it was timed there: murmur3 over each of many records, which nobody has just written. */
export function hashRecords(): number {
  let sum = 0;
  for (let i = 0; i < RECORDS; i++) sum = (sum + murmur3(records, 4, 42, i * 4)) | 0;
  return sum;
}

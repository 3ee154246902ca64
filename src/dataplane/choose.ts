/**
 * From a hash to a next hop, by the record of a group: a bucket, or the first bound that is not below. The same for the short
 * way of plain packets and for all others.
 */
import { GROUP_RECORD, HEADER, REDUCTION } from "../fib/layout.ts";

// Imported objects are looked up at every use; these are not.
const { owners: GROUP_OWNERS, reduction: GROUP_REDUCTION } = GROUP_RECORD;
const { clock: HEADER_CLOCK } = HEADER;
const { agedBuckets: REDUCTION_AGED, bounds: REDUCTION_BOUNDS } = REDUCTION;

/** The next-hop index for `bits` (a hash, signed or not) in the group at `record`, which has `count` buckets or bounds. */
export function choose(words: Uint32Array, record: number, count: number, bits: number): number {
  const owners = record + GROUP_OWNERS;
  const value = bits >>> 0;
  if (words[record + GROUP_REDUCTION] === REDUCTION_BOUNDS) return words[owners + findBound(words, owners + count, count, value)];
  // As a whole number at once (>>> 0): for all V8 knows a count may be 0 and the remainder NaN, and then it calls fmod.
  const bucket = (value % count) >>> 0;
  if (words[record + GROUP_REDUCTION] === REDUCTION_AGED) words[words[owners + count] + bucket] = words[HEADER_CLOCK];
  return words[owners + bucket];
}

/** The first of `count` bounds that is not below `value`. */
function findBound(words: Uint32Array, bounds: number, count: number, value: number): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= words[bounds + middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Jump consistent hashing (Lamping and Veach 2014, arXiv:1406.2294): no table and no memory, only arithmetic that says for
 * each number of members which one a key jumps to last. When one is added *at the end* of the order only its own keys move;
 * but one that departs from anywhere else renumbers those behind it, and their keys move as well. That makes it a hash for
 * shards, not for next hops, which is what it is here to show.
 *
 * Ours: a bucket of the table is a key, and a member of weight w stands w times in a row (after division by the greatest
 * common divisor).
 */
import type { Selector } from "../table.ts";
import { modulo } from "./modulo.ts";
import { scramble } from "./scatter.ts";
import { checkBuckets, emptyTable } from "./share-out.ts";

const DEFAULT_JUMP_BUCKETS = 4096;

export const jump: Selector = {
  name: "jump",
  stateful: false,
  ordered: true,
  movement: "any",
  evenness: "sampled",
  fill: (members, { buckets = DEFAULT_JUMP_BUCKETS, seed = 0 }) => {
    checkBuckets("jump", buckets, members);
    if (members.length === 0) return emptyTable();
    // Who stands where is what modulo-N's table says.
    const places = modulo.fill(members, {}).owners;
    const owners = Uint16Array.from({ length: buckets }, (_, bucket) => places[jumpHash(bucketKey(bucket, seed), places.length)]);
    return { members, reduction: "buckets", owners };
  },
};

const bucketKey = (bucket: number, seed: number): bigint =>
  (BigInt(scramble(bucket ^ scramble(seed))) << 32n) | BigInt(scramble(bucket ^ scramble(~seed)));

/** The bucket below `count` of a 64-bit key: the last one that it jumped to. */
export function jumpHash(key: bigint, count: number): number {
  let state = key;
  let last = -1;
  for (let next = 0; next < count; ) {
    last = next;
    state = BigInt.asUintN(64, state * 2862933555777941757n + 1n);
    next = Math.floor((last + 1) * (0x80000000 / (Number(state >> 33n) + 1)));
  }
  return last;
}

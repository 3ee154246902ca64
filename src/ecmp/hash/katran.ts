/**
 * Katran's hash of a packet (facebookincubator/katran `katran/lib/bpf/balancer_kern.c`, `get_packet_hash`): jhash of two words,
 * the source address and both ports. An IPv6 source comes into it as a word of its own, its own jhash; so here whatever stands
 * before a key's last word does, where it is more than a word. Over source address and ports the key is what Katran hashes.
 */
import type { Hash, HashFunction } from "../hash-function.ts";
import { createJhash2 } from "./jhash.ts";
import { wordAt } from "./word.ts";

/** MAX_VIPS and RING_SIZE of `balancer_consts.h`: the two seeds are made of them, unless a build says otherwise. */
const VIPS = 512;
const RINGS_SIZE = VIPS * 65_537;

export const katran: Hash = {
  name: "katran",
  bits: 32,
  seeded: false,
  perPacket: false,
  create: () => createKatranHash(RINGS_SIZE, VIPS),
};

/** INIT_JHASH_SEED and INIT_JHASH_SEED_V6. */
export function createKatranHash(seed: number, addressSeed: number): HashFunction {
  const hashAddress = createJhash2(addressSeed);
  const hashPair = createJhash2(seed);
  const pair = new Uint32Array(2);
  return ({ words }, length) => {
    const last = Math.max(1, (length - 1) >> 2);
    pair[0] = last > 1 ? hashAddress(words, last) : wordAt(words, 0, length);
    pair[1] = wordAt(words, last, length);
    return hashPair(pair, 2);
  };
}

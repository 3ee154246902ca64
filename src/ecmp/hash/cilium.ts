/**
 * Cilium's hash of a packet (cilium/cilium `bpf/lib/hash.h`), keyed by the cluster's seed. Over source address, ports and protocol
 * the key is what Cilium hashes: in IPv4 three words, by jhash; in IPv6 six, by jhash's mixing steps from zeros on, and the seed
 * as a word behind them. A longer key is mixed on in the same way.
 */
import { CILIUM_SEED_BYTES, DEFAULT_CILIUM_SEED, parseCiliumSeed, splitCiliumSeed } from "../cilium-seed.ts";
import type { Hash, HashFunction } from "../hash-function.ts";
import { KEY_CAPACITY } from "../key.ts";
import { createJhash2, JHASH_INITIAL } from "./jhash.ts";
import { wordAt } from "./word.ts";

/** What is mixed at a time. */
const TURN_WORDS = 3;
const TURN_BYTES = 4 * TURN_WORDS;
const MAXIMUM_TURNS = Math.ceil(KEY_CAPACITY / TURN_BYTES) + 1;

export const cilium: Hash = {
  name: "cilium",
  bits: 32,
  seeded: false,
  keyBytes: [CILIUM_SEED_BYTES, CILIUM_SEED_BYTES],
  perPacket: false,
  create: (_, { key } = {}): HashFunction => {
    const seeds = key === undefined ? parseCiliumSeed(DEFAULT_CILIUM_SEED) : splitCiliumSeed(key);
    const hashThree = createJhash2(seeds.ipv4);
    // jhash starts from a constant, the length and a number of the caller's: this one makes zeros of them.
    const hashTurns = Array.from({ length: MAXIMUM_TURNS + 1 }, (_, turns) =>
      createJhash2(-(JHASH_INITIAL + TURN_BYTES * turns)),
    );
    const input = new Uint32Array(MAXIMUM_TURNS * TURN_WORDS);
    return ({ words }, length) => {
      const turns = Math.max(1, Math.ceil(length / TURN_BYTES));
      const end = turns * TURN_WORDS;
      for (let i = 0; i < end; i++) input[i] = wordAt(words, i, length);
      if (turns === 1) return hashThree(input, TURN_WORDS);
      input[end] = seeds.ipv6;
      input[end + 1] = 0;
      input[end + 2] = 0;
      return hashTurns[turns + 1](input, end + TURN_WORDS);
    };
  },
};

/**
 * The two that break connections on purpose: they look at no key, so each packet of a connection goes its own way (SAI RANDOM
 * and ROUND_ROBIN, bmv2's round_robin). Each function made here has a state of its own, so two workers count apart.
 */
import { seededRandom } from "../../net/random.ts";
import type { Hash, HashFunction } from "../hash-function.ts";

export const random: Hash = {
  name: "random",
  bits: 32,
  seeded: true,
  perPacket: true,
  create: (seed): HashFunction => seededRandom(seed),
};

/** Counts from the seed. In turn over buckets; over bounds it stays with one member for as long as a range is wide. */
export const roundRobin: Hash = {
  name: "round-robin",
  bits: 32,
  seeded: true,
  perPacket: true,
  create(seed): HashFunction {
    let next = seed;
    return () => {
      const answer = next;
      next = (next + 1) >>> 0;
      return answer;
    };
  },
};

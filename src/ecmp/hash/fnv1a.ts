/**
 * FNV-1a, 32 bits (Fowler, Noll and Vo; RFC 9923): a byte at a time. The seed is exclusive-ored into the offset basis, so that
 * seed 0 is the published function.
 */
import type { Hash, HashFunction } from "../hash-function.ts";

export const fnv1a: Hash = {
  name: "fnv1a",
  bits: 32,
  seeded: true,
  perPacket: false,
  create(seed): HashFunction {
    const start = seed ^ 0x811c9dc5;
    return ({ bytes }, length) => {
      let hash = start;
      for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
      return hash >>> 0;
    };
  },
};

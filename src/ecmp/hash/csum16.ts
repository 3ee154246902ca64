/**
 * The Internet checksum (RFC 1071) of a key, as bmv2's csum16: the complement of the ones' complement sum of its halfwords in
 * network order. The seed, of which the low 16 bits count, is one more of them.
 */
import type { Hash, HashFunction } from "../hash-function.ts";
import { wordAt } from "./word.ts";

export const csum16: Hash = {
  name: "csum16",
  bits: 16,
  seeded: true,
  perPacket: false,
  create(seed): HashFunction {
    const start = ((seed & 0xff) << 8) | ((seed >>> 8) & 0xff);
    return ({ words }, length) => {
      // Summed with the bytes of each halfword changed over, which changes the bytes of the sum over and nothing else.
      const whole = length >>> 2;
      const tail = wordAt(words, whole, length);
      let sum = start + (tail & 0xffff) + (tail >>> 16);
      for (let i = 0; i < whole; i++) sum += (words[i] & 0xffff) + (words[i] >>> 16);
      sum = (sum & 0xffff) + (sum >>> 16);
      sum = ~(sum + (sum >>> 16));
      return ((sum & 0xff) << 8) | ((sum >>> 8) & 0xff);
    };
  },
};

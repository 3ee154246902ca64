/**
 * Exclusive-or of the halfwords or words of a key, in network order, the last one filled up with zeros, as in bmv2. The seed is
 * one more of them: it moves every key alike, so it does not make routers differ. So weak that flows which a counter in two
 * fields tells apart may all be one.
 */
import { swapBytes } from "../../net/byte-order.ts";
import type { Hash, HashFunction } from "../hash-function.ts";
import { wordAt } from "./word.ts";

export const xor32: Hash = {
  name: "xor32",
  bits: 32,
  seeded: true,
  perPacket: false,
  create(seed): HashFunction {
    return ({ words }, length) => (swapBytes(xorWords(words, length)) ^ seed) >>> 0;
  },
};

export const xor16: Hash = {
  name: "xor16",
  bits: 16,
  seeded: true,
  perPacket: false,
  create(seed): HashFunction {
    return ({ words }, length) => {
      const word = swapBytes(xorWords(words, length));
      return (word ^ (word >>> 16) ^ seed) & 0xffff;
    };
  },
};

function xorWords(words: Uint32Array, length: number): number {
  const whole = length >>> 2;
  let word = wordAt(words, whole, length);
  for (let i = 0; i < whole; i++) word ^= words[i];
  return word;
}

/**
 * The hash algorithms of SAI (`sai_hash_algorithm_t`, inc/saiswitch.h), by their names. What is public is the enumeration, that
 * CRC_32LO and CRC_32HI are the lower and the upper 16 bits of a 32-bit CRC, that CRC_CCITT has the CCITT polynomial, and that
 * JENKINS_LO and JENKINS_HI are the lower and the upper 16 bits of lookup3. What each switch chip makes of the others, their
 * widths, and how any of them takes the seed in, is not. Our choices:
 *
 *   CRC, CRC_32LO, CRC_32HI     CRC-32 (IEEE), and its halves     XOR                        xor16
 *   CRC_CCITT                   crc16-ccitt                       JENKINS_LO, JENKINS_HI     the halves of lookup3's c
 *   CRC_XOR                     the two halves of CRC-32, exclusive-or. (crc16-ccitt ^ xor16 would seem nearer, and is always
 *                               of the same parity, because x + 1 divides the polynomial: half of all buckets may stay empty)
 *
 * RANDOM and ROUND_ROBIN are `random` and `round-robin`.
 */
import type { Hash, HashFunction } from "../hash-function.ts";
import { crc16Ccitt, crc32 } from "./crc.ts";
import { lookup3 } from "./lookup3.ts";
import { xor16 } from "./xor.ts";

export const saiCrc: Hash = { ...crc32, name: "sai-crc" };
export const saiXor: Hash = { ...xor16, name: "sai-xor" };
export const saiCrc32Lo = halfOf(crc32, 0, "sai-crc-32lo");
export const saiCrc32Hi = halfOf(crc32, 16, "sai-crc-32hi");
export const saiCrcCcitt: Hash = { ...crc16Ccitt, name: "sai-crc-ccitt" };
export const saiJenkinsLo = halfOf(lookup3, 0, "sai-jenkins-lo");
export const saiJenkinsHi = halfOf(lookup3, 16, "sai-jenkins-hi");

export const saiCrcXor: Hash = {
  name: "sai-crc-xor",
  bits: 16,
  seeded: true,
  perPacket: false,
  create(seed): HashFunction {
    const whole = crc32.create(seed);
    return (key, length) => {
      const crc = whole(key, length);
      return (crc ^ (crc >>> 16)) & 0xffff;
    };
  },
};

/** The 16 bits of the answer from bit `shift` on. */
function halfOf(hash: Hash, shift: 0 | 16, name: string): Hash {
  return {
    name,
    bits: 16,
    seeded: hash.seeded,
    perPacket: false,
    create(seed): HashFunction {
      const whole = hash.create(seed);
      return (key, length) => (whole(key, length) >>> shift) & 0xffff;
    },
  };
}

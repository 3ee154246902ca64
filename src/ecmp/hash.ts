/**
 * The hashes there are. A new one is one file in `hash/` and one row here; configuration, experiments, benchmarks and the
 * common test suite find it by its row. A hash is made once for a seed and then called per packet: no allocation, and the
 * answer is an unsigned 32-bit number, whatever the number of bits that carry it.
 */
import { cilium } from "./hash/cilium.ts";
import { crc16Ccitt, crc16Ibm, crc32, crc32c } from "./hash/crc.ts";
import { csum16 } from "./hash/csum16.ts";
import { fnv1a } from "./hash/fnv1a.ts";
import { identity } from "./hash/identity.ts";
import { jhash } from "./hash/jhash.ts";
import { katran } from "./hash/katran.ts";
import { lookup3, lookup3High } from "./hash/lookup3.ts";
import { murmur3_32 } from "./hash/murmur3-32.ts";
import { murmur3_x64 } from "./hash/murmur3-x64.ts";
import { random, roundRobin } from "./hash/per-packet.ts";
import { saiCrc, saiCrc32Hi, saiCrc32Lo, saiCrcCcitt, saiCrcXor, saiJenkinsHi, saiJenkinsLo, saiXor } from "./hash/sai.ts";
import { siphash } from "./hash/siphash.ts";
import { toeplitz, toeplitzSymmetric } from "./hash/toeplitz.ts";
import { xor16, xor32 } from "./hash/xor.ts";
import { xxh3 } from "./hash/xxh3.ts";
import { xxh32 } from "./hash/xxh32.ts";
import { xxh64 } from "./hash/xxh64.ts";
import type { Hash } from "./hash-function.ts";

export type { Hash, HashFunction } from "./hash-function.ts";

const ROWS = {
  xxh32,
  xxh64,
  xxh3,
  "murmur3-32": murmur3_32,
  "murmur3-x64": murmur3_x64,
  lookup3,
  "lookup3-high": lookup3High,
  jhash,
  katran,
  cilium,
  siphash,
  "crc16-ccitt": crc16Ccitt,
  "crc16-ibm": crc16Ibm,
  crc32,
  crc32c,
  toeplitz,
  "toeplitz-symmetric": toeplitzSymmetric,
  xor16,
  xor32,
  csum16,
  fnv1a,
  identity,
  random,
  "round-robin": roundRobin,
  "sai-crc": saiCrc,
  "sai-xor": saiXor,
  "sai-crc-32lo": saiCrc32Lo,
  "sai-crc-32hi": saiCrc32Hi,
  "sai-crc-ccitt": saiCrcCcitt,
  "sai-crc-xor": saiCrcXor,
  "sai-jenkins-lo": saiJenkinsLo,
  "sai-jenkins-hi": saiJenkinsHi,
};

export type HashName = keyof typeof ROWS;
export const HASHES: Readonly<Record<HashName, Hash> & Record<string, Hash>> = ROWS;

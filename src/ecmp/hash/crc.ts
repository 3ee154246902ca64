/**
 * Cyclic redundancy checks of 16 and 32 bits, each by the parameters under which the catalogue of CRC algorithms (Greg Cook,
 * reveng.sourceforge.io/crc-catalogue) has it. The seed is exclusive-ored into the initial value: seed 0 is the published
 * function, and crc32 with a seed goes on where zlib's crc32 of that value stopped. A CRC is linear: keys of one length that
 * collide under one seed collide under every other, so routers that differ by the seed alone do not spread differently.
 *
 * Four bytes a step. The register is kept with the byte that meets the next input lowest, whichever way the CRC counts its
 * bits, so that a little-endian word can be added as it is:
 *
 *   register     r3 r2 r1 r0  ^  w3 w2 w1 w0     four bytes, each of which has 3, 2, 1, 0 bytes of zeros still to pass
 *   next         tables[0][^3] ^ tables[1][^2] ^ tables[2][^1] ^ tables[3][^0]
 */
import { swapBytes } from "../../net/byte-order.ts";
import type { Hash, HashFunction } from "../hash-function.ts";

interface Crc {
  readonly name: string;
  readonly width: 16 | 32;
  readonly polynomial: number;
  /** Whether bits, of the input and of the answer, count from the lowest. */
  readonly reflected: boolean;
  readonly initial: number;
  readonly finalXor: number;
}

/**
 * CRC-16/IBM-3740, alias CCITT-FALSE: bmv2's crcCCITT. Others mean by "CCITT" the same polynomial from 0 (XMODEM) or reflected
 * (KERMIT).
 */
export const crc16Ccitt = createCrc({
  name: "crc16-ccitt",
  width: 16,
  polynomial: 0x1021,
  reflected: false,
  initial: 0xffff,
  finalXor: 0,
});

/** CRC-16/ARC, alias CRC-16, CRC-IBM, bisync: bmv2's crc16. */
export const crc16Ibm = createCrc({
  name: "crc16-ibm",
  width: 16,
  polynomial: 0x8005,
  reflected: true,
  initial: 0,
  finalXor: 0,
});

/** CRC-32/ISO-HDLC: IEEE 802.3, zlib, bmv2's crc32. */
export const crc32 = createCrc({
  name: "crc32",
  width: 32,
  polynomial: 0x04c11db7,
  reflected: true,
  initial: 0xffffffff,
  finalXor: 0xffffffff,
});

/** CRC-32/ISCSI, Castagnoli: the one that x86 and ARM have instructions for. */
export const crc32c = createCrc({
  name: "crc32c",
  width: 32,
  polynomial: 0x1edc6f41,
  reflected: true,
  initial: 0xffffffff,
  finalXor: 0xffffffff,
});

function createCrc(crc: Crc): Hash {
  const { name, width, reflected, initial, finalXor } = crc;
  const tables = fillTables(crc);
  const unused = 32 - width;
  return {
    name,
    bits: width,
    seeded: true,
    perPacket: false,
    create(seed): HashFunction {
      const atTop = (initial ^ seed) << unused;
      const start = reflected ? atTop >>> unused : swapBytes(atTop);
      return ({ bytes, words }, length) => {
        let register = start;
        const whole = length >>> 2;
        for (let i = 0; i < whole; i++) {
          register ^= words[i];
          register =
            tables[768 + (register & 0xff)] ^
            tables[512 + ((register >>> 8) & 0xff)] ^
            tables[256 + ((register >>> 16) & 0xff)] ^
            tables[register >>> 24];
        }
        for (let i = whole << 2; i < length; i++) register = (register >>> 8) ^ tables[(register ^ bytes[i]) & 0xff];
        if (!reflected) register = swapBytes(register) >>> unused;
        return (register ^ finalXor) >>> 0;
      };
    },
  };
}

/** Table k, at 256 * k: what becomes of a byte that k zero bytes follow. */
function fillTables({ width, polynomial, reflected }: Crc): Int32Array {
  const tables = new Int32Array(1024);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = (reflected ? reverseBits(byte) : byte << 24) | 0;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder << 1) ^ (remainder < 0 ? polynomial << (32 - width) : 0);
    tables[byte] = reflected ? reverseBits(remainder) : swapBytes(remainder);
  }
  for (let i = 256; i < tables.length; i++) tables[i] = (tables[i - 256] >>> 8) ^ tables[tables[i - 256] & 0xff];
  return tables;
}

function reverseBits(word: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed |= ((word >>> bit) & 1) << (31 - bit);
  return reversed;
}

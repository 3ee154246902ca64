/**
 * Arithmetic of 64 bits on halves of 32, for the hashes that are defined in 64: a BigInt is allocated at each
 * step, and FNV of a 5-tuple took 460 ns with it. A function cannot return two numbers without allocating either, so each of these
 * gives the upper half of a result; the lower one is plain, `(a + b) | 0` and `Math.imul(a, b)`. Halves may come signed or
 * unsigned; results are signed.
 */

import { createHalves, type Hash, type HashFunction, type HashParameters, type WideHashFunction } from "../hash-function.ts";

/** A hash of 64 bits, of which the plain form answers with the low half. */
export function wideHash(name: string, createWide: (seed: number, parameters?: HashParameters) => WideHashFunction): Hash {
  return {
    name,
    bits: 32,
    seeded: true,
    perPacket: false,
    createWide,
    create(seed, parameters): HashFunction {
      const wide = createWide(seed, parameters);
      const halves = createHalves();
      return (key, length) => {
        wide(key, length, halves);
        return halves[0];
      };
    },
  };
}

/** Upper half of a + b. The carry as a number: as a branch (`? 1 : 0`) it goes wrong every other time. */
export const sumHigh = (aLow: number, aHigh: number, bLow: number, bHigh: number): number =>
  (aHigh + bHigh + Number((aLow + bLow) >>> 0 < aLow >>> 0)) | 0;

/** Upper half of the low 64 bits of a * b. */
export const productHigh = (aLow: number, aHigh: number, bLow: number, bHigh: number): number =>
  (upperProduct(aLow, bLow) + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) | 0;

/** The upper 32 of the 64 bits of a * b, both of 32 bits: schoolbook multiplication with digits of 16. */
export function upperProduct(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) | 0;
  const cross = (Math.imul(a0, b1) + (middle & 0xffff)) | 0;
  return (Math.imul(a1, b1) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** One half of a 64-bit number rotated left by 1 to 31 bits: of the low one, `other` is the high one, and the reverse. */
export const rotateHalf = (half: number, other: number, bits: number): number => (half << bits) | (other >>> (32 - bits));

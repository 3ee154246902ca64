/** Words as the network has them, and as the little-endian machines that we support load them from memory. */

/** From one to the other, signed. Two rotations and two masks cost less than four shifts. */
export const swapBytes = (word: number): number =>
  (((word << 8) | (word >>> 24)) & 0x00ff00ff) | (((word << 24) | (word >>> 8)) & 0xff00ff00);

/** The same of 16 bits, unsigned. */
export const swapBytes16 = (word: number): number => ((word << 8) | (word >>> 8)) & 0xffff;

/** A CRC a second way: bit by bit, by the definition, a division of polynomials over two elements. */
export interface SlowCrc {
  readonly width: number;
  readonly polynomial: bigint;
  readonly initial: bigint;
  readonly reflected: boolean;
  readonly finalXor: bigint;
}

export function slowCrc({ width, polynomial, initial, reflected, finalXor }: SlowCrc, bytes: Uint8Array): number {
  const top = 1n << BigInt(width);
  let remainder = initial;
  for (const byte of bytes) {
    for (let i = 0; i < 8; i++) {
      const bit = BigInt((byte >> (reflected ? i : 7 - i)) & 1);
      remainder = (remainder << 1n) ^ (bit << BigInt(width));
      if (remainder & top) remainder ^= top | polynomial;
    }
  }
  const digits = remainder.toString(2).padStart(width, "0");
  return Number(BigInt(`0b${reflected ? [...digits].reverse().join("") : digits}`) ^ finalXor);
}

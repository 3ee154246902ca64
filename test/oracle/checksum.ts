/** The Internet checksum a second way: as one long number, 16 bits a digit, modulo 65535 (RFC 1071, equation 1). */
export function slowChecksum(bytes: Uint8Array): number {
  let sum = 0n;
  for (let i = 0; i < bytes.length; i++) sum += BigInt(bytes[i]) << (i % 2 === 0 ? 8n : 0n);
  const folded = sum === 0n ? 0n : sum % 65535n === 0n ? 65535n : sum % 65535n;
  return Number(folded ^ 0xffffn);
}

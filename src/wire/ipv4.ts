/**
 * IPv4 headers as views over (bytes, offset of the header) (RFC 791 section 3.1).
 *
 *   0        1     2              4           6              8     9        10         12      16
 *   |ver|ihl | tos | total length | identifier | flags, offset | ttl | protocol | checksum | source | destination
 *
 * The accessors make no judgement; the caller has checked that IPV4_HEADER_LENGTH bytes are there.
 */
export const IPV4_HEADER_LENGTH = 20;

export const readVersion = (bytes: Uint8Array, ip: number): number => bytes[ip] >>> 4;
/** In bytes, options included. */
export const readHeaderLength = (bytes: Uint8Array, ip: number): number => (bytes[ip] & 15) << 2;
export const readTotalLength = (bytes: Uint8Array, ip: number): number => (bytes[ip + 2] << 8) | bytes[ip + 3];
/** Not zero for every fragment of a datagram, the first included: more-fragments bit and fragment offset. */
export const readFragmentBits = (bytes: Uint8Array, ip: number): number => ((bytes[ip + 6] << 8) | bytes[ip + 7]) & 0x3fff;
export const readDontFragment = (bytes: Uint8Array, ip: number): boolean => (bytes[ip + 6] & 0x40) !== 0;
export const readTtl = (bytes: Uint8Array, ip: number): number => bytes[ip + 8];
export const readProtocol = (bytes: Uint8Array, ip: number): number => bytes[ip + 9];
export const readChecksum = (bytes: Uint8Array, ip: number): number => (bytes[ip + 10] << 8) | bytes[ip + 11];

/**
 * Takes one off the TTL and mends the checksum (RFC 1141, with 0xffff made 0x0000 as Linux's ip_decrease_ttl does): the TTL
 * is the upper byte of its word, so the checksum grows by 0x0100, with the carry brought round.
 */
export function decrementTtl(bytes: Uint8Array, ip: number): void {
  bytes[ip + 8]--;
  const sum = readChecksum(bytes, ip) + 0x0100;
  const folded = sum >= 0xffff ? sum + 1 : sum;
  bytes[ip + 10] = folded >>> 8;
  bytes[ip + 11] = folded;
}

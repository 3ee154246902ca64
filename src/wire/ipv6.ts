/**
 * IPv6 headers as views over (bytes, offset of the header) (RFC 8200 section 3).
 *
 *   0                                     4                6             7           8        24
 *   | version, traffic class, flow label | payload length | next header | hop limit | source | destination
 *
 * The accessors make no judgement; the caller has checked that IPV6_HEADER_LENGTH bytes are there.
 */
export const IPV6_HEADER_LENGTH = 40;

export const readFlowLabel = (bytes: Uint8Array, ip: number): number =>
  ((bytes[ip + 1] & 15) << 16) | (bytes[ip + 2] << 8) | bytes[ip + 3];
/** Of what follows the fixed header, extension headers included. */
export const readPayloadLength = (bytes: Uint8Array, ip: number): number => (bytes[ip + 4] << 8) | bytes[ip + 5];
export const readNextHeader = (bytes: Uint8Array, ip: number): number => bytes[ip + 6];
export const readHopLimit = (bytes: Uint8Array, ip: number): number => bytes[ip + 7];

/** There is no checksum to mend. */
export function decrementHopLimit(bytes: Uint8Array, ip: number): void {
  bytes[ip + 7]--;
}

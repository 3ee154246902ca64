/** Fields of network-order messages. Readers trust their caller to have checked the length; writers give parts to join. */
export const read16 = (bytes: Uint8Array, offset: number): number => (bytes[offset] << 8) | bytes[offset + 1];

export const read32 = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3]) >>> 0;

export const uint16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];

export const uint32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

export function joinBytes(...parts: readonly ArrayLike<number>[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Text that came from a peer: invalid UTF-8 is replaced, control characters (terminal escapes, line breaks) are dropped. */
export const decodeText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).replaceAll(/\p{Cc}/gu, "");

export const encodeText = (text: string): Uint8Array => new TextEncoder().encode(text);

export const formatHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

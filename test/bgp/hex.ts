/** Bytes as tests write them: hex digits with any spaces. */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new Error(`Not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export const MARKER = "ffffffff ffffffff ffffffff ffffffff";

/** A body of an UPDATE, its two lengths filled in. */
export function updateBody(withdrawn: string, attributes: string, nlri: string): Uint8Array {
  const length = (text: string) => hex(text).length.toString(16).padStart(4, "0");
  return hex(`${length(withdrawn)} ${withdrawn} ${length(attributes)} ${attributes} ${nlri}`);
}

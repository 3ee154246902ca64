/** What may be a password of TCP-MD5 (RFC 2385), in the configuration itself or in a file of its own. */

/** Linux takes keys of up to TCP_MD5SIG_MAXKEYLEN bytes. */
export const LONGEST_PASSWORD_BYTES = 80;

export function isPassword(text: string): boolean {
  const { length } = new TextEncoder().encode(text);
  return length >= 1 && length <= LONGEST_PASSWORD_BYTES;
}

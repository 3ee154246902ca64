/** What holds of whatever the decoder answers, whoever has written the bytes. Plain conditions: they are asked a million times. */
import { CONSEQUENCES, strongest } from "#src/bgp/error.ts";
import { HEADER_LENGTH } from "#src/bgp/framer.ts";
import { type DecodedMessage, encodeMessage } from "#src/bgp/message.ts";
import { maskAddress, maximumLength } from "#src/net/prefix.ts";

/**
 * The bound on what a message may cost: each of its bytes at most so many values (an object, a number or a text of what was
 * decoded), and so many for a message of none. The worst a byte can say is a prefix of length 0: an object of two numbers.
 */
export const VALUES_PER_BYTE = 3;
export const VALUES_PER_MESSAGE = 64;

/** Values in a value, itself included; bytes count as their length says, since they are copied or held. */
export function countValues(value: unknown): number {
  if (value instanceof Uint8Array) return 1;
  if (typeof value !== "object" || value === null) return 1;
  let count = 1;
  for (const part of Array.isArray(value) ? value : Object.values(value)) count += countValues(part);
  return count;
}

/** What bytes can be wrong as: a header, an OPEN, an UPDATE, a ROUTE-REFRESH (RFC 7313). */
const ERRORS_OF_BYTES: readonly number[] = [1, 2, 3, 7];

const require = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`broken promise: ${what}`);
};

export function checkPromises(decoded: DecodedMessage, bodyLength: number): void {
  const values = countValues(decoded);
  require(values <= VALUES_PER_BYTE * bodyLength + VALUES_PER_MESSAGE, `${values} values of ${bodyLength} bytes`);
  for (const { consequence } of decoded.faults) require(CONSEQUENCES.includes(consequence), `consequence ${consequence}`);
  if ("error" in decoded) {
    const { error } = decoded;
    require(ERRORS_OF_BYTES.includes(error.code), `error ${error.code}`);
    require(error.data.length <= HEADER_LENGTH + bodyLength, "a NOTIFICATION that is longer than its reason");
    encodeMessage({ kind: "notification", error }, 4);
    return;
  }
  if (decoded.message.kind !== "update") return;
  const { withdrawn, announcements, disabled } = decoded.message;
  for (const prefixes of [withdrawn, ...announcements.map((announcement) => announcement.prefixes)]) {
    for (const { address, length } of prefixes) {
      require(length <= maximumLength(address) && maskAddress(address, length) === address, "not a prefix");
    }
  }
  const consequence = strongest(decoded.faults);
  require(consequence !== "reset", "a message in spite of a reset");
  require((consequence === "disable-family") === (disabled !== undefined), "a family is disabled by a fault that says so");
  if (consequence !== "none" && consequence !== "discard") require(announcements.length === 0, "announced in spite of a fault");
  for (const { attributes } of announcements) {
    require(attributes.origin <= 2, "origin");
    for (const { asns } of attributes.asPath) require(asns.length > 0 && !asns.includes(0), "AS path");
  }
}

/**
 * NOTIFICATION (RFC 4271 4.5): the error that ends a session, and for a shutdown or reset by a person the words that came
 * with it (RFC 9003).
 *
 *   error code (1) | subcode (1) | data;  data of a shutdown:  length (1) | text in UTF-8
 */
import { decodeText, encodeText, joinBytes } from "./bytes.ts";
import { type BgpError, bgpError, type Decoded, errorName } from "./error.ts";
import { CEASE, ERROR, HEADER_ERROR } from "./iana.ts";

export interface NotificationMessage {
  readonly kind: "notification";
  readonly error: BgpError;
}

const MAXIMUM_TEXT_LENGTH = 255;

export function decodeNotification(body: Uint8Array): Decoded<NotificationMessage> {
  if (body.length < 2) return { error: bgpError(ERROR.messageHeader, HEADER_ERROR.badLength) };
  return { value: { kind: "notification", error: bgpError(body[0], body[1], body.subarray(2)) } };
}

export const encodeNotification = ({ error }: NotificationMessage): Uint8Array =>
  joinBytes([error.code, error.subcode], error.data);

export const cease = (subcode: number, data: ArrayLike<number> = []): BgpError => bgpError(ERROR.cease, subcode, data);

/** The Cease of a person who says why. Text is cut at a character, not in one. */
export function administrativeCease(
  subcode: typeof CEASE.administrativeShutdown | typeof CEASE.administrativeReset,
  text = "",
): BgpError {
  let fitting = text;
  while (encodeText(fitting).length > MAXIMUM_TEXT_LENGTH) fitting = Array.from(fitting).slice(0, -1).join("");
  const bytes = encodeText(fitting);
  return cease(subcode, bytes.length > 0 ? [bytes.length, ...bytes] : []);
}

export const isHardReset = ({ code, subcode }: BgpError): boolean => code === ERROR.cease && subcode === CEASE.hardReset;

/** A Hard Reset carries the error that it would have been (RFC 8538 section 3.1). */
const withinHardReset = (error: BgpError): BgpError | undefined =>
  isHardReset(error) && error.data.length >= 2 ? bgpError(error.data[0], error.data[1], error.data.subarray(2)) : undefined;

/** The error in words, for people. */
export function formatNotification(error: BgpError): string {
  const inner = withinHardReset(error);
  const text = shutdownText(error);
  const name = inner ? `${errorName(error)}: ${errorName(inner)}` : errorName(error);
  return text === undefined ? name : `${name} (${text})`;
}

/** The words of a shutdown, undefined where there are none. */
export function shutdownText(error: BgpError): string | undefined {
  const { code, subcode, data } = withinHardReset(error) ?? error;
  const byPerson = subcode === CEASE.administrativeShutdown || subcode === CEASE.administrativeReset;
  if (code !== ERROR.cease || !byPerson || !(data[0] > 0) || data[0] >= data.length) return undefined;
  return decodeText(data.subarray(1, 1 + data[0]));
}

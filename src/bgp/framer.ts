/**
 * Cuts a TCP byte stream into messages (RFC 4271 4.1). It has three answers: it needs more, here is a message, this is
 * wrong. Everything the header can get wrong is found as soon as the byte is there, before anything is waited for, so
 * garbage is answered at once, and no more than one message is ever held back: 4,096 bytes, or 65,535 where both sides have
 * agreed on extended messages (RFC 8654).
 *
 *    0..15   marker, all ones
 *   16..17   length of the message, these 19 bytes included
 *      18    type
 *
 * A session pushes each chunk and calls `next` until it needs more. A message that lies in one chunk is a view of it, one
 * that straddles chunks is copied once; either way its bytes are never written again.
 */
import { read16, uint16 } from "./bytes.ts";
import { type BgpError, bgpError } from "./error.ts";
import { ERROR, HEADER_ERROR, MESSAGE } from "./iana.ts";

export const MARKER_LENGTH = 16;
export const HEADER_LENGTH = 19;
export const MAXIMUM_MESSAGE_LENGTH = 4096;
export const MAXIMUM_EXTENDED_LENGTH = 65535;

/**
 * The shortest and longest message of each type, header included (RFC 4271 section 4, RFC 2918 section 3). What may be
 * extended (RFC 8654 section 3) has its bound in the framer, by what was agreed on.
 */
export const LENGTH_BOUNDS: ReadonlyMap<number, readonly [minimum: number, maximum: number]> = new Map([
  [MESSAGE.open, [29, MAXIMUM_MESSAGE_LENGTH]],
  [MESSAGE.update, [23, MAXIMUM_EXTENDED_LENGTH]],
  [MESSAGE.notification, [21, MAXIMUM_EXTENDED_LENGTH]],
  [MESSAGE.keepalive, [HEADER_LENGTH, HEADER_LENGTH]],
  [MESSAGE.routeRefresh, [23, 23]],
]);

export type Framing =
  | { readonly kind: "more" }
  | { readonly kind: "message"; readonly type: number; readonly body: Uint8Array }
  | { readonly kind: "error"; readonly error: BgpError };

const MORE: Framing = { kind: "more" };
const NOTHING = new Uint8Array(0);

export class Framer {
  /** The longest message that is taken; the next one is judged by it. */
  maximumLength = MAXIMUM_MESSAGE_LENGTH;
  /** The complaint about a ROUTE-REFRESH of a wrong length quotes it whole (RFC 7313 section 5): so it is taken. */
  takesAnyRefresh = false;
  /** The chunk in hand, and how far it is read. */
  private chunk: Uint8Array = NOTHING;
  private offset = 0;
  /** The beginning of a message whose end is in a later chunk: 19 bytes for the header, then as long as that says. */
  private partial: Uint8Array = NOTHING;
  private partialLength = 0;
  private failure: Framing | undefined;

  /** Hands over the next chunk; the last one must have been read to its end. */
  push(chunk: Uint8Array): void {
    if (this.offset < this.chunk.length && !this.failure) throw new Error("Framer: push before next() answered more");
    // Views of a Buffer are Buffers, and cost several times as much to make.
    this.chunk = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.offset = 0;
  }

  next(): Framing {
    if (this.failure) return this.failure;
    const left = this.chunk.length - this.offset;
    if (this.partialLength > 0) return this.nextOfPartial();
    const error = headerError(this.chunk, this.offset, left, this);
    if (error) return this.fail(error);
    const length = left < HEADER_LENGTH ? HEADER_LENGTH : read16(this.chunk, this.offset + MARKER_LENGTH);
    if (left < length) return this.keepPartial(length);
    const start = this.offset;
    this.offset += length;
    return toMessage(this.chunk, start, length);
  }

  private nextOfPartial(): Framing {
    this.fillPartial();
    const error = headerError(this.partial, 0, this.partialLength, this);
    if (error) return this.fail(error);
    if (this.partialLength < this.partial.length) return MORE;
    const length = read16(this.partial, MARKER_LENGTH);
    if (length > this.partial.length) {
      const header = this.partial;
      this.partial = new Uint8Array(length);
      this.partial.set(header);
      this.fillPartial();
      if (this.partialLength < length) return MORE;
    }
    this.partialLength = 0;
    return toMessage(this.partial, 0, length);
  }

  private keepPartial(length: number): Framing {
    if (this.offset === this.chunk.length) return MORE;
    this.partial = new Uint8Array(length);
    this.fillPartial();
    return MORE;
  }

  private fillPartial(): void {
    const length = Math.min(this.partial.length - this.partialLength, this.chunk.length - this.offset);
    this.partial.set(this.chunk.subarray(this.offset, this.offset + length), this.partialLength);
    this.partialLength += length;
    this.offset += length;
  }

  /** After an error there is no next boundary to be found: the answer stays. */
  private fail(error: BgpError): Framing {
    this.chunk = NOTHING;
    this.partial = NOTHING;
    this.failure = { kind: "error", error };
    return this.failure;
  }
}

const toMessage = (bytes: Uint8Array, offset: number, length: number): Framing => ({
  kind: "message",
  type: bytes[offset + HEADER_LENGTH - 1],
  body: bytes.subarray(offset + HEADER_LENGTH, offset + length),
});

type FramerLimits = Pick<Framer, "maximumLength" | "takesAnyRefresh">;

/** What is wrong with a header of which `length` bytes are there (RFC 4271 6.1). */
function headerError(bytes: Uint8Array, offset: number, length: number, limits: FramerLimits): BgpError | undefined {
  const markerEnd = offset + Math.min(MARKER_LENGTH, length);
  for (let at = offset; at < markerEnd; at++) {
    if (bytes[at] !== 0xff) return bgpError(ERROR.messageHeader, HEADER_ERROR.notSynchronized);
  }
  if (length < HEADER_LENGTH - 1) return undefined;
  const messageLength = read16(bytes, offset + MARKER_LENGTH);
  const badLength = () => bgpError(ERROR.messageHeader, HEADER_ERROR.badLength, uint16(messageLength));
  if (messageLength < HEADER_LENGTH || messageLength > limits.maximumLength) return badLength();
  if (length < HEADER_LENGTH) return undefined;
  const type = bytes[offset + HEADER_LENGTH - 1];
  const bounds = LENGTH_BOUNDS.get(type);
  if (!bounds) return bgpError(ERROR.messageHeader, HEADER_ERROR.badType, [type]);
  if (type === MESSAGE.routeRefresh && limits.takesAnyRefresh) return undefined;
  return messageLength < bounds[0] || messageLength > bounds[1] ? badLength() : undefined;
}

/** The header in front of a body of this length. */
export const header = (type: number, bodyLength: number): Uint8Array =>
  Uint8Array.of(...new Uint8Array(MARKER_LENGTH).fill(0xff), ...uint16(HEADER_LENGTH + bodyLength), type);

/** A whole message around `body`. */
export function frame(type: number, ...body: readonly ArrayLike<number>[]): Uint8Array {
  const length = body.reduce((sum, part) => sum + part.length, HEADER_LENGTH);
  if (length > MAXIMUM_MESSAGE_LENGTH) {
    throw new RangeError(`BGP message of type ${type} is too long: ${length} bytes, at most ${MAXIMUM_MESSAGE_LENGTH} wanted`);
  }
  const message = new Uint8Array(length);
  message.set(header(type, length - HEADER_LENGTH));
  let offset = HEADER_LENGTH;
  for (const part of body) {
    message.set(part, offset);
    offset += part.length;
  }
  return message;
}

/** What an observer can be asked, and the attributes of a route just as they came: flags included, nothing believed or dropped. */
import { read16 } from "../bgp/bytes.ts";
import { ATTRIBUTE_FLAG } from "../bgp/iana.ts";
import type { RawAttribute } from "../bgp/path.ts";
import type { Prefix } from "../net/prefix.ts";

export interface ObservedRoute {
  readonly asPath: readonly number[];
  readonly attributes: ReadonlyMap<number, RawAttribute>;
}

export interface Observed {
  /** As the speaker tells it now; undefined: it tells of none. */
  route(prefix: Prefix): ObservedRoute | undefined;
  /** In words what was wrong with the last UPDATE that told of it, if that cannot be believed: so there is no route. */
  fault(prefix: Prefix): string | undefined;
  /** Settles when it holds, or with false at `endMs`. Looked at again after every message. */
  until(holds: () => boolean, endMs: number): Promise<boolean>;
  /** How often its session was lost since the run began, to a message that could not be read or otherwise. */
  readonly brokenSessions: number;
}

/** The attributes in the body of an UPDATE that has been decoded without a fault. */
export function attributesOf(body: Uint8Array): Map<number, RawAttribute> {
  const attributes = new Map<number, RawAttribute>();
  const start = 2 + read16(body, 0) + 2;
  const end = start + read16(body, start - 2);
  for (let offset = start; offset + 3 <= end; ) {
    const [flags, type] = [body[offset], body[offset + 1]];
    const extended = (flags & ATTRIBUTE_FLAG.extendedLength) !== 0;
    const valueAt = offset + (extended ? 4 : 3);
    const valueEnd = valueAt + (extended ? read16(body, offset + 2) : body[offset + 2]);
    attributes.set(type, { type, flags, value: body.slice(valueAt, valueEnd) });
    offset = valueEnd;
  }
  return attributes;
}

/**
 * AS_PATH and its shadow AS4_PATH. A peer without four-octet AS numbers sends AS_TRANS in AS_PATH and the truth, as far as
 * it went through speakers that knew it, in AS4_PATH; the two are put together here (RFC 4271 5.1.2, RFC 6793 4.2).
 *
 *   segment:  type (1) | number of AS numbers (1) | AS numbers, 2 or 4 bytes each
 */
import { read16, read32, uint16, uint32 } from "./bytes.ts";
import { AS_TRANS } from "./iana.ts";
import { type AsPathSegment, SEGMENT } from "./path.ts";

export type AsnSize = 2 | 4;

const SEGMENT_CAPACITY = 255;

const isConfederation = (segment: AsPathSegment): boolean =>
  segment.type === SEGMENT.confederationSequence || segment.type === SEGMENT.confederationSet;

/** The segments, or in words why the path is malformed (RFC 7606 7.2, RFC 7607). */
export function decodeAsPath(value: Uint8Array, asnSize: AsnSize): AsPathSegment[] | string {
  const segments: AsPathSegment[] = [];
  for (let offset = 0; offset < value.length; ) {
    const type = value[offset];
    const count = value[offset + 1];
    const end = offset + 2 + count * asnSize;
    if (type < SEGMENT.set || type > SEGMENT.confederationSet) return `has a segment of type ${type}`;
    if (count === undefined || end > value.length) return "ends inside a segment";
    if (count === 0) return "has a segment without AS numbers";
    // Arrays without room to grow: paths are kept by the hundred thousand.
    const asns = new Array<number>(count);
    for (let i = 0, at = offset + 2; i < count; i++, at += asnSize)
      asns[i] = asnSize === 4 ? read32(value, at) : read16(value, at);
    if (asns.includes(0)) return "holds AS 0";
    segments.push({ type: type as AsPathSegment["type"], asns });
    offset = end;
  }
  return segments.slice();
}

/** In two octets, AS numbers that do not fit become AS_TRANS. Segments of more than 255 are cut. */
export function encodeAsPath(segments: readonly AsPathSegment[], asnSize: AsnSize): Uint8Array {
  const bytes: number[] = [];
  for (const { type, asns } of segments) {
    for (let start = 0; start < asns.length; start += SEGMENT_CAPACITY) {
      const part = asns.slice(start, start + SEGMENT_CAPACITY);
      bytes.push(type, part.length);
      for (const asn of part) bytes.push(...(asnSize === 4 ? uint32(asn) : uint16(twoOctets(asn))));
    }
  }
  return Uint8Array.from(bytes);
}

export const twoOctets = (asn: number): number => (asn > 0xffff ? AS_TRANS : asn);

/** The AS4_PATH that must go with a two-octet AS_PATH, if any is needed; confederations stay out of it (RFC 6793 4.2.2). */
export function as4PathOf(segments: readonly AsPathSegment[]): AsPathSegment[] | undefined {
  const needed = segments.some((segment) => segment.asns.some((asn) => asn > 0xffff));
  return needed ? segments.filter((segment) => !isConfederation(segment)) : undefined;
}

/** RFC 4271 9.1.2.2 a, RFC 5065 5.3: a set counts as one, confederations count as none. */
export function asPathLength(segments: readonly AsPathSegment[]): number {
  return segments.reduce((sum, segment) => sum + segmentLength(segment), 0);
}

function segmentLength(segment: AsPathSegment): number {
  if (isConfederation(segment)) return 0;
  return segment.type === SEGMENT.set ? 1 : segment.asns.length;
}

/**
 * RFC 6793 4.2.3: the speakers after the last one that knew four octets are only in AS_PATH, so its beginning is put in
 * front of AS4_PATH. An AS4_PATH that is longer than AS_PATH is stale and ignored.
 */
export function mergeAs4Path(asPath: readonly AsPathSegment[], as4Path: readonly AsPathSegment[]): readonly AsPathSegment[] {
  const tail = as4Path.filter((segment) => !isConfederation(segment));
  let lead = asPathLength(asPath) - asPathLength(tail);
  if (lead < 0) return asPath;
  const merged: AsPathSegment[] = [];
  for (const segment of asPath) {
    const length = segmentLength(segment);
    // Confederation segments stand in front and count for nothing: those that lie within the lead are kept.
    if (lead === 0 && length > 0) break;
    const partial = segment.type === SEGMENT.sequence && length > lead;
    merged.push(partial ? { type: segment.type, asns: segment.asns.slice(0, lead) } : segment);
    lead -= partial ? lead : length;
  }
  const last = merged.at(-1);
  const [first, ...rest] = tail;
  if (
    last?.type === SEGMENT.sequence &&
    first?.type === SEGMENT.sequence &&
    last.asns.length + first.asns.length <= SEGMENT_CAPACITY
  ) {
    return [...merged.slice(0, -1), { type: SEGMENT.sequence, asns: [...last.asns, ...first.asns] }, ...rest];
  }
  return [...merged, ...tail];
}

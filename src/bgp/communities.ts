/**
 * Communities that mean something to every router: the well-known ones, and the one extended community that we read, link
 * bandwidth. Which of them act, and where, is for `rib` to say.
 */
import type { PathAttributes } from "./path.ts";

/** https://www.iana.org/assignments/bgp-well-known-communities */
export const COMMUNITY = {
  gracefulShutdown: 0xffff0000, // RFC 8326
  blackhole: 0xffff029a, // RFC 7999
  noExport: 0xffffff01, // RFC 1997
  noAdvertise: 0xffffff02, // RFC 1997
  noExportSubconfed: 0xffffff03, // RFC 1997
  // no peer: 0xffffff04 (RFC 3765)
} as const;

export const hasCommunity = ({ communities }: PathAttributes, community: number): boolean =>
  communities?.includes(community) ?? false;

export const formatCommunity = (community: number): string => `${community >>> 16}:${community & 0xffff}`;

const EXTENDED_COMMUNITY_LENGTH = 8;
/** Of the type's first byte: do not pass on to another AS (RFC 4360 section 2). */
const NON_TRANSITIVE = 0x40;
const TWO_OCTET_AS = 0x00;
const LINK_BANDWIDTH = 0x04;

/** Bytes a second, as the sender says that it can take (draft-ietf-idr-link-bandwidth); passed on by us or not, it counts. */
export function linkBandwidth({ extendedCommunities }: PathAttributes): number | undefined {
  if (!extendedCommunities) return undefined;
  const view = new DataView(extendedCommunities.buffer, extendedCommunities.byteOffset, extendedCommunities.length);
  for (let at = 0; at < view.byteLength; at += EXTENDED_COMMUNITY_LENGTH) {
    if ((view.getUint8(at) & ~NON_TRANSITIVE) !== TWO_OCTET_AS || view.getUint8(at + 1) !== LINK_BANDWIDTH) continue;
    const bandwidth = view.getFloat32(at + 4);
    // What is no positive number is no bandwidth.
    if (bandwidth > 0 && bandwidth < Number.POSITIVE_INFINITY) return bandwidth;
  }
  return undefined;
}

/** Those that may leave the AS; undefined where none is left. */
export function transitiveOnly(extendedCommunities: Uint8Array): Uint8Array | undefined {
  const kept: number[] = [];
  for (let at = 0; at < extendedCommunities.length; at += EXTENDED_COMMUNITY_LENGTH) {
    if ((extendedCommunities[at] & NON_TRANSITIVE) === 0)
      kept.push(...extendedCommunities.subarray(at, at + EXTENDED_COMMUNITY_LENGTH));
  }
  return kept.length > 0 ? Uint8Array.from(kept) : undefined;
}

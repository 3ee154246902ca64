/** A link bandwidth community (draft-ietf-idr-link-bandwidth) as its two words, for speakers that have no name for it. */

const TRANSITIVE_TWO_OCTET_AS_LINK_BANDWIDTH = 0x0004;

/** Type, subtype and AS in the first word; bytes a second as an IEEE float in the second. */
export function linkBandwidthWords(asn: number, megabits: number): readonly [string, string] {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setUint16(0, TRANSITIVE_TWO_OCTET_AS_LINK_BANDWIDTH);
  bytes.setUint16(2, asn);
  bytes.setFloat32(4, (megabits * 1e6) / 8);
  const word = (offset: number) => bytes.getUint32(offset).toString(16).padStart(8, "0");
  return [word(0), word(4)];
}

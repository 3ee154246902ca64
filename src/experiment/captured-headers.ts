/** Whether a captured frame that was cut still has all that a router reads of it, and how long it counts as. */
import { OTHER_TAGS, readTags } from "../dataplane/vlan.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { hasPorts, PROTOCOLS } from "../net/flow.ts";
import { RECORD } from "../pcap/record.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype } from "../wire/ethernet.ts";
import { createUpper, isIpHeader, readUpperLayer, UPPER } from "../wire/upper-layer.ts";

const VLAN_TAG_LENGTH = 4;

/** Of a frame of `length` bytes, behind at most two VLAN tags; -1 where there is no whole IP header. */
function locateIp(bytes: Uint8Array, frame: number, length: number): number {
  if (length < ETHERNET_HEADER_LENGTH) return -1;
  const tags = readTags(bytes, frame, length, 0);
  if (tags === OTHER_TAGS) return -1;
  const untagged = frame + (tags >>> 24) * VLAN_TAG_LENGTH;
  const ethertype = readEthertype(bytes, untagged);
  if (ethertype !== ETHERTYPE.ipv4 && ethertype !== ETHERTYPE.ipv6) return -1;
  const ip = untagged + ETHERNET_HEADER_LENGTH;
  return isIpHeader(bytes, ip, frame + length) ? ip : -1;
}

const upper = createUpper();

/** All headers up to the ports are among the first `length` bytes. Not so of ICMP, whose errors are about what they quote. */
function hasRouterHeaders(bytes: Uint8Array, frame: number, length: number): boolean {
  const ip = locateIp(bytes, frame, length);
  if (ip < 0) return false;
  const end = frame + length;
  if (bytes[ip] >>> 4 === 4 && ip + ((bytes[ip] & 15) << 2) > end) return false;
  readUpperLayer(bytes, ip, end, upper);
  // 0: a later fragment, which has no ports, or the header is beyond the end, which only the whole packet could tell.
  const at = upper[UPPER.offset];
  const protocol = upper[UPPER.protocol];
  if (protocol === PROTOCOLS.icmp || protocol === PROTOCOLS.icmp6) return false;
  return at > 0 ? at + (hasPorts(protocol) ? 4 : 0) <= end : false;
}

/** Of the frame in the record of `row`: as long as it was on the wire if it is whole, or has enough where that will do. */
export function readableLength(bytes: Uint8Array, words: Uint32Array, row: number, headersOnly: boolean): number {
  const length = words[row + RECORD.length];
  const wireLength = words[row + RECORD.wireLength];
  return headersOnly && hasRouterHeaders(bytes, words[row + RECORD.offset], length) ? wireLength : length;
}

/** What is inside a tunnel may be what was cut off, and the next record's bytes are no substitute. */
export function refuseInner({ algorithm, fields }: Pick<HashOptions, "algorithm" | "fields">): void {
  const readsInner = algorithm === "linux" || fields.some((name) => name.startsWith("inner-"));
  if (readsInner) throw new Error("this hash may read what a tunnel carries, wanted a capture of whole packets for it");
}

/** Where a captured frame's IP header is, and whether a frame that was cut still has all that a router reads of it. */
import { OTHER_TAGS, readTags } from "../dataplane/vlan.ts";
import { hasPorts, PROTOCOLS } from "../net/flow.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype } from "../wire/ethernet.ts";
import { createUpper, isIpHeader, readUpperLayer, UPPER } from "../wire/upper-layer.ts";

const VLAN_TAG_LENGTH = 4;

/** Of a frame of `length` bytes, behind at most two VLAN tags; -1 where there is no whole IP header. */
export function locateIp(bytes: Uint8Array, frame: number, length: number): number {
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
export function hasRouterHeaders(bytes: Uint8Array, frame: number, length: number): boolean {
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

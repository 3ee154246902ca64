/** Where a captured frame's IP header is, and whether a frame that was cut still has all that a router reads of it. */
import { hasPorts, PROTOCOLS } from "../net/flow.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readEthertype } from "../wire/ethernet.ts";
import { createUpper, isIpHeader, readUpperLayer, UPPER } from "../wire/upper-layer.ts";

const VLAN_TAG_LENGTH = 4;
const MAXIMUM_TAGS = 2;

/** Of a frame of `length` bytes, behind at most two VLAN tags; -1 where there is no whole IP header. */
export function locateIp(bytes: Uint8Array, frame: number, length: number): number {
  const end = frame + length;
  let tagged = frame;
  for (let tags = 0; tagged + ETHERNET_HEADER_LENGTH <= end; tags++) {
    const ethertype = readEthertype(bytes, tagged);
    const ip = tagged + ETHERNET_HEADER_LENGTH;
    if (ethertype === ETHERTYPE.ipv4 || ethertype === ETHERTYPE.ipv6) return isIpHeader(bytes, ip, end) ? ip : -1;
    if ((ethertype !== ETHERTYPE.vlan && ethertype !== ETHERTYPE.qinq) || tags === MAXIMUM_TAGS) return -1;
    tagged += VLAN_TAG_LENGTH;
  }
  return -1;
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

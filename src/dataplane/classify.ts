/**
 * First stage of a frame's way: is it ours, is it sound, is it transit? Reads the headers in place, fills in the fields that
 * a hash may use, and answers with a verdict and reason in one number, 0 for a sound IP packet to be routed; a frame with its
 * port's VLAN tags has lost them then. Runs per packet: no object, no closure, no division.
 */
import { FIELD, type Fields } from "../ecmp/fields.ts";
import { hasPorts } from "../net/flow.ts";
import { ROW, VERDICT } from "../port/batch.ts";
import { sum16 } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, isGroupMac, readEthertype, readMacHigh, readMacLow } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { isDiscoveryMessage } from "../wire/neighbor-discovery.ts";
import { createUpper, FRAGMENT, readUpperLayer, UPPER } from "../wire/upper-layer.ts";
import { DROP, PUNT } from "./verdict.ts";
import { hasTags, OTHER_TAGS, outermostVlan, readTags, removeTags, type VlanStack } from "./vlan.ts";

/** Which frames of a wire are the port's: those to its MAC, in the two words that frames are compared with, with its tags. */
export interface PortIdentity {
  readonly macHigh: number;
  readonly macLow: number;
  readonly vlans: VlanStack;
  /** Our link-local addresses on this wire, four words each. Absent where nobody knows them (a capture): any may be ours. */
  readonly linkLocals?: Uint32Array;
}

/** Which is brought up to date in place. A worker makes all of its own here: what is compiled for one is good for the others. */
export const createPortIdentity = (vlans: VlanStack): { -readonly [Field in keyof PortIdentity]: PortIdentity[Field] } => ({
  macHigh: 0,
  macLow: 0,
  vlans,
  linkLocals: new Uint32Array(),
});

// Imported objects are looked up at every use; these are not.
const {
  destination: FIELD_DESTINATION,
  destinationPort: FIELD_DESTINATION_PORT,
  family: FIELD_FAMILY,
  flowLabel: FIELD_FLOW_LABEL,
  networkOffset: FIELD_NETWORK_OFFSET,
  protocol: FIELD_PROTOCOL,
  source: FIELD_SOURCE,
  sourcePort: FIELD_SOURCE_PORT,
  transportOffset: FIELD_TRANSPORT_OFFSET,
  vlanId: FIELD_VLAN_ID,
} = FIELD;
const { length: ROW_LENGTH, offset: ROW_OFFSET, vlanTci: ROW_VLAN_TCI, wireLength: ROW_WIRE_LENGTH } = ROW;
const { arp: ETHERTYPE_ARP, ipv4: ETHERTYPE_IPV4, ipv6: ETHERTYPE_IPV6 } = ETHERTYPE;
const { none: FRAGMENT_NONE } = FRAGMENT;
const { fragment: UPPER_FRAGMENT, offset: UPPER_OFFSET, protocol: UPPER_PROTOCOL } = UPPER;

const drop = (reason: number): number => (VERDICT.drop << 8) | reason;
const punt = (reason: number): number => (VERDICT.punt << 8) | reason;

const TRUNCATED = drop(DROP.truncated);
const OTHER_HOST = drop(DROP["other-host"]);
const VLAN_TAGGED = drop(DROP["vlan-tagged"]);
const VLAN_MISSING = drop(DROP["vlan-missing"]);
const UNKNOWN_ETHERTYPE = drop(DROP["unknown-ethertype"]);
const IP_HEADER = drop(DROP["ip-header"]);
const IP_CHECKSUM = drop(DROP["ip-checksum"]);
const MARTIAN = drop(DROP.martian);
const GROUP_MAC = drop(DROP["group-mac"]);
const GROUP_ADDRESS = punt(PUNT["group-address"]);
const ARP = punt(PUNT.arp);
const NEIGHBOR_DISCOVERY = punt(PUNT["neighbor-discovery"]);
const LOCAL = punt(PUNT.local);

/** Of the packet at hand. */
const upper = createUpper();

export function classify(bytes: Uint8Array, rows: Uint32Array, row: number, port: PortIdentity, fields: Fields): number {
  const frame = rows[row + ROW_OFFSET];
  const length = rows[row + ROW_LENGTH];
  if (length < rows[row + ROW_WIRE_LENGTH] || length < ETHERNET_HEADER_LENGTH) return TRUNCATED;
  fields[FIELD_VLAN_ID] = 0;
  if (port.vlans !== 0 || hasTags(bytes, frame, rows[row + ROW_VLAN_TCI])) {
    const tags = readTags(bytes, frame, length, rows[row + ROW_VLAN_TCI]);
    if (tags === OTHER_TAGS || (tags & 0xffffff) !== port.vlans) return tags === 0 ? VLAN_MISSING : VLAN_TAGGED;
    fields[FIELD_VLAN_ID] = outermostVlan(tags);
    removeTags(bytes, rows, row, tags >>> 24);
    return classifyPlain(bytes, rows[row + ROW_OFFSET], rows[row + ROW_LENGTH], port, fields);
  }
  return classifyPlain(bytes, frame, length, port, fields);
}

/** A frame without tags. */
function classifyPlain(bytes: Uint8Array, frame: number, length: number, port: PortIdentity, fields: Fields): number {
  const ethertype = readEthertype(bytes, frame);
  if (isGroupMac(bytes, frame)) return classifyIp(bytes, frame, length, ethertype, port, fields) || GROUP_MAC;
  if (readMacLow(bytes, frame) !== port.macLow || readMacHigh(bytes, frame) !== port.macHigh) return OTHER_HOST;
  return classifyIp(bytes, frame, length, ethertype, port, fields);
}

/** What is in a frame that is for us, or for a group. */
function classifyIp(
  bytes: Uint8Array,
  frame: number,
  length: number,
  ethertype: number,
  port: PortIdentity,
  fields: Fields,
): number {
  const ip = frame + ETHERNET_HEADER_LENGTH;
  if (ethertype === ETHERTYPE_IPV4) return classifyIpv4(bytes, ip, frame + length, fields);
  if (ethertype === ETHERTYPE_IPV6) return classifyIpv6(bytes, ip, frame + length, port, fields);
  return ethertype === ETHERTYPE_ARP ? ARP : UNKNOWN_ETHERTYPE;
}

/** `end`: of the frame; padding may follow the packet. */
function classifyIpv4(bytes: Uint8Array, ip: number, end: number, fields: Fields): number {
  if (end < ip + ipv4.IPV4_HEADER_LENGTH) return IP_HEADER;
  const headerLength = ipv4.readHeaderLength(bytes, ip);
  const totalLength = ipv4.readTotalLength(bytes, ip);
  const isSound =
    ipv4.readVersion(bytes, ip) === 4 && headerLength >= 20 && totalLength >= headerLength && ip + totalLength <= end;
  if (!isSound) return IP_HEADER;
  if (sum16(bytes, ip, headerLength) !== 0xffff) return IP_CHECKSUM;

  const sourceNetwork = bytes[ip + 12];
  const destinationNetwork = bytes[ip + 16];
  if (destinationNetwork >= 224 && isIpv4Group(readWord(bytes, ip + 16))) return GROUP_ADDRESS;
  if (isMartianNetwork(sourceNetwork) || isMartianNetwork(destinationNetwork)) return MARTIAN;

  const protocol = ipv4.readProtocol(bytes, ip);
  const l4 = ip + headerLength;
  const fragmentBits = ipv4.readFragmentBits(bytes, ip);
  fields[FIELD_FAMILY] = 4;
  fields[FIELD_FLOW_LABEL] = 0;
  fields[FIELD_NETWORK_OFFSET] = ip;
  fields[FIELD_TRANSPORT_OFFSET] = (fragmentBits & 0x1fff) === 0 ? l4 : 0;
  fields[FIELD_PROTOCOL] = protocol;
  fields[FIELD_SOURCE] = readWord(bytes, ip + 12);
  fields[FIELD_DESTINATION] = readWord(bytes, ip + 16);
  // No fragment has ports for us, not even the first: all of one datagram must go the same way.
  fillPorts(bytes, protocol, fragmentBits === 0 ? l4 : 0, ip + totalLength, fields);
  return 0;
}

function classifyIpv6(bytes: Uint8Array, ip: number, end: number, port: PortIdentity, fields: Fields): number {
  if (end < ip + ipv6.IPV6_HEADER_LENGTH || ipv4.readVersion(bytes, ip) !== 6) return IP_HEADER;
  const packetEnd = ip + ipv6.IPV6_HEADER_LENGTH + ipv6.readPayloadLength(bytes, ip);
  if (packetEnd > end) return IP_HEADER;
  if (bytes[ip + 24] === 0xff) return isDiscoveryMessage(bytes, ip) ? NEIGHBOR_DISCOVERY : GROUP_ADDRESS;
  for (let i = 0; i < 4; i++) {
    fields[FIELD_SOURCE + i] = readWord(bytes, ip + 8 + i * 4);
    fields[FIELD_DESTINATION + i] = readWord(bytes, ip + 24 + i * 4);
  }
  if (bytes[ip + 8] === 0xff || isMartianIpv6(fields, FIELD_SOURCE) || isMartianIpv6(fields, FIELD_DESTINATION)) return MARTIAN;
  if (fields[FIELD_DESTINATION] >>> 22 === LINK_LOCAL) {
    // Never routed (RFC 4291 2.5.6), so ours or nobody's; the FIB does not know on which link an address is.
    if (!isOurLinkLocal(port, fields)) return MARTIAN;
    return isDiscoveryMessage(bytes, ip) ? NEIGHBOR_DISCOVERY : LOCAL;
  }

  readUpperLayer(bytes, ip, packetEnd, upper);
  fields[FIELD_FAMILY] = 6;
  fields[FIELD_FLOW_LABEL] = ipv6.readFlowLabel(bytes, ip);
  fields[FIELD_NETWORK_OFFSET] = ip;
  fields[FIELD_TRANSPORT_OFFSET] = upper[UPPER_OFFSET];
  fields[FIELD_PROTOCOL] = upper[UPPER_PROTOCOL];
  const l4 = upper[UPPER_FRAGMENT] === FRAGMENT_NONE ? upper[UPPER_OFFSET] : 0;
  fillPorts(bytes, upper[UPPER_PROTOCOL], l4, packetEnd, fields);
  return 0;
}

/** From the transport header at `l4`; 0: there is none to be read. */
function fillPorts(bytes: Uint8Array, protocol: number, l4: number, end: number, fields: Fields): void {
  const withPorts = l4 !== 0 && hasPorts(protocol) && l4 + 4 <= end;
  fields[FIELD_SOURCE_PORT] = withPorts ? (bytes[l4] << 8) | bytes[l4 + 1] : 0;
  fields[FIELD_DESTINATION_PORT] = withPorts ? (bytes[l4 + 2] << 8) | bytes[l4 + 3] : 0;
}

const readWord = (bytes: Uint8Array, at: number): number =>
  (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];

/** 0/8 "this network", 127/8 loopback, 224/3 multicast and reserved. */
export const isMartianNetwork = (network: number): boolean => network === 0 || network === 127 || network >= 224;

/** Multicast, and the broadcast of whatever link it is on. */
const isIpv4Group = (address: number): boolean => address >>> 28 === 0xe || address === -1;

/** fe80::/10, as the upper ten bits of a word. */
const LINK_LOCAL = 0x3fa;

function isOurLinkLocal({ linkLocals }: PortIdentity, fields: Fields): boolean {
  if (linkLocals === undefined) return true;
  for (let at = 0; at < linkLocals.length; at += 4) {
    if (
      linkLocals[at] === fields[FIELD_DESTINATION] &&
      linkLocals[at + 1] === fields[FIELD_DESTINATION + 1] &&
      linkLocals[at + 2] === fields[FIELD_DESTINATION + 2] &&
      linkLocals[at + 3] === fields[FIELD_DESTINATION + 3]
    )
      return true;
  }
  return false;
}

/**
 * The unspecified and the loopback address (RFC 4291 2.5.2, 2.5.3), and those of IPv4 in disguise (::ffff:0:0/96, RFC 4942 2.2).
 */
const isMartianIpv6 = (fields: Fields, at: number): boolean =>
  (fields[at] | fields[at + 1]) === 0 && (fields[at + 2] === 0xffff || (fields[at + 2] === 0 && fields[at + 3] <= 1));

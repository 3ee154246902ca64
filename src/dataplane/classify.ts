/**
 * First stage of a frame's way: is it ours, is it sound, is it transit? Reads the headers in place, fills in the fields that
 * a hash may use, and answers with a verdict and reason in one number, 0 for a sound IPv4 packet to be routed. Runs per
 * packet: no object, no closure, no division.
 */
import { FIELD, type Fields } from "../ecmp/fields.ts";
import { hasPorts } from "../net/flow.ts";
import { ROW, VERDICT } from "../port/batch.ts";
import { sum16 } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, isGroupMac, readEthertype, readMacHigh, readMacLow } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { DROP, PUNT } from "./verdict.ts";

/** The MAC of a port, in the two words that frames are compared with. */
export interface PortMac {
  readonly macHigh: number;
  readonly macLow: number;
}

// Imported objects are looked up at every use; these are not.
const {
  destination: FIELD_DESTINATION,
  destinationPort: FIELD_DESTINATION_PORT,
  family: FIELD_FAMILY,
  networkOffset: FIELD_NETWORK_OFFSET,
  protocol: FIELD_PROTOCOL,
  source: FIELD_SOURCE,
  sourcePort: FIELD_SOURCE_PORT,
  transportOffset: FIELD_TRANSPORT_OFFSET,
} = FIELD;
const { length: ROW_LENGTH, offset: ROW_OFFSET, vlanTci: ROW_VLAN_TCI, wireLength: ROW_WIRE_LENGTH } = ROW;
const { arp: ETHERTYPE_ARP, ipv4: ETHERTYPE_IPV4, ipv6: ETHERTYPE_IPV6, qinq: ETHERTYPE_QINQ, vlan: ETHERTYPE_VLAN } = ETHERTYPE;

const drop = (reason: number): number => (VERDICT.drop << 8) | reason;
const punt = (reason: number): number => (VERDICT.punt << 8) | reason;

const TRUNCATED = drop(DROP.truncated);
const OTHER_HOST = drop(DROP["other-host"]);
const VLAN_TAGGED = drop(DROP["vlan-tagged"]);
const UNKNOWN_ETHERTYPE = drop(DROP["unknown-ethertype"]);
const IP_HEADER = drop(DROP["ip-header"]);
const IP_CHECKSUM = drop(DROP["ip-checksum"]);
const MARTIAN = drop(DROP.martian);
const GROUP_ADDRESS = punt(PUNT["group-address"]);
const ARP = punt(PUNT.arp);

/** What `classify` says of a sound IPv6 packet to one of our MACs: the caller knows the router's own addresses. */
export const UNICAST_IPV6 = -1;

export function classify(bytes: Uint8Array, rows: Uint32Array, row: number, port: PortMac, fields: Fields): number {
  const frame = rows[row + ROW_OFFSET];
  const length = rows[row + ROW_LENGTH];
  if (length < rows[row + ROW_WIRE_LENGTH] || length < ETHERNET_HEADER_LENGTH) return TRUNCATED;
  if (rows[row + ROW_VLAN_TCI] !== 0) return VLAN_TAGGED;
  const ethertype = readEthertype(bytes, frame);
  if (isGroupMac(bytes, frame)) return ethertype === ETHERTYPE_ARP ? ARP : GROUP_ADDRESS;
  if (readMacLow(bytes, frame) !== port.macLow || readMacHigh(bytes, frame) !== port.macHigh) return OTHER_HOST;
  if (ethertype === ETHERTYPE_IPV4)
    return classifyIpv4(bytes, frame + ETHERNET_HEADER_LENGTH, length - ETHERNET_HEADER_LENGTH, fields);
  if (ethertype === ETHERTYPE_ARP) return ARP;
  if (ethertype === ETHERTYPE_VLAN || ethertype === ETHERTYPE_QINQ) return VLAN_TAGGED;
  if (ethertype !== ETHERTYPE_IPV6) return UNKNOWN_ETHERTYPE;
  return length < ETHERNET_HEADER_LENGTH + 40 ? IP_HEADER : UNICAST_IPV6;
}

function classifyIpv4(bytes: Uint8Array, ip: number, available: number, fields: Fields): number {
  if (available < ipv4.IPV4_HEADER_LENGTH) return IP_HEADER;
  const headerLength = ipv4.readHeaderLength(bytes, ip);
  const totalLength = ipv4.readTotalLength(bytes, ip);
  const isSound =
    ipv4.readVersion(bytes, ip) === 4 && headerLength >= 20 && totalLength >= headerLength && totalLength <= available;
  if (!isSound) return IP_HEADER;
  if (sum16(bytes, ip, headerLength) !== 0xffff) return IP_CHECKSUM;

  const sourceNetwork = bytes[ip + 12];
  const destinationNetwork = bytes[ip + 16];
  if (destinationNetwork >= 224 && destinationNetwork < 240) return GROUP_ADDRESS;
  if (isMartianNetwork(sourceNetwork) || isMartianNetwork(destinationNetwork)) return MARTIAN;

  const protocol = ipv4.readProtocol(bytes, ip);
  const l4 = ip + headerLength;
  // No fragment has ports for us, not even the first: all of one datagram must go the same way.
  const withPorts = hasPorts(protocol) && ipv4.readFragmentBits(bytes, ip) === 0 && totalLength >= headerLength + 4;
  fields[FIELD_FAMILY] = 4;
  fields[FIELD_NETWORK_OFFSET] = ip;
  fields[FIELD_TRANSPORT_OFFSET] = (ipv4.readFragmentBits(bytes, ip) & 0x1fff) === 0 ? l4 : 0;
  fields[FIELD_PROTOCOL] = protocol;
  fields[FIELD_SOURCE] = (sourceNetwork << 24) | (bytes[ip + 13] << 16) | (bytes[ip + 14] << 8) | bytes[ip + 15];
  fields[FIELD_DESTINATION] = (destinationNetwork << 24) | (bytes[ip + 17] << 16) | (bytes[ip + 18] << 8) | bytes[ip + 19];
  fields[FIELD_SOURCE_PORT] = withPorts ? (bytes[l4] << 8) | bytes[l4 + 1] : 0;
  fields[FIELD_DESTINATION_PORT] = withPorts ? (bytes[l4 + 2] << 8) | bytes[l4 + 3] : 0;
  return 0;
}

/** 0/8 "this network", 127/8 loopback, 224/3 multicast and reserved. */
const isMartianNetwork = (network: number): boolean => network === 0 || network === 127 || network >= 224;

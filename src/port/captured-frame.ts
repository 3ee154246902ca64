/**
 * Captured packets as the Ethernet frames that the forwarding core reads. A packet that was captured without Ethernet gets a
 * header of its own, written over what stands before the packet in the file (its cooked header, or the record's, which has
 * been decoded): no packet is copied.
 *
 *   cooked  packet type 2 | hardware type 2 | address length 2 | address 8 | protocol 2                      (16 bytes)
 *   cooked2 protocol 2 | reserved 2 | interface 4 | hardware type 2 | packet type 1 | length 1 | address 8  (20 bytes)
 */
import { macHigh, macLow } from "../net/mac.ts";
import { MADE_UP_ROUTER_MAC } from "../net/made-up-mac.ts";
import { LINK_TYPE } from "../pcap/link-type.ts";
import { RECORD } from "../pcap/record.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, readMacHigh, readMacLow, writeMac } from "../wire/ethernet.ts";

const { ethernet: ETHERNET, rawOfLinux: RAW_OF_LINUX, raw: RAW, ipv4: IPV4, ipv6: IPV6 } = LINK_TYPE;
const { linuxCooked: COOKED, linuxCooked2: COOKED2 } = LINK_TYPE;
const { offset: RECORD_OFFSET, length: RECORD_LENGTH, wireLength: RECORD_WIRE_LENGTH, linkType: RECORD_LINK_TYPE } = RECORD;
const { ipv4: ETHERTYPE_IPV4, ipv6: ETHERTYPE_IPV6 } = ETHERTYPE;
const ROUTER_HIGH = macHigh(MADE_UP_ROUTER_MAC);
const ROUTER_LOW = macLow(MADE_UP_ROUTER_MAC);

const COOKED_BYTES = 16;
const COOKED2_BYTES = 20;
/** Packet types of linux/if_packet.h that a frame's destination shows. */
const TO_ALL = 1;
const TO_GROUP = 2;

/** Packets that were captured without a link header, and so without tags. */
export const isBareLink = (linkType: number): boolean =>
  linkType === RAW || linkType === RAW_OF_LINUX || linkType === IPV4 || linkType === IPV6;

/** Makes the packet of `row` a frame and mends its row. False: packets of this link type are none that can be made frames. */
export function makeFrame(bytes: Uint8Array, words: Uint32Array, row: number): boolean {
  const linkType = words[row + RECORD_LINK_TYPE];
  const at = words[row + RECORD_OFFSET];
  const length = words[row + RECORD_LENGTH];
  if (isBareLink(linkType)) {
    moveFront(words, row, 0);
    writeMac(bytes, at - 8, 0, 0);
    writeHeader(bytes, at - ETHERNET_HEADER_LENGTH, 0, length === 0 ? 0 : versionEthertype(bytes[at] >>> 4));
    return true;
  }
  switch (linkType) {
    case ETHERNET:
      return true;
    case COOKED:
      if (length < COOKED_BYTES) return tooShort(words, row);
      moveFront(words, row, COOKED_BYTES);
      moveSource(bytes, at + 6, at + 8, bytes[at + 5]);
      writeHeader(bytes, at + 2, bytes[at + 1], readWord(bytes, at + 14));
      return true;
    case COOKED2:
      if (length < COOKED2_BYTES) return tooShort(words, row);
      moveFront(words, row, COOKED2_BYTES);
      moveSource(bytes, at + 12, at + 12, bytes[at + 11]);
      writeHeader(bytes, at + 6, bytes[at + 10], readWord(bytes, at));
      return true;
    default:
      return false;
  }
}

const versionEthertype = (version: number): number => (version === 4 ? ETHERTYPE_IPV4 : version === 6 ? ETHERTYPE_IPV6 : 0);

/** `front` bytes before the packet give way to an Ethernet header. */
function moveFront(words: Uint32Array, row: number, front: number): void {
  const grown = ETHERNET_HEADER_LENGTH - front;
  words[row + RECORD_OFFSET] -= grown;
  words[row + RECORD_LENGTH] += grown;
  words[row + RECORD_WIRE_LENGTH] += grown;
}

/** Cut within its link header: the core finds it truncated, as it does an Ethernet frame that is. */
function tooShort(words: Uint32Array, row: number): boolean {
  words[row + RECORD_LENGTH] = 0;
  return true;
}

/** What a cooked header has of the sender, where the frame wants it; zero if that is no Ethernet address. */
function moveSource(bytes: Uint8Array, from: number, to: number, length: number): void {
  const isMac = length === 6;
  writeMac(bytes, to, isMac ? readMacHigh(bytes, from) : 0, isMac ? readMacLow(bytes, from) : 0);
}

const readWord = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

/** All of a header but its source. */
function writeHeader(bytes: Uint8Array, frame: number, packetType: number, ethertype: number): void {
  if (packetType === TO_ALL) writeMac(bytes, frame, 0xffff, 0xffffffff);
  else if (packetType === TO_GROUP) writeMac(bytes, frame, 0x0100, 0x5e000000);
  else writeMac(bytes, frame, ROUTER_HIGH, ROUTER_LOW);
  bytes[frame + 12] = ethertype >>> 8;
  bytes[frame + 13] = ethertype;
}

/**
 * The short way of the packet that nearly all are: IPv4 without options, TCP or UDP, whole, untagged and sound, with a route, a
 * resolved next hop and an egress that it fits. One function over aligned words, which knows one answer: forwarded. Of anything
 * else it says so without having touched it, and the general way (`forward.ts`) decides; the tests send the same packets both
 * ways. Taken only with a hash that is fed the words of a 5-tuple.
 *
 * The words of the memory, little-endian, as an IP header that begins on one has them:
 *
 *   -6  virtio: flags, GSO type ··  -4  ·· | destination MAC 0-1    -3  destination MAC 2-5   -2  source MAC 0-3
 *   -1  source MAC 4-5 | ethertype   0  version, ToS, length         1  id, fragment           2  TTL, protocol, checksum
 *    3  source                       4  destination                  5  ports
 */
import type { TupleHash } from "../ecmp/tuple-key.ts";
import { type FibImage, lookup } from "../fib/image.ts";
import { GROUP_RECORD, GROUPS, NEXT_HOP_KIND, NEXT_HOP_RECORD, NEXT_HOPS } from "../fib/layout.ts";
import { swapBytes, swapBytes16 } from "../net/byte-order.ts";
import { PROTOCOLS } from "../net/flow.ts";
import { ROW, ROW_WORDS, VERDICT } from "../port/batch.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE } from "../wire/ethernet.ts";
import { choose } from "./choose.ts";
import { isMartianNetwork, type PortIdentity } from "./classify.ts";
import { mayBeOwn } from "./own-sources.ts";

// Imported objects are looked up at every use; these are not.
const {
  egress: ROW_EGRESS,
  length: ROW_LENGTH,
  nextHop: ROW_NEXT_HOP,
  offset: ROW_OFFSET,
  reason: ROW_REASON,
  verdict: ROW_VERDICT,
  vlanTci: ROW_VLAN_TCI,
  wireLength: ROW_WIRE_LENGTH,
} = ROW;
const { count: GROUP_COUNT, owners: GROUP_OWNERS } = GROUP_RECORD;
const {
  destinationHigh: HOP_DESTINATION_HIGH,
  destinationLow: HOP_DESTINATION_LOW,
  kind: HOP_KIND,
  mtu: HOP_MTU,
  port: HOP_PORT,
  sourceHigh: HOP_SOURCE_HIGH,
  sourceLow: HOP_SOURCE_LOW,
} = NEXT_HOP_RECORD;
const { reachable: KIND_REACHABLE } = NEXT_HOP_KIND;
const { forward: VERDICT_FORWARD } = VERDICT;
const { tcp: TCP, udp: UDP } = PROTOCOLS;
const ETHERTYPE_IPV4 = swapBytes16(ETHERTYPE.ipv4);
const IPV4_WITHOUT_OPTIONS = 0x45;
/** More fragments, and the fragment's offset, in the header's second word. */
const FRAGMENT_BITS = 0xff3f0000;
const isMartian = Uint8Array.from({ length: 256 }, (_, network) => (isMartianNetwork(network) ? 1 : 0));
/** Of a frame, where it has no tags. */
const DESTINATION = ETHERNET_HEADER_LENGTH + 16;
/** The IP header and the ports. */
const LEAST_LENGTH = 24;

export interface PlainOptions {
  readonly image: FibImage;
  readonly hashTuple: TupleHash;
  /** By port index. */
  readonly ports: readonly PortIdentity[];
  /** The filter of `own-sources.ts`. */
  readonly ownSources: Uint8Array;
}

/** What the functions below look at. They are no closures: of a closure made twice V8 no longer knows the constants around it. */
export interface Plain {
  readonly trie: Uint16Array;
  readonly words: Uint32Array;
  readonly hashTuple: TupleHash;
  /** By port index. */
  readonly isTagged: Uint8Array;
  readonly ownSources: Uint8Array;
}

export const createPlain = ({ image, hashTuple, ports, ownSources }: PlainOptions): Plain => ({
  trie: image.trie,
  words: image.words,
  hashTuple,
  isTagged: Uint8Array.from(ports, ({ vlans }) => (vlans === 0 ? 0 : 1)),
  ownSources,
});

/**
 * First stage, of a whole batch: the groups of what would be the destinations if all were plain, each into its row, where the
 * reason will be. A large table costs misses of the caches, and so they are waited for together.
 */
export function lookUpAll(plain: Plain, frames: Int32Array, rows: Uint32Array, count: number): void {
  const end = frames.length;
  for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
    const at = (rows[row + ROW_OFFSET] + DESTINATION) >>> 2;
    rows[row + ROW_REASON] = at < end ? lookup(plain, swapBytes(frames[at])) : 0;
  }
}

/**
 * After `lookUpAll`. True: the frame of `row`, received by a port with these halves of a MAC (little-endian), has its verdict and
 * is rewritten.
 */
export function forwardPlain(
  plain: Plain,
  frames: Int32Array,
  rows: Uint32Array,
  row: number,
  macHigh: number,
  macLow: number,
): boolean {
  const ip = rows[row + ROW_OFFSET] + ETHERNET_HEADER_LENGTH;
  const length = rows[row + ROW_LENGTH] - ETHERNET_HEADER_LENGTH;
  if ((ip & 3) !== 0 || rows[row + ROW_WIRE_LENGTH] !== rows[row + ROW_LENGTH] || length < LEAST_LENGTH) return false;
  const at = ip >>> 2;
  const ethernet4 = frames[at - 1];
  if (frames[at - 3] !== macLow || frames[at - 4] >>> 16 !== macHigh || ethernet4 >>> 16 !== ETHERTYPE_IPV4) return false;
  const first = frames[at];
  const second = frames[at + 1];
  const third = frames[at + 2];
  const source = frames[at + 3];
  const destination = frames[at + 4];
  const totalLength = ((first >>> 8) & 0xff00) | (first >>> 24);
  const protocol = (third >>> 8) & 0xff;
  if ((first & 0xff) !== IPV4_WITHOUT_OPTIONS || (second & FRAGMENT_BITS) !== 0 || (third & 0xff) <= 1) return false;
  if ((protocol !== TCP && protocol !== UDP) || totalLength < LEAST_LENGTH || totalLength > length) return false;
  // Tags that the kernel has taken out, and frames to be segmented.
  if (rows[row + ROW_VLAN_TCI] !== 0 || (frames[at - 6] & 0xff00) !== 0) return false;
  if ((isMartian[source & 0xff] | isMartian[destination & 0xff]) !== 0) return false;
  if (mayBeOwn(plain.ownSources, source >>> 16)) return false;
  if (!isSumRight(first, second, third, source, destination)) return false;

  const { words } = plain;
  const record = words[GROUPS + rows[row + ROW_REASON]];
  if (record === 0) return false;
  const count = words[record + GROUP_COUNT];
  const ends = frames[at + 5];
  const nextHop =
    count === 1
      ? words[record + GROUP_OWNERS]
      : choose(words, record, count, plain.hashTuple(source, destination, protocol | (ends << 8), ends >>> 24));
  const hop = words[NEXT_HOPS + nextHop];
  const egress = words[hop + HOP_PORT];
  if (words[hop + HOP_KIND] !== KIND_REACHABLE || totalLength > words[hop + HOP_MTU] || plain.isTagged[egress] !== 0)
    return false;

  frames[at - 4] = (frames[at - 4] & 0xffff) | (swapBytes16(words[hop + HOP_DESTINATION_HIGH]) << 16);
  frames[at - 3] = swapBytes(words[hop + HOP_DESTINATION_LOW]);
  const sourceLow = words[hop + HOP_SOURCE_LOW];
  frames[at - 2] = swapBytes16(words[hop + HOP_SOURCE_HIGH]) | (swapBytes16(sourceLow >>> 16) << 16);
  frames[at - 1] = swapBytes16(sourceLow & 0xffff) | (ETHERTYPE_IPV4 << 16);
  frames[at + 2] = hopFewer(third);
  rows[row + ROW_VERDICT] = VERDICT_FORWARD;
  rows[row + ROW_REASON] = 0;
  rows[row + ROW_EGRESS] = egress;
  rows[row + ROW_NEXT_HOP] = nextHop;
  return true;
}

/** One's-complement sums do not mind the order of bytes (RFC 1071 section 2 B). */
function isSumRight(first: number, second: number, third: number, source: number, destination: number): boolean {
  const low = (first & 0xffff) + (second & 0xffff) + (third & 0xffff) + (source & 0xffff) + (destination & 0xffff);
  const sum = low + (first >>> 16) + (second >>> 16) + (third >>> 16) + (source >>> 16) + (destination >>> 16);
  const folded = (sum >>> 16) + (sum & 0xffff);
  return (((folded >>> 16) + folded) & 0xffff) === 0xffff;
}

/** The header's third word with one taken off the TTL: `ipv4.decrementTtl` in little-endian. */
function hopFewer(third: number): number {
  const sum = (third >>> 16) + 1;
  return ((third & 0xffff) - 1) | ((sum >= 0xffff ? sum + 1 : sum) << 16);
}

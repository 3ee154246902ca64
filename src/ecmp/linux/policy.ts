/**
 * The multipath hash of Linux 6.11 and later, bit for bit, for IPv4 and IPv6: `fib_multipath_hash` (net/ipv4/route.c),
 * `rt6_multipath_hash` (net/ipv6/route.c), `flow_hash_from_keys` (net/core/flow_dissector.c). Some fields are copied into a
 * zeroed `struct flow_keys`, addresses and ports are each put in order, and SipHash of the struct, seeded with
 * `net.ipv4.fib_multipath_hash_seed`, without its lowest bit is the answer: 31 bits.
 *
 *   word   0            1             2 .. 6             7              8      9 ..
 *          protocol<<16 | flow label  | VLANs, GRE key 0 | both ports   | icmp 0 | source, destination | 4 bytes 0
 *
 * Addresses and ports lie in network order and are compared as a little-endian kernel loads them (IPv6 addresses by bytes).
 * The flow label lies in host order where the dissector has read it and in network order where the header was read directly.
 */
import { swapBytes, swapBytes16 } from "../../net/byte-order.ts";
import { PROTOCOLS } from "../../net/flow.ts";
import { createJhash2 } from "../hash/jhash.ts";
import { createSipHash, type SipHash } from "../hash/siphash.ts";
import { HEADERS, type Headers, READING } from "./headers.ts";

/** Bits of `net.ipv4.fib_multipath_hash_fields` and its IPv6 twin: policy 3. */
export const LINUX_FIELD = {
  source: 0x001,
  destination: 0x002,
  protocol: 0x004,
  flowLabel: 0x008,
  sourcePort: 0x010,
  destinationPort: 0x020,
  innerSource: 0x040,
  innerDestination: 0x080,
  innerProtocol: 0x100,
  innerFlowLabel: 0x200,
  innerSourcePort: 0x400,
  innerDestinationPort: 0x800,
} as const;
export const DEFAULT_LINUX_FIELDS = LINUX_FIELD.source | LINUX_FIELD.destination | LINUX_FIELD.protocol;
const ALL_OUTER = 0x03f;
const INNER_SHIFT = 6;

export const LINUX_HASH_BITS = 31;

export interface LinuxHashOptions {
  /** `fib_multipath_hash_policy`: 0 addresses, 1 5-tuple, 2 addresses of the innermost header, 3 what `fields` says. */
  readonly policy: 0 | 1 | 2 | 3;
  /** `fib_multipath_hash_seed`, unsigned, 32 bits. The kernel takes 0 for "pick one at random", which nobody can know. */
  readonly seed: number;
  /** With policy 3: `fib_multipath_hash_fields`. */
  readonly fields?: number | undefined;
  /**
   * `local`: as for packets of the machine's own, and as `ip -6 route get` answers even with `iif`. Under policies 2 and 3
   * that is another hash than the one of forwarded packets: no tunnel is looked into, the label is read otherwise, and
   * policy 3 leaves the last mixing step out.
   */
  readonly origin?: "forwarded" | "local";
  /**
   * Policy 1 departs from itself: it takes over a hash that the packet already carries, and over veth a packet of a local TCP
   * socket carries that socket's random number, drawn anew after a retransmission timeout. With this number, TCP is chosen by
   * such a draw, one a 5-tuple and direction: nobody can know the kernel's own. Another number is another draw of them all,
   * as if every connection were made again. Nothing happens to other protocols, or under the other policies.
   */
  readonly socketHash?: number | undefined;
}

/** An unsigned number of 31 bits. */
export type LinuxHash = (headers: Headers) => number;

export function createLinuxHash(options: LinuxHashOptions): LinuxHash {
  const { policy, seed, origin = "forwarded", socketHash } = options;
  const hashReading = createReadingHash(createSipHash([seed, seed, seed, seed]));
  const { outer, inner } = choicesOf(options);
  const hash: LinuxHash =
    policy === 3 && origin === "forwarded"
      ? hashBoth(hashReading, outer, inner)
      : (headers) => (outer === undefined ? 0 : hashReading(headers, outer));
  if (policy !== 1 || socketHash === undefined) return (headers) => hash(headers) >>> 1;
  const draw = createSocketDraw(socketHash);
  return (headers) => (isTcp(headers) ? draw(headers) : hash(headers)) >>> 1;
}

/**
 * What of the packet was hashed, for people: the `struct flow_keys`, 48 bytes of IPv4 or 72 of IPv6, as the kernel has it in
 * memory; under policy 3 the outer and the inner one, as far as the fields ask for them. Of a TCP packet whose socket's number
 * stands in for all that, what the number is drawn by: addresses and ports, 36 bytes.
 */
export function createLinuxKeyWriter(options: LinuxHashOptions): (headers: Headers, words: Uint32Array) => number {
  const { outer, inner } = choicesOf(options);
  const isDrawn = options.policy === 1 && options.socketHash !== undefined;
  const keys = new Uint32Array(IPV6_LENGTH / 4);
  return (headers, words) => {
    if (isDrawn && isTcp(headers)) return fillEnds(words, headers);
    let length = 0;
    for (const choice of [outer, hasInner(headers) ? inner : undefined]) {
      if (choice === undefined) continue;
      const added = fillKeys(keys, headers, choice);
      words.set(keys.subarray(0, added / 4), length / 4);
      length += added;
    }
    return length;
  };
}

const isTcp = (headers: Headers): boolean => headers[HEADERS.outer + READING.protocol] === PROTOCOLS.tcp;
const hasInner = (headers: Headers): boolean => headers[HEADERS.innermost + READING.encapsulated] === 1;

/** Stands in for `sk_txhash`: a number for each socket, which is never zero. */
function createSocketDraw(seed: number): LinuxHash {
  const jhash = createJhash2(seed);
  const ends = new Uint32Array(ENDS_LENGTH / 4);
  return (headers) => {
    fillEnds(ends, headers);
    return jhash(ends, ends.length) || 1;
  };
}

const ENDS_LENGTH = 36;

function fillEnds(ends: Uint32Array, headers: Headers): number {
  const addresses = HEADERS.outer + READING.source;
  for (let i = 0; i < 8; i++) ends[i] = headers[addresses + i];
  ends[8] = (headers[HEADERS.outer + READING.sourcePort] << 16) | headers[HEADERS.outer + READING.destinationPort];
  return ENDS_LENGTH;
}

/** Which reading, and which of its fields for either family. */
interface Choice {
  readonly base: number;
  readonly ipv4: number;
  readonly ipv6: number;
  readonly labelInNetworkOrder: boolean;
}

const ADDRESSES = LINUX_FIELD.source | LINUX_FIELD.destination;
const PORTS = LINUX_FIELD.sourcePort | LINUX_FIELD.destinationPort;
const ADDRESSES_AND_LABEL = ADDRESSES | LINUX_FIELD.protocol | LINUX_FIELD.flowLabel;
const LAYER_3: Choice = { base: HEADERS.layer3, ipv4: ADDRESSES, ipv6: ADDRESSES_AND_LABEL, labelInNetworkOrder: true };
const INNERMOST_LAYER_3: Choice = { ...LAYER_3, base: HEADERS.innermost, labelInNetworkOrder: false };
const LAYER_4: Choice = customChoice(HEADERS.outer, ADDRESSES | LINUX_FIELD.protocol | PORTS, false);

function customChoice(base: number, fields: number, labelInNetworkOrder: boolean): Choice {
  return { base, ipv4: fields & ~LINUX_FIELD.flowLabel, ipv6: fields, labelInNetworkOrder };
}

/** Which readings are hashed. Only forwarded packets under policy 3 have two, of which the inner one is for tunnels. */
interface Choices {
  readonly outer?: Choice | undefined;
  readonly inner?: Choice | undefined;
}

function choicesOf({ policy, fields = DEFAULT_LINUX_FIELDS, origin = "forwarded" }: LinuxHashOptions): Choices {
  if (policy === 0 || (policy === 2 && origin === "local")) return { outer: LAYER_3 };
  if (policy === 1) return { outer: LAYER_4 };
  if (policy === 2) return { outer: INNERMOST_LAYER_3 };
  const [outer, inner] = [fields & ALL_OUTER, (fields >>> INNER_SHIFT) & ALL_OUTER];
  return {
    outer: outer === 0 ? undefined : customChoice(HEADERS.outer, outer, origin === "local"),
    inner: inner === 0 || origin === "local" ? undefined : customChoice(HEADERS.innermost, inner, false),
  };
}

function hashBoth(hashReading: ReadingHash, outer: Choice | undefined, inner: Choice | undefined): LinuxHash {
  const jhash = createJhash2(0);
  const both = new Uint32Array(2);
  return (headers) => {
    both[0] = outer === undefined ? 0 : hashReading(headers, outer);
    both[1] = inner !== undefined && hasInner(headers) ? hashReading(headers, inner) : 0;
    return jhash(both, 2);
  };
}

type ReadingHash = (headers: Headers, choice: Choice) => number;

// Words of the struct. Its size is rounded up to a multiple of eight bytes, which the kernel hashes too.
const PROTOCOL = 0;
const FLOW_LABEL = 1;
const BOTH_PORTS = 7;
const ADDRESS_WORDS = 9;
const IPV4_LENGTH = 48;
const IPV6_LENGTH = 72;

const { family, protocol, sourcePort, destinationPort, source, destination, flowLabel } = READING;
const { source: SOURCE, destination: DESTINATION, protocol: PROTOCOL_BIT } = LINUX_FIELD;
const { flowLabel: LABEL_BIT, sourcePort: SOURCE_PORT, destinationPort: DESTINATION_PORT } = LINUX_FIELD;

function createReadingHash(sipHash: SipHash): ReadingHash {
  const keys = new Uint32Array(IPV6_LENGTH / 4);
  // Zero means "no hash" elsewhere in the kernel, so it never is the answer.
  return (headers, choice) => sipHash(keys, fillKeys(keys, headers, choice)) || 1;
}

/** Returns how many bytes of it count. */
function fillKeys(keys: Uint32Array, headers: Headers, { base, ipv4, ipv6, labelInNetworkOrder }: Choice): number {
  const isIpv4 = headers[base + family] === 4;
  const chosen = isIpv4 ? ipv4 : ipv6;
  keys.fill(0);
  if (chosen & PROTOCOL_BIT) keys[PROTOCOL] = headers[base + protocol] << 16;
  if (chosen & LABEL_BIT)
    keys[FLOW_LABEL] = labelInNetworkOrder ? swapBytes(headers[base + flowLabel]) : headers[base + flowLabel];
  const from = chosen & SOURCE_PORT ? swapBytes16(headers[base + sourcePort]) : 0;
  const to = chosen & DESTINATION_PORT ? swapBytes16(headers[base + destinationPort]) : 0;
  keys[BOTH_PORTS] = to < from ? to | (from << 16) : from | (to << 16);
  if (isIpv4) {
    const first = chosen & SOURCE ? swapBytes(headers[base + source]) >>> 0 : 0;
    const second = chosen & DESTINATION ? swapBytes(headers[base + destination]) >>> 0 : 0;
    keys[ADDRESS_WORDS] = Math.min(first, second);
    keys[ADDRESS_WORDS + 1] = Math.max(first, second);
  } else writeIpv6Addresses(keys, headers, chosen & SOURCE ? base + source : -1, chosen & DESTINATION ? base + destination : -1);
  return isIpv4 ? IPV4_LENGTH : IPV6_LENGTH;
}

/** The lesser of the two first; an address that was not chosen (-1) is all zero. */
function writeIpv6Addresses(keys: Uint32Array, headers: Headers, sourceAt: number, destinationAt: number): void {
  let order = 0;
  for (let i = 0; i < 4 && order === 0; i++) {
    order = (destinationAt < 0 ? 0 : headers[destinationAt + i]) - (sourceAt < 0 ? 0 : headers[sourceAt + i]);
  }
  const first = order < 0 ? destinationAt : sourceAt;
  const second = order < 0 ? sourceAt : destinationAt;
  for (let i = 0; i < 4; i++) {
    if (first >= 0) keys[ADDRESS_WORDS + i] = swapBytes(headers[first + i]);
    if (second >= 0) keys[ADDRESS_WORDS + 4 + i] = swapBytes(headers[second + i]);
  }
}

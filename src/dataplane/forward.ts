/**
 * The forwarding core: a batch of frames in, a verdict for each out, frames rewritten in place. The same code runs over live
 * rings, captures, loopback ports in tests and the slow path. It reads the FIB image and writes the batch; it allocates
 * nothing, waits for nothing, and imports nothing of Node.
 *
 *   classify -> lookup (prefix -> group) -> pick (hash -> bucket -> next hop) -> rewrite
 *
 * Most packets take the short way through the same stages (`plain.ts`); here is what all others take, and any may.
 */
import { createFields, FIELD, type Fields } from "../ecmp/fields.ts";
import { compileFlowHash, type HashOptions } from "../ecmp/flow-hash.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { type FibImage, lookup, lookup6 } from "../fib/image.ts";
import { GROUP_RECORD, GROUPS, NEXT_HOP_KIND, NEXT_HOP_RECORD, NEXT_HOPS } from "../fib/layout.ts";
import { swapBytes, swapBytes16 } from "../net/byte-order.ts";
import { type Batch, ROW, ROW_WORDS, VERDICT } from "../port/batch.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { isDiscoveryMessage } from "../wire/neighbor-discovery.ts";
import { choose } from "./choose.ts";
import { classify, type PortIdentity } from "./classify.ts";
import { createExtractor, isFragment } from "./extract.ts";
import { createOwnSources, endingOf, mayBeOwn } from "./own-sources.ts";
import { createPlain, forwardPlain, lookUpAll } from "./plain.ts";
import { fitsMtu, isTunneledGso, mayBeFragmented, rewrite } from "./rewrite.ts";
import { DROP, PUNT, SLOW } from "./verdict.ts";
import { insertTags } from "./vlan.ts";

// Imported objects are looked up at every use; these are not.
const { destination: FIELD_DESTINATION, family: FIELD_FAMILY, networkOffset: FIELD_NETWORK_OFFSET, source: FIELD_SOURCE } = FIELD;
const { egress: ROW_EGRESS, nextHop: ROW_NEXT_HOP, offset: ROW_OFFSET, reason: ROW_REASON, verdict: ROW_VERDICT } = ROW;
const { drop: VERDICT_DROP, forward: VERDICT_FORWARD, punt: VERDICT_PUNT, slow: VERDICT_SLOW } = VERDICT;
const { count: GROUP_COUNT, owners: GROUP_OWNERS } = GROUP_RECORD;
const {
  attached: KIND_ATTACHED,
  blackhole: KIND_BLACKHOLE,
  incomplete: KIND_INCOMPLETE,
  local: KIND_LOCAL,
  reachable: KIND_REACHABLE,
} = NEXT_HOP_KIND;
const { kind: HOP_KIND, mtu: HOP_MTU, port: HOP_PORT } = NEXT_HOP_RECORD;
const {
  blackhole: DROP_BLACKHOLE,
  fragment: DROP_FRAGMENT,
  martian: DROP_MARTIAN,
  "next-hop-unreachable": DROP_NEXT_HOP_UNREACHABLE,
  "no-route": DROP_NO_ROUTE,
  "too-big": DROP_TOO_BIG,
  "ttl-expired": DROP_TTL_EXPIRED,
  "tunneled-gso": DROP_TUNNELED_GSO,
} = DROP;
const { local: PUNT_LOCAL, "neighbor-discovery": PUNT_NEIGHBOR_DISCOVERY } = PUNT;
const CODE_GROUP_MAC = (VERDICT.drop << 8) | DROP["group-mac"];
const { fragmentation: SLOW_FRAGMENTATION, neighbor: SLOW_NEIGHBOR } = SLOW;

export interface ForwarderOptions {
  readonly image: FibImage;
  readonly hash: HashOptions;
  /** A row of SELECTORS: what the hash has to be aligned to. */
  readonly selector: string;
  /** By port index. */
  readonly ports: readonly PortIdentity[];
  /** Of `own-sources.ts`; absent where packets are our own, or of another place and time. */
  readonly ownSources?: SharedArrayBuffer;
  /** Frames of a capture: what stands before them is no virtio header, and nothing of theirs is left to a device. */
  readonly captured?: true;
}

/** Gives every frame of the batch, received on port `ingress`, its verdict. */
export type Forward = (batch: Batch, ingress: number) => void;

export function createForwarder(options: ForwarderOptions): Forward {
  const { image, hash: hashOptions, selector, ports } = options;
  const { words } = image;
  const ownSources = new Uint8Array(options.ownSources ?? createOwnSources());
  const fields = createFields();
  const { hashFields, hashPacket, hashTuple } = compileFlowHash(hashOptions, SELECTORS[selector].hashBits);
  const hasVlans = ports.some(({ vlans }) => vlans !== 0);
  const mayBeOffloaded = options.captured === undefined;
  const dropsFragments = hashOptions.fragments === "dropped";
  const extract = hashPacket ? undefined : createExtractor(hashOptions);
  const plain = hashTuple && createPlain({ image, hashTuple, ports, ownSources });

  const settle = (rows: Uint32Array, row: number, verdict: number, reason: number): void => {
    rows[row + ROW_VERDICT] = verdict;
    rows[row + ROW_REASON] = reason;
  };

  /** Is the address at this field one of ours? A group that is local has one member. */
  const isOurs = (isIpv4: boolean, field: number): boolean => {
    const record = words[GROUPS + (isIpv4 ? lookup(image, fields[field]) : lookup6(image, fields, field))];
    return record !== 0 && words[words[NEXT_HOPS + words[record + GROUP_OWNERS]] + HOP_KIND] === KIND_LOCAL;
  };

  /** Does the packet claim to come from us? */
  const hasOwnSource = (isIpv4: boolean): boolean =>
    mayBeOwn(ownSources, endingOf(fields[isIpv4 ? FIELD_SOURCE : FIELD_SOURCE + 3])) && isOurs(isIpv4, FIELD_SOURCE);

  /** The next-hop index for the packet whose frame begins at `frame`; `record` is the group's. */
  const pick = (record: number, bytes: Uint8Array, frame: number, ingress: number): number => {
    const count = words[record + GROUP_COUNT];
    if (count === 1) return words[record + GROUP_OWNERS];
    if (extract !== undefined) extract(bytes, frame, ingress, fields);
    const bits = hashPacket === undefined ? hashFields(fields) : hashPacket(bytes, fields[FIELD_NETWORK_OFFSET], bytes.length);
    return choose(words, record, count, bits);
  };

  const forwardFrame = (bytes: Uint8Array, rows: Uint32Array, row: number, ingress: number): void => {
    const code = classify(bytes, rows, row, ports[ingress], fields);
    const isIpv4 = fields[FIELD_FAMILY] === 4;
    // The broadcast of a subnet; or a sender that takes a group's MAC for ours, whom the kernel hears.
    const isForUs = code === CODE_GROUP_MAC && isOurs(isIpv4, FIELD_DESTINATION);
    if (code !== 0 && !isForUs) return settle(rows, row, code >>> 8, code & 0xff);
    if (hasOwnSource(isIpv4)) return settle(rows, row, VERDICT_DROP, DROP_MARTIAN);
    const group = isIpv4 ? lookup(image, fields[FIELD_DESTINATION]) : lookup6(image, fields, FIELD_DESTINATION);
    const record = words[GROUPS + group];
    if (record === 0) return settle(rows, row, VERDICT_DROP, DROP_NO_ROUTE);
    const frame = rows[row + ROW_OFFSET];
    const nextHop = pick(record, bytes, frame, ingress);
    const adjacency = words[NEXT_HOPS + nextHop];
    const egress = words[adjacency + HOP_PORT];
    rows[row + ROW_NEXT_HOP] = nextHop;
    rows[row + ROW_EGRESS] = egress;
    const kind = words[adjacency + HOP_KIND];
    if (kind === KIND_LOCAL) return settle(rows, row, VERDICT_PUNT, localReason(bytes, fields));
    if (dropsFragments && isFragment(bytes, fields)) return settle(rows, row, VERDICT_DROP, DROP_FRAGMENT);
    const ip = fields[FIELD_NETWORK_OFFSET];
    if ((isIpv4 ? ipv4.readTtl(bytes, ip) : ipv6.readHopLimit(bytes, ip)) <= 1)
      return settle(rows, row, VERDICT_DROP, DROP_TTL_EXPIRED);
    // Link-local goes no further than its link (RFC 4291 2.5.6).
    if (!isIpv4 && bytes[ip + 8] === 0xfe && (bytes[ip + 9] & 0xc0) === 0x80)
      return settle(rows, row, VERDICT_DROP, DROP_MARTIAN);
    if (kind !== KIND_REACHABLE) return settleUnready(rows, row, kind);
    if (mayBeOffloaded && isTunneledGso(bytes, frame, fields)) return settle(rows, row, VERDICT_DROP, DROP_TUNNELED_GSO);
    if (!fitsMtu(bytes, frame, fields, words[adjacency + HOP_MTU])) return settleTooBig(bytes, rows, row, frame);
    rewrite(bytes, frame, words, adjacency, isIpv4);
    if (hasVlans && ports[egress].vlans !== 0) insertTags(bytes, rows, row, ports[egress].vlans);
    settle(rows, row, VERDICT_FORWARD, 0);
  };

  const settleTooBig = (bytes: Uint8Array, rows: Uint32Array, row: number, frame: number): void => {
    if (mayBeFragmented(bytes, frame, fields)) settle(rows, row, VERDICT_SLOW, SLOW_FRAGMENTATION);
    else settle(rows, row, VERDICT_DROP, DROP_TOO_BIG);
  };

  const settleUnready = (rows: Uint32Array, row: number, kind: number): void => {
    if (kind === KIND_ATTACHED || kind === KIND_INCOMPLETE) settle(rows, row, VERDICT_SLOW, SLOW_NEIGHBOR);
    else settle(rows, row, VERDICT_DROP, kind === KIND_BLACKHOLE ? DROP_BLACKHOLE : DROP_NEXT_HOP_UNREACHABLE);
  };

  return (batch, ingress) => {
    const { bytes, rows, count } = batch;
    const frames = plain && ports[ingress].vlans === 0 ? wordsOf(bytes) : undefined;
    if (plain === undefined || frames === undefined) {
      for (let i = 0; i < count; i++) forwardFrame(bytes, rows, i * ROW_WORDS, ingress);
      return;
    }
    const macHigh = swapBytes16(ports[ingress].macHigh);
    const macLow = swapBytes(ports[ingress].macLow);
    lookUpAll(plain, frames, rows, count);
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      if (!forwardPlain(plain, frames, rows, row, macHigh, macLow)) forwardFrame(bytes, rows, row, ingress);
    }
  };
}

const views = new WeakMap<Uint8Array, Int32Array>();

/** A batch's memory by words, if it begins on one; of batches that come again, as those of ports do, made once. */
function wordsOf(bytes: Uint8Array): Int32Array | undefined {
  const known = views.get(bytes);
  if (known !== undefined || (bytes.byteOffset & 3) !== 0) return known;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  views.set(bytes, words);
  return words;
}

/** Of a packet to one of our addresses. */
function localReason(bytes: Uint8Array, fields: Fields): number {
  const isDiscovery = fields[FIELD_FAMILY] === 6 && isDiscoveryMessage(bytes, fields[FIELD_NETWORK_OFFSET]);
  return isDiscovery ? PUNT_NEIGHBOR_DISCOVERY : PUNT_LOCAL;
}

/**
 * The forwarding core: a batch of frames in, a verdict for each out, frames rewritten in place. The same code runs over live
 * rings, captures, loopback ports in tests and the slow path. It reads the FIB image and writes the batch; it allocates
 * nothing, waits for nothing, and imports nothing of Node.
 *
 *   classify -> lookup (prefix -> group) -> pick (hash -> bucket -> next hop) -> rewrite
 */
import { createFields, FIELD, type Fields } from "../ecmp/fields.ts";
import { compileFlowHash, type HashOptions } from "../ecmp/flow-hash.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { type FibImage, lookup, lookup6 } from "../fib/image.ts";
import { GROUP_RECORD, GROUPS, HEADER, NEXT_HOP_KIND, NEXT_HOP_RECORD, NEXT_HOPS, REDUCTION } from "../fib/layout.ts";
import { type Batch, ROW, ROW_WORDS, VERDICT } from "../port/batch.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { isDiscoveryMessage } from "../wire/neighbor-discovery.ts";
import { classify, type PortIdentity } from "./classify.ts";
import { createExtractor, isFragment } from "./extract.ts";
import { fitsMtu, mayBeFragmented, rewrite } from "./rewrite.ts";
import { DROP, PUNT, SLOW } from "./verdict.ts";
import { insertTags } from "./vlan.ts";

// Imported objects are looked up at every use; these are not.
const { destination: FIELD_DESTINATION, family: FIELD_FAMILY, networkOffset: FIELD_NETWORK_OFFSET } = FIELD;
const { egress: ROW_EGRESS, nextHop: ROW_NEXT_HOP, offset: ROW_OFFSET, reason: ROW_REASON, verdict: ROW_VERDICT } = ROW;
const { drop: VERDICT_DROP, forward: VERDICT_FORWARD, punt: VERDICT_PUNT, slow: VERDICT_SLOW } = VERDICT;
const { count: GROUP_COUNT, owners: GROUP_OWNERS, reduction: GROUP_REDUCTION } = GROUP_RECORD;
const {
  attached: KIND_ATTACHED,
  blackhole: KIND_BLACKHOLE,
  incomplete: KIND_INCOMPLETE,
  local: KIND_LOCAL,
  reachable: KIND_REACHABLE,
} = NEXT_HOP_KIND;
const { clock: HEADER_CLOCK } = HEADER;
const { kind: HOP_KIND, mtu: HOP_MTU, port: HOP_PORT } = NEXT_HOP_RECORD;
const { agedBuckets: REDUCTION_AGED, bounds: REDUCTION_BOUNDS } = REDUCTION;
const {
  blackhole: DROP_BLACKHOLE,
  fragment: DROP_FRAGMENT,
  martian: DROP_MARTIAN,
  "next-hop-unreachable": DROP_NEXT_HOP_UNREACHABLE,
  "no-route": DROP_NO_ROUTE,
  "too-big": DROP_TOO_BIG,
  "ttl-expired": DROP_TTL_EXPIRED,
} = DROP;
const { local: PUNT_LOCAL, "neighbor-discovery": PUNT_NEIGHBOR_DISCOVERY } = PUNT;
const { fragmentation: SLOW_FRAGMENTATION, neighbor: SLOW_NEIGHBOR } = SLOW;

export interface ForwarderOptions {
  readonly image: FibImage;
  readonly hash: HashOptions;
  /** A row of SELECTORS: what the hash has to be aligned to. */
  readonly selector: string;
  /** By port index. */
  readonly ports: readonly PortIdentity[];
}

/** Gives every frame of the batch, received on port `ingress`, its verdict. */
export type Forward = (batch: Batch, ingress: number) => void;

export function createForwarder({ image, hash: hashOptions, selector, ports }: ForwarderOptions): Forward {
  const { words } = image;
  const fields = createFields();
  const { hashFields, hashPacket } = compileFlowHash(hashOptions, SELECTORS[selector].hashBits);
  const hasVlans = ports.some(({ vlans }) => vlans !== 0);
  const dropsFragments = hashOptions.fragments === "dropped";
  const extract = hashPacket ? undefined : createExtractor(hashOptions);

  const settle = (rows: Uint32Array, row: number, verdict: number, reason: number): void => {
    rows[row + ROW_VERDICT] = verdict;
    rows[row + ROW_REASON] = reason;
  };

  /** The next-hop index for the packet whose frame begins at `frame`; `record` is the group's. */
  const pick = (record: number, bytes: Uint8Array, frame: number, ingress: number): number => {
    const count = words[record + GROUP_COUNT];
    const owners = record + GROUP_OWNERS;
    if (count === 1) return words[owners];
    if (extract !== undefined) extract(bytes, frame, ingress, fields);
    const bits = hashPacket === undefined ? hashFields(fields) : hashPacket(bytes, fields[FIELD_NETWORK_OFFSET], bytes.length);
    const value = bits >>> 0;
    // As a whole number at once (>>> 0): for all V8 knows a count may be 0 and the remainder NaN, and then it calls fmod.
    if (words[record + GROUP_REDUCTION] !== REDUCTION_BOUNDS) {
      const bucket = (value % count) >>> 0;
      if (words[record + GROUP_REDUCTION] === REDUCTION_AGED) words[words[owners + count] + bucket] = words[HEADER_CLOCK];
      return words[owners + bucket];
    }
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= words[owners + count + middle]) high = middle;
      else low = middle + 1;
    }
    return words[owners + low];
  };

  const forwardFrame = (bytes: Uint8Array, rows: Uint32Array, row: number, ingress: number): void => {
    const code = classify(bytes, rows, row, ports[ingress], fields);
    if (code !== 0) return settle(rows, row, code >>> 8, code & 0xff);
    const isIpv4 = fields[FIELD_FAMILY] === 4;
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
    for (let i = 0; i < count; i++) forwardFrame(bytes, rows, i * ROW_WORDS, ingress);
  };
}

/** Of a packet to one of our addresses. */
function localReason(bytes: Uint8Array, fields: Fields): number {
  const isDiscovery = fields[FIELD_FAMILY] === 6 && isDiscoveryMessage(bytes, fields[FIELD_NETWORK_OFFSET]);
  return isDiscovery ? PUNT_NEIGHBOR_DISCOVERY : PUNT_LOCAL;
}

/**
 * One window of a capture through the forwarding core: its packets as frames in batches, what became of them counted, and,
 * where captures are wanted, the forwarded ones gathered by next hop. Pure: what a worker thread does, without the thread.
 */
import { createForwarder } from "../dataplane/forward.ts";
import type { VlanStack } from "../dataplane/vlan.ts";
import { type ImageBuffers, openImage } from "../fib/image.ts";
import type { HashState } from "../fib/state.ts";
import { hasPorts } from "../net/flow.ts";
import { RECORD, RECORD_FLAG, RECORD_WORDS } from "../pcap/record.ts";
import type { CaptureFormat } from "../pcap/stretch.ts";
import { BATCH_CAPACITY, type Batch, ROW, ROW_WORDS, VERDICT } from "../port/batch.ts";
import { makeFrame } from "../port/captured-frame.ts";
import { ETHERNET_HEADER_LENGTH, isGroupMac, readMacHigh, readMacLow } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { IPV6_HEADER_LENGTH, readPayloadLength } from "../wire/ipv6.ts";
import { createUpper, FRAGMENT, readUpperLayer, UPPER } from "../wire/upper-layer.ts";
import { readableLength } from "./captured-headers.ts";
import { createLinkCounts, type LinkCount } from "./link-counts.ts";
import { createRecentFlows, FLOW_WORDS } from "./replay-flows.ts";
import { createReplayPorts } from "./replay-ports.ts";
import { type SplitCapture, splitWindow } from "./replay-split.ts";

export interface ReplaySetup {
  readonly hash: HashState;
  /** A row of SELECTORS. */
  readonly selector: string;
  readonly image: ImageBuffers;
  /** Of the router's ports. */
  readonly vlans: readonly VlanStack[];
  readonly nextHops: number;
  readonly format: CaptureFormat;
  /** Packets that were cut behind their ports count as whole: nothing else of them is read. */
  readonly headersOnly: boolean;
  /** Whether captures for each next hop are wanted. */
  readonly split: boolean;
}

/** What is sent to a worker: shared memory, nothing copied. */
export interface ReplayTask {
  readonly bytes: Uint8Array;
  /** Rows of `pcap/record.ts`. */
  readonly records: Uint32Array;
  readonly count: number;
}

const MAXIMUM_REASONS = 64;
export const outcomeOf = (verdict: number, reason: number): number => verdict * MAXIMUM_REASONS + reason;
/** Outcomes end where verdicts do. */
export const OUTCOMES = outcomeOf(Math.max(...Object.values(VERDICT)) + 1, 0);

export interface ReplayResult {
  readonly packets: number;
  /** As frames on the wire. */
  readonly bytes: number;
  /** Packets by `outcomeOf`. */
  readonly outcomes: Uint32Array;
  /** Packets of link types that cannot be made frames never see the core: how many of each. */
  readonly unknownLinks: readonly LinkCount[];
  /** By next-hop index. */
  readonly nextHopPackets: Float64Array;
  readonly nextHopBytes: Float64Array;
  /** FLOW_WORDS a flow; some were reported before. */
  readonly flows: Uint32Array;
  readonly split: SplitCapture | undefined;
}

// Imported objects are looked up at every use; these are not.
const { offset: RECORD_OFFSET, length: RECORD_LENGTH, wireLength: RECORD_WIRE_LENGTH, flags: RECORD_FLAGS } = RECORD;
const { linkType: RECORD_LINK_TYPE } = RECORD;
const { header: FLAG_HEADER } = RECORD_FLAG;
const { offset: ROW_OFFSET, length: ROW_LENGTH, wireLength: ROW_WIRE_LENGTH } = ROW;
const { verdict: ROW_VERDICT, reason: ROW_REASON, nextHop: ROW_NEXT_HOP } = ROW;
const { forward: VERDICT_FORWARD } = VERDICT;

export function createWindowForwarder(setup: ReplaySetup): (task: ReplayTask) => ReplayResult {
  const { hash, selector } = setup;
  const { identities: ports, arrivalOf } = createReplayPorts(setup.vlans);
  const forward = createForwarder({ image: openImage(setup.image), hash, selector, ports, captured: true });
  const recent = createRecentFlows();
  const upper = createUpper();
  const rows = new Uint32Array(BATCH_CAPACITY * ROW_WORDS);
  /** The record that each row of the batch came from. */
  const origins = new Uint32Array(BATCH_CAPACITY);

  return ({ bytes, records, count }) => {
    // Where a virtio header would stand lies the record's own; how long its segments are nobody asks who has no limit.
    const batch: Batch = { bytes, rows, capacity: BATCH_CAPACITY, count: 0 };
    const outcomes = new Uint32Array(OUTCOMES);
    const unknownLinks = createLinkCounts();
    const nextHopPackets = new Float64Array(setup.nextHops);
    const nextHopBytes = new Float64Array(setup.nextHops);
    const nextHopOfRecord = setup.split ? new Uint16Array(count) : undefined;
    const flows = new Uint32Array(count * FLOW_WORDS);
    let flowWords = 0;
    /** The port of the batch. */
    let ingress = 0;
    let packets = 0;
    let totalBytes = 0;

    const noteFlow = (frame: number, nextHop: number): void => {
      const ip = frame + ETHERNET_HEADER_LENGTH;
      const isIpv4 = ipv4.readVersion(bytes, ip) === 4;
      const end = ip + (isIpv4 ? ipv4.readTotalLength(bytes, ip) : IPV6_HEADER_LENGTH + readPayloadLength(bytes, ip));
      readUpperLayer(bytes, ip, end, upper);
      const l4 = upper[UPPER.offset];
      const withPorts = hasPorts(upper[UPPER.protocol]) && upper[UPPER.fragment] === FRAGMENT.none && l4 !== 0 && l4 + 4 <= end;
      const source = isIpv4 ? readWord(bytes, ip + 12) : digestIpv6(bytes, ip + 8);
      const destination = isIpv4 ? readWord(bytes, ip + 16) : digestIpv6(bytes, ip + 24);
      const ports = withPorts ? readWord(bytes, l4) : 0;
      const last = ((nextHop + 1) << 8) | upper[UPPER.protocol];
      if (!recent.note(source, destination, ports, last)) return;
      flows[flowWords] = source;
      flows[flowWords + 1] = destination;
      flows[flowWords + 2] = ports;
      flows[flowWords + 3] = last;
      flowWords += FLOW_WORDS;
    };

    const flush = (): void => {
      forward(batch, ingress);
      for (let i = 0; i < batch.count; i++) {
        const row = i * ROW_WORDS;
        const verdict = rows[row + ROW_VERDICT];
        outcomes[verdict * MAXIMUM_REASONS + rows[row + ROW_REASON]]++;
        if (verdict !== VERDICT_FORWARD) continue;
        const nextHop = rows[row + ROW_NEXT_HOP];
        nextHopPackets[nextHop]++;
        nextHopBytes[nextHop] += rows[row + ROW_WIRE_LENGTH];
        noteFlow(rows[row + ROW_OFFSET], nextHop);
        if (nextHopOfRecord === undefined) continue;
        nextHopOfRecord[origins[i]] = nextHop + 1;
        takeTagsOut(records, origins[i] * RECORD_WORDS, rows[row + ROW_OFFSET]);
      }
      batch.count = 0;
    };

    /** A batch holds frames to one port and MAC, and to groups; hashes may read it, so frames keep their own. */
    const answerTo = (arrival: number, frame: number, length: number): void => {
      const isToMac = length >= ETHERNET_HEADER_LENGTH && !isGroupMac(bytes, frame);
      const port = ports[arrival];
      const high = isToMac ? readMacHigh(bytes, frame) : port.macHigh;
      const low = isToMac ? readMacLow(bytes, frame) : port.macLow;
      if (arrival === ingress && high === port.macHigh && low === port.macLow) return;
      flush();
      ingress = arrival;
      port.macHigh = high;
      port.macLow = low;
    };

    for (let i = 0; i < count; i++) {
      const record = i * RECORD_WORDS;
      if ((records[record + RECORD_FLAGS] & FLAG_HEADER) !== 0) continue;
      packets++;
      if (!makeFrame(bytes, records, record)) {
        unknownLinks.add(records[record + RECORD_LINK_TYPE]);
        totalBytes += records[record + RECORD_WIRE_LENGTH];
        continue;
      }
      totalBytes += records[record + RECORD_WIRE_LENGTH];
      const frame = records[record + RECORD_OFFSET];
      answerTo(arrivalOf(bytes, records, record), frame, records[record + RECORD_LENGTH]);
      const row = batch.count * ROW_WORDS;
      origins[batch.count++] = i;
      rows[row + ROW_OFFSET] = frame;
      rows[row + ROW_LENGTH] = readableLength(bytes, records, record, setup.headersOnly);
      rows[row + ROW_WIRE_LENGTH] = records[record + RECORD_WIRE_LENGTH];
      if (batch.count === BATCH_CAPACITY) flush();
    }
    flush();
    const split = nextHopOfRecord && splitWindow(setup.format, bytes, records, nextHopOfRecord, setup.nextHops);
    const reported = flows.slice(0, flowWords);
    return {
      packets,
      bytes: totalBytes,
      outcomes,
      unknownLinks: unknownLinks.list(),
      nextHopPackets,
      nextHopBytes,
      flows: reported,
      split,
    };
  };
}

/** Of a frame that lost its VLAN tags on its way, the record that is written; it begins at `frame` now. */
function takeTagsOut(records: Uint32Array, record: number, frame: number): void {
  const taken = frame - records[record + RECORD_OFFSET];
  records[record + RECORD_OFFSET] += taken;
  records[record + RECORD_LENGTH] -= taken;
  records[record + RECORD_WIRE_LENGTH] -= taken;
}

/** Flows are kept by words: two IPv6 addresses count as one if 32 bits of a hash of them agree. */
function digestIpv6(bytes: Uint8Array, at: number): number {
  let digest = 0;
  for (let i = 0; i < 16; i += 4) digest = Math.imul(digest ^ readWord(bytes, at + i) ^ (digest >>> 15), 0x9e3779b1);
  return (digest ^ (digest >>> 16)) >>> 0;
}

/** Of a frame that may lie anywhere: no word of memory. Unsigned only where it is stored. */
const readWord = (bytes: Uint8Array, at: number): number =>
  (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];

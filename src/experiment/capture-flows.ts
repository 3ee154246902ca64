/**
 * The flows of a capture: each 5-tuple once, in the order of their first packets, with the bytes that it had on the wire. Where
 * `ecmp disrupt` and `ecmp balance` are to judge real traffic instead of flows from a seed. Fragments but the first have no
 * ports, as for the forwarding core; what is not IP is counted and left out.
 */
import { readIpv4, readIpv6 } from "../net/address.ts";
import { type Flow, hasPorts } from "../net/flow.ts";
import { RECORD, RECORD_FLAG, RECORD_WORDS } from "../pcap/record.ts";
import { type CaptureFault, CaptureReader, createWindow } from "../port/capture-file.ts";
import { readVersion } from "../wire/ipv4.ts";
import { createUpper, FRAGMENT, readUpperLayer, UPPER } from "../wire/upper-layer.ts";
import { locateIp } from "./captured-headers.ts";
import { createLinkCounts, type LinkCount } from "./link-counts.ts";
import { makeFrame } from "./replay-frame.ts";

/** More would not fit a lookup table of the language we write in, nor most machines. */
const MAXIMUM_CAPTURE_FLOWS = 4_000_000;

export interface CaptureFlows {
  readonly flows: readonly Flow[];
  /** On the wire, of each flow. */
  readonly bytes: Float64Array;
  readonly packets: number;
  /** Packets that are not IP, or cut within its header. */
  readonly others: number;
  /** Those of them whose link type is none that is read here, by number. */
  readonly unknownLinks: readonly LinkCount[];
  /** Where the capture stopped making sense; the flows are of what came before. */
  readonly fault: CaptureFault | undefined;
}

/** `capture`: a path, or a descriptor. Throws an Error for people where the file is no capture, or has too many flows. */
export function readCaptureFlows(capture: string | number): CaptureFlows {
  const reader = new CaptureReader(capture);
  try {
    const census = createCensus();
    const window = createWindow();
    while (reader.read(window)) {
      const { bytes, table } = window;
      for (let row = 0; row < table.count * RECORD_WORDS; row += RECORD_WORDS) {
        if ((table.words[row + RECORD.flags] & RECORD_FLAG.header) === 0) census.note(bytes, table.words, row);
      }
    }
    return { ...census.result(), fault: reader.fault };
  } finally {
    reader.close();
  }
}

function createCensus() {
  const numbers = new Map<string, number>();
  const flows: Flow[] = [];
  const flowBytes: number[] = [];
  const unknownLinks = createLinkCounts();
  let packets = 0;
  let others = 0;
  return {
    note(bytes: Uint8Array, words: Uint32Array, row: number): void {
      packets++;
      const isFrame = makeFrame(bytes, words, row);
      if (!isFrame) unknownLinks.add(words[row + RECORD.linkType]);
      const flow = isFrame ? readFlow(bytes, words[row + RECORD.offset], words[row + RECORD.length]) : undefined;
      // As an Ethernet frame, however it was captured.
      const wireBytes = words[row + RECORD.wireLength];
      if (!flow) {
        others++;
        return;
      }
      const name = `${flow.protocol} ${flow.source} ${flow.sourcePort} ${flow.destination} ${flow.destinationPort}`;
      const number = numbers.get(name);
      if (number !== undefined) {
        flowBytes[number] += wireBytes;
        return;
      }
      if (flows.length === MAXIMUM_CAPTURE_FLOWS)
        throw new Error(`more than ${MAXIMUM_CAPTURE_FLOWS} flows, wanted a shorter capture`);
      numbers.set(name, flows.length);
      flows.push(flow);
      flowBytes.push(wireBytes);
    },
    result: () => ({ flows, bytes: Float64Array.from(flowBytes), packets, others, unknownLinks: unknownLinks.list() }),
  };
}

const upper = createUpper();

function readFlow(bytes: Uint8Array, frame: number, length: number): Flow | undefined {
  const ip = locateIp(bytes, frame, length);
  if (ip < 0) return undefined;
  const end = frame + length;
  readUpperLayer(bytes, ip, end, upper);
  const [protocol, at, fragment] = [upper[UPPER.protocol], upper[UPPER.offset], upper[UPPER.fragment]];
  const withPorts = hasPorts(protocol) && fragment === FRAGMENT.none && at > 0 && at + 4 <= end;
  const isIpv4 = readVersion(bytes, ip) === 4;
  return {
    protocol,
    source: isIpv4 ? readIpv4(bytes, ip + 12) : readIpv6(bytes, ip + 8),
    destination: isIpv4 ? readIpv4(bytes, ip + 16) : readIpv6(bytes, ip + 24),
    sourcePort: withPorts ? (bytes[at] << 8) | bytes[at + 1] : 0,
    destinationPort: withPorts ? (bytes[at + 2] << 8) | bytes[at + 3] : 0,
  };
}

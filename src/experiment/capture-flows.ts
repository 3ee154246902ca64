/**
 * The flows of a capture, where `ecmp disrupt` and `ecmp balance` are to judge real traffic instead of flows from a seed. A flow is
 * the forwarded packets of one 5-tuple that hash alike: a tunnel whose inner packets are hashed is as many flows as it carries, and
 * a fragment, whose ports no router of ours reads unless told, is of the flow without ports. What the forwarding core would
 * not forward is of no flow, and counted by the core's name for it.
 */
import { FIELD, type Fields } from "../ecmp/fields.ts";
import { RECORD, RECORD_FLAG, RECORD_WORDS } from "../pcap/record.ts";
import { type CaptureFault, CaptureReader, createWindow } from "../port/capture-reader.ts";
import { makeFrame } from "../port/captured-frame.ts";
import { readableLength, refuseInner } from "./captured-headers.ts";
import type { Hashing } from "./flow-hashes.ts";
import { createFrameHasher } from "./frame-hash.ts";
import { createLinkCounts, type LinkCount } from "./link-counts.ts";
import type { LookupRoutes } from "./lookup.ts";

/** More would not fit a lookup table of the language we write in, nor most machines. */
const MAXIMUM_CAPTURE_FLOWS = 4_000_000;

export interface CaptureFlows {
  /** How many. */
  readonly flows: number;
  /** Of each flow, by one of the ways of hashing that were asked for. */
  hash(hashing: Hashing): Uint32Array;
  /** Of each flow; bytes as Ethernet frames on the wire, behind the router: without tags. */
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  /** Packets of the capture. */
  readonly allPackets: number;
  /** Packets that are not forwarded, by the reasons of a replay; those of unknown links are apart. */
  readonly notForwarded: ReadonlyMap<string, number>;
  /** Link types that are none that is read here, by number. */
  readonly unknownLinks: readonly LinkCount[];
  /** Where the capture stopped making sense; the flows are of what came before. */
  readonly fault: CaptureFault | undefined;
}

export interface CaptureFlowsOptions {
  /** All ways of hashing that will be asked for. */
  readonly hashings: readonly Hashing[];
  /** Packets that were cut behind their ports count as whole. */
  readonly headersOnly?: boolean;
  /** By which packets are forwarded at all; absent: all destinations have a route. */
  readonly routes?: LookupRoutes | undefined;
}

/**
 * `capture`: a path, or a descriptor. Throws an Error for people where the file is no capture, or has too many flows, and a
 * RangeError for a hash that flows cannot be asked by.
 */
export function readCaptureFlows(capture: string | number, options: CaptureFlowsOptions): CaptureFlows {
  const census = createCensus(options);
  const reader = new CaptureReader(capture);
  try {
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

function createCensus({ hashings, headersOnly = false, routes }: CaptureFlowsOptions) {
  if (headersOnly) for (const { options } of hashings) refuseInner(options);
  const names = hashings.map(nameHashing);
  const hasher = createFrameHasher(hashings, routes);
  const numbers = new Map<string, number>();
  const hashes = hashings.map((): number[] => []);
  const packets: number[] = [];
  const bytes: number[] = [];
  const notForwarded = new Map<string, number>();
  const unknownLinks = createLinkCounts();
  let allPackets = 0;

  const numberOf = (flow: string): number => {
    const known = numbers.get(flow);
    if (known !== undefined) return known;
    const number = numbers.size;
    if (number === MAXIMUM_CAPTURE_FLOWS) throw new Error(`more than ${MAXIMUM_CAPTURE_FLOWS} flows, wanted a shorter capture`);
    numbers.set(flow, number);
    for (const [i, hash] of hasher.hashes.entries()) hashes[i].push(hash);
    packets.push(0);
    bytes.push(0);
    return number;
  };

  return {
    note(window: Uint8Array, words: Uint32Array, row: number): void {
      allPackets++;
      if (!makeFrame(window, words, row)) return unknownLinks.add(words[row + RECORD.linkType]);
      const [frame, wireLength] = [words[row + RECORD.offset], words[row + RECORD.wireLength]];
      const length = readableLength(window, words, row, headersOnly);
      const reason = hasher.hash(window, frame, length, wireLength);
      if (reason !== undefined) return void notForwarded.set(reason, (notForwarded.get(reason) ?? 0) + 1);
      const number = numberOf(`${nameTuple(hasher.fields)} ${hasher.hashes}`);
      packets[number]++;
      bytes[number] += hasher.sentBytes();
    },
    result: () => ({
      flows: numbers.size,
      hash: (hashing: Hashing) => Uint32Array.from(hashes[names.indexOf(nameHashing(hashing))]),
      packets: Float64Array.from(packets),
      bytes: Float64Array.from(bytes),
      allPackets,
      notForwarded,
      unknownLinks: unknownLinks.list(),
    }),
  };
}

const nameHashing = (hashing: Hashing): string => JSON.stringify(hashing);

/** As people name a flow. An IPv6 address fills four words. */
function nameTuple(fields: Fields): string {
  const [source, destination] = [FIELD.source, FIELD.destination];
  const ends =
    fields[FIELD.family] === 4
      ? `${fields[source]} ${fields[destination]}`
      : `${fields.subarray(source, source + 4)} ${fields.subarray(destination, destination + 4)}`;
  return `${fields[FIELD.protocol]} ${ends} ${fields[FIELD.sourcePort]} ${fields[FIELD.destinationPort]}`;
}

/**
 * The captures that a window becomes, one a next hop: counted first, then copied, so that all of them lie in one piece of
 * memory of the right size. Headers go into every one of them, at their place among the packets.
 *
 *   bytes  | next hop 0: header, records ... | next hop 1: header, records ... | ...
 *                                            ^ ends[0]                         ^ ends[1]
 */
import { adaptHeader, recordBytes, writeRecord } from "../pcap/encode.ts";
import { RECORD, RECORD_FLAG, RECORD_WORDS } from "../pcap/record.ts";
import type { CaptureFormat } from "../pcap/stretch.ts";

export interface SplitCapture {
  readonly bytes: Uint8Array;
  /** By next-hop index. */
  readonly ends: Float64Array;
}

/** `nextHopOfRecord`: the index plus one for each row of `records`, 0 for what goes nowhere. */
export function splitWindow(
  format: CaptureFormat,
  bytes: Uint8Array,
  records: Uint32Array,
  nextHopOfRecord: Uint16Array,
  nextHops: number,
): SplitCapture {
  const isHeader = (i: number): boolean => (records[i * RECORD_WORDS + RECORD.flags] & RECORD_FLAG.header) !== 0;
  const lengthOf = (i: number): number => records[i * RECORD_WORDS + RECORD.length];

  const positions = new Float64Array(nextHops + 1);
  let headerBytes = 0;
  for (let i = 0; i < nextHopOfRecord.length; i++) {
    if (isHeader(i)) headerBytes += lengthOf(i);
    else if (nextHopOfRecord[i] > 0) positions[nextHopOfRecord[i]] += recordBytes(format, lengthOf(i));
  }
  for (let i = 1; i <= nextHops; i++) positions[i] += positions[i - 1] + headerBytes;

  // From here on a position is where its next hop goes on; it ends at the one that was the next.
  const out = new Uint8Array(positions[nextHops]);
  const view = new DataView(out.buffer);
  const ends = positions.slice(1);
  for (let i = 0; i < nextHopOfRecord.length; i++) {
    const record = i * RECORD_WORDS;
    const start = records[record + RECORD.offset];
    const packet = bytes.subarray(start, start + lengthOf(i));
    if (isHeader(i)) {
      for (let nextHop = 0; nextHop < nextHops; nextHop++) {
        out.set(packet, positions[nextHop]);
        adaptHeader(view, positions[nextHop], format, (records[record + RECORD.flags] & RECORD_FLAG.bigEndian) !== 0);
        positions[nextHop] += packet.length;
      }
    } else if (nextHopOfRecord[i] > 0) {
      const nextHop = nextHopOfRecord[i] - 1;
      out.set(packet, writeRecord(view, positions[nextHop], format, records, record));
      positions[nextHop] += recordBytes(format, packet.length);
    }
  }
  return { bytes: out, ends };
}

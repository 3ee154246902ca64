/**
 * A worker's part of carried flows: what it has forwarded is entered, so that the kernel does likewise with the packets of that flow
 * that come next. Only where one decision holds for all of them (`ecmp/by-flow.ts`), between rings of their own.
 */
import { type Batch, ROW, ROW_WORDS, VERDICT } from "../port/batch.ts";
import { type RingFlows, type SharedFlows, shareFlows } from "../port/flow-offload.ts";

// Imported objects are looked up at every use; these are not.
const {
  egress: ROW_EGRESS,
  length: ROW_LENGTH,
  nextHop: ROW_NEXT_HOP,
  offset: ROW_OFFSET,
  verdict: ROW_VERDICT,
  vlanTci: ROW_VLAN_TCI,
  wireLength: ROW_WIRE_LENGTH,
} = ROW;
const { forward: VERDICT_FORWARD } = VERDICT;
/** Of an Ethernet frame without tags, the first byte of its type as far as it tells the families apart: 0x0800, 0x86dd. */
const TYPE = 12;
const TYPE_IPV6 = 0x86;

/** Its rings have one of these, its successor's the other: a worker that died may still have some when that one begins. */
export const LANES_A_WORKER = 2;

export interface OffloadStart extends SharedFlows {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

export interface Offload {
  /** To be asked before a batch is decided; 0: nothing is carried now. */
  generation(): number;
  /** A batch that was decided after that and is on its way. */
  enter(generation: number, batch: Batch, ingress: number): void;
  /** What the ring of a port needs, if flows of it are carried. */
  ringFlows(port: number): RingFlows | undefined;
}

/** `lane`: of this worker alone. */
export function createOffload(start: OffloadStart, lane: number): Offload {
  const memory = shareFlows(start);
  const isCarried = start.filters.map((lanes) => lanes.length > 0);
  return {
    generation: memory.generation,
    enter(generation, { bytes, rows, count }, ingress) {
      if (!isCarried[ingress]) return;
      for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
        if (rows[row + ROW_VERDICT] !== VERDICT_FORWARD || rows[row + ROW_VLAN_TCI] !== 0) continue;
        const egress = rows[row + ROW_EGRESS];
        const frame = rows[row + ROW_OFFSET];
        if (!isCarried[egress] || rows[row + ROW_LENGTH] !== rows[row + ROW_WIRE_LENGTH]) continue;
        if (!(bytes[frame + TYPE] === TYPE_IPV6 ? start.ipv6 : start.ipv4)) continue;
        memory.enter(generation, bytes, frame, ingress, egress, rows[row + ROW_NEXT_HOP], lane);
      }
    },
    ringFlows(port) {
      const filter = start.filters[port]?.[lane];
      return filter === undefined ? undefined : { filter, progress: memory.progressOf(port, lane) };
    },
  };
}

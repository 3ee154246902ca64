/**
 * The flows that the kernel carries by itself, in memory that workers, the main thread and two programs share (`flow-filter.ts`, `flow-ingress.ts`).
 * A worker enters what it has decided for a flow; until the generation changes, packets of that flow go the same way without
 * coming to us. Everything is little-endian but what is copied from a packet.
 *
 *   control     generation (0: nothing is carried) │ seconds
 *   ports       interface │ MTU │ whether it leads to another namespace
 *   lanes       by port and lane (a worker's ring): frames let through to the ring │ those of them that are done with │ frames left
 *               out of it because it overflowed
 *   processors  what the filter leaves for the ingress program │ frames that could not be rewritten │ frames and bytes by port │ by
 *               next hop: counted by who alone writes there, because an addition that others must see whole waits for memory
 *   flows       sets of four:
 *     0 generation │ 4 the last of its frames in the ring │ 8 ports │ 12 protocol, ingress and family │ 14 lane │ 15 egress
 *     16 source │ 32 destination (IPv4: the last word) │ 48 MACs, destination first │ 60 next hop │ 62 seconds of last use
 *
 * An entry is written by whoever has put LOCKED where its generation is, and read as it was if generation and flow are the
 * same before and after. A packet is never carried past one of its flow that is still in a ring: every frame that is let through has a
 * number, and an entry waits until the last of its own is done with.
 */
export const ROW_BYTES = 64;
export const SET_BYTES = 256;
export const WAYS = SET_BYTES / ROW_BYTES;
/**
 * A flow is in the set of its addresses' hash plus its ports, or where that was full in one that a hash of all tells (its upper half).
 * So flows of two hosts are side by side, none in another's place, and those of ports in order are read ahead.
 */
export const SECOND_SET_SHIFT = 16;
export const HOP_BYTES = 16;

export const CONTROL = { generation: 0, seconds: 4 } as const;
/** `isAcross`: a veth, whose other end in another namespace can be handed frames without its queue. */
export const PORT_ROW = { interface: 0, mtu: 4, isAcross: 8 } as const;
/** `family`: 4 or 6 while the ingress program has yet to send the frame; `frame`: how it begins, two bytes in. */
export const PROCESSOR_ROW = {
  family: 0,
  interface: 4,
  nextHop: 8,
  egress: 10,
  isAcross: 12,
  frame: 18,
  refused: 56,
  ports: 64,
} as const;
/** Behind it, of each port, and behind these of each next hop frames and bytes. */
export const PORT_COUNTS = { receivedFrames: 0, receivedBytes: 8, sentFrames: 16, sentBytes: 24 } as const;
export const LANE_ROW = { passed: 0, done: 4, leftOut: 8 } as const;
export const ENTRY = {
  generation: 0,
  after: 4,
  ports: 8,
  meta: 12,
  lane: 14,
  egress: 15,
  source: 16,
  destination: 32,
  macs: 48,
  nextHop: 60,
  used: 62,
} as const;
/** Beside the ingress port, in the same byte. */
export const IPV6_BIT = 0x80;
/** In the place of a generation, which never has this value. */
export const LOCKED = 0xffffffff;

/** How a word of a flow goes into its hash: `hash = (hash ^ word) * factor; hash ^= hash >>> shift`, in 32 bits. */
export const MIX = { factor: 0x9e3779b1, shift: 15 } as const;
export interface FlowMemorySize {
  /** Rows for them: a power of two, at most 64. */
  readonly ports: number;
  /** Their numbers are below. */
  readonly processors: number;
  /** Rings at a port, those of workers that stand by included. */
  readonly lanes: number;
  /** A power of two. */
  readonly nextHops: number;
  /** A power of two, up to 2^18. All of half as many find a place, but for one in ten thousand. */
  readonly flows: number;
  /** Of the flows' hash, so that nobody knows which flows share a set. */
  readonly seed: number;
  /** Frames that a ring has room for. */
  readonly ringSlots: number;
}

export interface FlowLayout extends FlowMemorySize {
  readonly processorRows: number;
  /** From one processor's to the next. */
  readonly processorBytes: number;
  /** Within a processor's. */
  readonly hopCounts: number;
  readonly portRows: number;
  readonly laneRows: number;
  readonly sets: number;
  readonly bytes: number;
}

export function layOutFlows(size: FlowMemorySize): FlowLayout {
  const { ports, lanes, nextHops, processors, flows } = size;
  const portRows = ROW_BYTES;
  const laneRows = portRows + ports * ROW_BYTES;
  const processorRows = laneRows + ports * lanes * ROW_BYTES;
  const hopCounts = PROCESSOR_ROW.ports + ports * ROW_BYTES;
  const processorBytes = hopCounts + nextHops * HOP_BYTES;
  const sets = Math.ceil((processorRows + processors * processorBytes) / SET_BYTES) * SET_BYTES;
  const bytes = sets + flows * ROW_BYTES;
  return { ...size, portRows, laneRows, processorRows, processorBytes, hopCounts, sets, bytes };
}

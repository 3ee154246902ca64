/**
 * The breath of a worker: for each port, take what waits there, decide, send, count. Bounded by one batch a port; it never
 * awaits. What a breath does not finish goes to the channel.
 */
import { type Batch, ROW, ROW_WORDS, VERDICT } from "../port/batch.ts";
import type { Port } from "../port/port.ts";
import { CHANNEL_KIND, type ChannelWriter } from "./channel.ts";
import type { CounterWriter } from "./counters.ts";
import type { Forward } from "./forward.ts";
import { DROP, PUNT } from "./verdict.ts";

export interface LoopParts {
  readonly ports: readonly Port[];
  readonly forward: Forward;
  readonly counters: CounterWriter;
  readonly channel: ChannelWriter;
}

/** One breath; the number of frames that it took. */
export type Breathe = () => number;

export function createLoop({ ports, forward, counters, channel }: LoopParts): Breathe {
  /** Hands over the slow frames and what neighbors say; a frame the channel has no room for becomes a drop. Returns the egress ports in use, a bit each. */
  const handOver = ({ bytes, rows, count }: Batch, ingress: number): number => {
    let egresses = 0;
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      const verdict = rows[row + ROW.verdict];
      if (verdict === VERDICT.forward) {
        egresses |= 1 << (rows[row + ROW.egress] & 31);
        continue;
      }
      const frame = rows[row + ROW.offset];
      const length = rows[row + ROW.length];
      if (verdict === VERDICT.punt && isHearing(rows[row + ROW.reason])) {
        channel.push(CHANNEL_KIND.hearing, ingress, 0, bytes, frame, length);
      } else if (verdict === VERDICT.slow) {
        const nextHop = rows[row + ROW.nextHop];
        if (channel.push(CHANNEL_KIND.neighbor, ingress, nextHop, bytes, frame, length)) continue;
        rows[row + ROW.verdict] = VERDICT.drop;
        rows[row + ROW.reason] = DROP["slow-queue-full"];
      }
    }
    return egresses;
  };

  return () => {
    let frames = 0;
    for (let ingress = 0; ingress < ports.length; ingress++) {
      const port = ports[ingress];
      const count = port.receive();
      if (count === 0) continue;
      frames += count;
      forward(port.batch, ingress);
      const egresses = handOver(port.batch, ingress);
      let refused = 0;
      for (let egress = 0; egress < ports.length; egress++) {
        if (egresses & (1 << (egress & 31))) refused += ports[egress].transmit(port.batch, egress);
      }
      counters.account(port.batch, refused);
    }
    return frames;
  };
}

const isHearing = (reason: number): boolean => reason === PUNT.arp || reason === PUNT["neighbor-discovery"];

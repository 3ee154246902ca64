/**
 * The breath of a worker: for each port, take what waits there, decide, send, count. Bounded by one batch a port; it never
 * awaits. What a breath does not finish goes to the channel.
 */
import { type Batch, ROW, ROW_WORDS, VERDICT } from "../port/batch.ts";
import type { Port } from "../port/port.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { LARGEST_QUOTE } from "../wire/icmp-error.ts";
import { CHANNEL_KIND, type ChannelWriter } from "./channel.ts";
import type { CounterWriter } from "./counters.ts";
import type { Forward } from "./forward.ts";
import type { Offload } from "./offload.ts";
import { ANSWERED_DROPS, DROP, DROP_REASONS, EXPLAINED_DROP, PUNT } from "./verdict.ts";

/** More would only meet the limit on errors, and keep the main thread from what else it has to do. */
const ERRORS_A_BATCH = 8;
const MAXIMUM_LENGTH = 0xffffffff;
/**
 * Of what is for the router itself on ports that the kernel does not see, by the batch: the same, and no more of a frame than
 * jumbo ones have.
 */
const LOCALS_A_BATCH = 8;
const LOCAL_LENGTH = 9216;
const QUOTED_LENGTH = ETHERNET_HEADER_LENGTH + LARGEST_QUOTE;
const HANDED_OVER: readonly string[] = [...ANSWERED_DROPS, EXPLAINED_DROP];
const isHandedOver: readonly boolean[] = DROP_REASONS.map((reason) => HANDED_OVER.includes(reason));

export interface LoopParts {
  readonly ports: readonly Port[];
  /** By port: whether the kernel does not see its frames, and the main thread answers. */
  readonly isUnseen: readonly boolean[];
  readonly forward: Forward;
  readonly counters: CounterWriter;
  readonly channel: ChannelWriter;
  readonly offload?: Offload | undefined;
}

/** One breath; the number of frames that it took. */
export type Breathe = () => number;

export function createLoop({ ports, isUnseen, forward, counters, channel, offload }: LoopParts): Breathe {
  /** True when the frame of `row` is in the channel. */
  const push = ({ bytes, rows }: Batch, row: number, ingress: number, kind: number, limit = MAXIMUM_LENGTH): boolean => {
    const length = Math.min(rows[row + ROW.length], limit);
    return channel.push(kind, ingress, rows[row + ROW.nextHop], bytes, rows[row + ROW.offset], length);
  };

  /**
   * Hands over the slow frames, what neighbors say, and the drops that somebody is told of. A slow frame that the channel has no
   * room for becomes a drop; the rest is worth no more than an attempt. Returns the egress ports in use, a bit each.
   */
  const handOver = (batch: Batch, ingress: number): number => {
    const { rows, count } = batch;
    let egresses = 0;
    let errors = 0;
    let locals = 0;
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      const verdict = rows[row + ROW.verdict];
      const reason = rows[row + ROW.reason];
      if (verdict === VERDICT.forward) egresses |= 1 << (rows[row + ROW.egress] & 31);
      else if (verdict === VERDICT.drop) {
        if (isHandedOver[reason] && errors++ < ERRORS_A_BATCH)
          push(batch, row, ingress, CHANNEL_KIND.dropped + reason, QUOTED_LENGTH);
      } else if (verdict === VERDICT.punt) {
        if (isHearing(reason)) push(batch, row, ingress, CHANNEL_KIND.hearing);
        else if (isUnseen[ingress] && reason === LOCAL && locals++ < LOCALS_A_BATCH)
          push(batch, row, ingress, CHANNEL_KIND.hearing, LOCAL_LENGTH);
      } else if (!push(batch, row, ingress, CHANNEL_KIND.slow + reason)) {
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
      const carriedBy = offload === undefined ? 0 : offload.generation();
      forward(port.batch, ingress);
      const egresses = handOver(port.batch, ingress);
      let refused = 0;
      for (let egress = 0; egress < ports.length; egress++) {
        if (egresses & (1 << (egress & 31))) refused += ports[egress].transmit(port.batch, egress);
      }
      counters.account(port.batch, refused);
      if (carriedBy !== 0) offload?.enter(carriedBy, port.batch, ingress);
    }
    return frames;
  };
}

const LOCAL = PUNT.local;
const isHearing = (reason: number): boolean => reason === PUNT.arp || reason === PUNT["neighbor-discovery"];

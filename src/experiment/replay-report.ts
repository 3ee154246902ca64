/** What a replay adds up to: windows in, in any order, one report out. */
import { DROP_REASONS, PUNT_REASONS, SLOW_REASONS } from "../dataplane/verdict.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { VERDICT } from "../port/batch.ts";
import { createLinkCounts, type LinkCount } from "./link-counts.ts";
import { createFlowCensus } from "./replay-flows.ts";
import { OUTCOMES, outcomeOf, type ReplayResult } from "./replay-window.ts";

/** Beside the core's own reasons: packets of links that cannot be made frames. */
const UNKNOWN_LINK_TYPE = "link-type";

/**
 * The answer of `ecmp replay --json`. packets = forwarded + punted + all of slow + all of dropped; forwarded and the bytes of
 * it are the sums over next hops. Bytes are those of Ethernet frames on the wire. Reasons that did not occur are left out.
 */
export interface ReplayReport {
  readonly packets: number;
  readonly bytes: number;
  readonly forwarded: number;
  readonly punted: number;
  readonly slow: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  /** Of forwarded packets: distinct addresses, protocol and ports. */
  readonly flows: number;
  /** Only there when there were too many flows to be counted one by one. */
  readonly flowsEstimated?: true;
  /** What "link-type" in `dropped` was, by number; only there when there is any. */
  readonly unknownLinkTypes?: readonly LinkCount[];
  readonly nextHops: readonly NextHopReport[];
}

export interface NextHopReport {
  readonly address: string;
  readonly packets: number;
  readonly bytes: number;
  readonly flows: number;
}

export interface ReplayTotals {
  add(result: ReplayResult): void;
  report(): ReplayReport;
}

export function createReplayTotals(nextHops: readonly Address[]): ReplayTotals {
  const census = createFlowCensus(nextHops.length);
  const outcomes = new Float64Array(OUTCOMES);
  const unknownLinks = createLinkCounts();
  const nextHopPackets = new Float64Array(nextHops.length);
  const nextHopBytes = new Float64Array(nextHops.length);
  let packets = 0;
  let bytes = 0;

  const named = (verdict: number, names: readonly string[]): Record<string, number> => {
    const counts = names.map((name, reason) => [name, outcomes[outcomeOf(verdict, reason)]] as const);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  };

  return {
    add(result) {
      packets += result.packets;
      bytes += result.bytes;
      addTo(outcomes, result.outcomes);
      for (const { linkType, packets } of result.unknownLinks) unknownLinks.add(linkType, packets);
      addTo(nextHopPackets, result.nextHopPackets);
      addTo(nextHopBytes, result.nextHopBytes);
      census.add(result.flows);
    },
    report() {
      const { flows, byNextHop, halvings } = census.count();
      const unknownLinkTypes = unknownLinks.list();
      const unknown = sum(unknownLinkTypes.map(({ packets }) => packets));
      const ofNextHop = (address: Address, i: number): NextHopReport => ({
        address: formatAddress(address),
        packets: nextHopPackets[i],
        bytes: nextHopBytes[i],
        flows: byNextHop[i],
      });
      return {
        packets,
        bytes,
        forwarded: outcomes[outcomeOf(VERDICT.forward, 0)],
        punted: sum(Object.values(named(VERDICT.punt, PUNT_REASONS))),
        slow: named(VERDICT.slow, SLOW_REASONS),
        dropped: { ...named(VERDICT.drop, DROP_REASONS), ...(unknown > 0 && { [UNKNOWN_LINK_TYPE]: unknown }) },
        flows,
        ...(halvings > 0 && { flowsEstimated: true as const }),
        ...(unknown > 0 && { unknownLinkTypes }),
        nextHops: nextHops.map(ofNextHop),
      };
    },
  };
}

function addTo(totals: Float64Array, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) totals[i] += values[i];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

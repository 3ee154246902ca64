/**
 * Which next hop will this flow take, and why? Offline, from a FIB's state, with each step in the answer: `ecmp explain`
 * prints it.
 */
import type { FibState } from "../fib/state.ts";
import { formatAddress } from "../net/address.ts";
import { type Flow, formatFlow } from "../net/flow.ts";
import { formatPrefix } from "../net/prefix.ts";
import { createDecider, type FlowDecision } from "./decision.ts";
import { restoreFib } from "./restore.ts";

/** One line of `ecmp explain --json`; null is what there is none of. */
export interface Explanation {
  readonly flow: string;
  readonly prefix: string | null;
  /** The bytes that were hashed, in hex. */
  readonly key: string;
  readonly hash: number;
  /** The bucket or range that the hash falls into. */
  readonly bucket: number | null;
  readonly nextHop: string | null;
  readonly reason: string;
}

export function createExplainer(state: FibState): (flow: Flow) => Explanation {
  const decide = createDecider(restoreFib(state));
  const { algorithm, seed, fields } = state.hash;
  const hashing = `${algorithm} with seed ${seed} over ${fields.join(", ")}`;
  return (flow) => {
    const decision = decide(flow);
    const { key, hash, match, bucket = null, nextHop } = decision;
    return {
      flow: formatFlow(flow),
      prefix: match ? formatPrefix(match.prefix) : null,
      key,
      hash,
      bucket,
      nextHop: nextHop === undefined ? null : formatAddress(nextHop),
      reason: describe(flow, decision, hashing),
    };
  };
}

function describe({ destination }: Flow, { match, hash, bucket, owner, nextHop }: FlowDecision, hashing: string): string {
  if (!match) return `no prefix contains ${formatAddress(destination)}`;
  if (bucket === undefined || owner === undefined || nextHop === undefined)
    return `${formatPrefix(match.prefix)} has no next hop`;
  const { table } = match.group;
  const place =
    table.reduction === "buckets"
      ? `mod ${table.owners.length} is bucket ${bucket}`
      : `is in range ${bucket}, ${bucket === 0 ? 0 : table.bounds[bucket - 1] + 1} to ${table.bounds[bucket]}`;
  return `${hashing}: ${hash} ${place}, owned by ${formatAddress(nextHop)}, member ${owner + 1} of ${table.members.length}`;
}

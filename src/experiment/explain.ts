/**
 * Which next hop will this flow take, and why? Offline, from a FIB's state, with each step in the answer: `ecmp explain`
 * prints it.
 */
import type { MemberOrder } from "../ecmp/member-order.ts";
import type { SelectionTable } from "../ecmp/table.ts";
import type { FibState } from "../fib/state.ts";
import { formatAddress } from "../net/address.ts";
import { type Flow, formatFlow } from "../net/flow.ts";
import { formatPrefix } from "../net/prefix.ts";
import { createDecider, type Fate, type FlowDecision } from "./decision.ts";
import type { Direct, Match } from "./lookup.ts";
import { restoreFib } from "./restore.ts";
import { describeRule } from "./rule.ts";

/** One line of `ecmp explain --json`; null is what there is none of. */
export interface Explanation {
  readonly flow: string;
  readonly prefix: string | null;
  /** By which the group of the prefix decides. */
  readonly rule: string | null;
  /** The bytes that were hashed, in hex. */
  readonly key: string;
  readonly hash: number;
  /** The bucket or range that the hash falls into. */
  readonly bucket: number | null;
  readonly nextHop: string | null;
  readonly fate: Fate;
  readonly reason: string;
}

/** Throws where the state is none, and where by its hash a flow has no next hop: each packet goes its own way. */
export function createExplainer(state: FibState): (flow: Flow) => Explanation {
  const fib = restoreFib(state);
  const decide = createDecider(fib);
  const describe = (reduction: SelectionTable["reduction"]) => describeRule(state.hash, state.selector.name, reduction);
  const rules = { buckets: describe("buckets"), bounds: describe("bounds") };
  const ruleOf = ({ reduction, refusal }: SelectionTable): string =>
    refusal === undefined ? rules[reduction] : `${describeRule(state.hash, "modulo", reduction)}, because: ${refusal}`;
  const textsOf = remember(
    ({ prefix, group }: Match): MatchTexts => ({
      prefix: formatPrefix(prefix),
      rule: group ? ruleOf(group.table) : null,
      members: group?.table.members.map(({ address }) => formatAddress(address)) ?? [],
    }),
  );
  return (flow) => {
    const decision = decide(flow);
    const { key, hash, match, fate, bucket = null, owner } = decision;
    const texts = match && textsOf(match);
    return {
      flow: formatFlow(flow),
      prefix: texts?.prefix ?? null,
      rule: texts?.rule ?? null,
      key,
      hash,
      bucket,
      nextHop: texts && owner !== undefined ? texts.members[owner] : null,
      fate,
      reason: giveReason(flow, decision, texts, fib.memberOrder),
    };
  };
}

/** What explanations say of a match, whatever the flow. */
interface MatchTexts {
  readonly prefix: string;
  readonly rule: string | null;
  readonly members: readonly string[];
}

const DIRECT_REASONS: Readonly<Record<Direct, (prefix: string, address: string) => string>> = {
  local: (_, address) => `${address} is the router's own address`,
  attached: (prefix, address) => `${prefix} is directly connected, no group: it goes to ${address} itself`,
  blackhole: (prefix) => `${prefix} is blackhole: its packets are thrown away`,
  unreachable: (prefix) => `${prefix} is unreachable: its packets are thrown away, and their senders told so (ICMP)`,
};

/** Made once for each key, at its first use. */
function remember<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

function giveReason(
  { destination }: Flow,
  { match, hash, bucket, owner }: FlowDecision,
  texts: MatchTexts | undefined,
  memberOrder: MemberOrder,
): string {
  if (!match || !texts) return `no group's prefix contains ${formatAddress(destination)}`;
  if (match.direct) return DIRECT_REASONS[match.direct](texts.prefix, formatAddress(destination));
  const { table } = match.group;
  if (bucket === undefined || owner === undefined) {
    const members = table.members.length;
    return `${texts.prefix} has no next hop${members > 0 ? `: of ${members} members none is in a bank` : ""}`;
  }
  const place =
    table.reduction === "buckets"
      ? `mod ${table.owners.length} is bucket ${bucket}`
      : `is in range ${bucket}, ${bucket === 0 ? 0 : table.bounds[bucket - 1] + 1} to ${table.bounds[bucket]}`;
  return `${hash} ${place}, owned by ${texts.members[owner]}, member ${owner + 1} of ${table.members.length}, order ${memberOrder}`;
}

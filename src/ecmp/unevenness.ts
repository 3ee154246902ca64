/**
 * What is wrong with a table before any flow has come: members that get nothing of it, and shares that are far from the weights.
 * The latter is the coefficient of variation of what each member has, relative to its weight. A selector that deals buckets by
 * turns is off by a part of a bucket, one that draws them by lot by the root of their number, so with few buckets a member the
 * shares differ widely; some count no weights, as their sources do. `ecmp check`, `disrupt` and `balance` warn of it.
 */
import { formatAddress } from "../net/address.ts";
import { takesOption } from "./selector-options.ts";
import {
  type Evenness,
  haveEqualWeights,
  MAXIMUM_BUCKETS,
  type Member,
  memberShares,
  type SelectionTable,
  type Selector,
  type SelectorOptions,
} from "./table.ts";

/** Above this the fullest of some members has, roughly, a fifth too much. */
export const UNEVEN = 0.1;

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** 0 when all have their due. */
export function shareVariation(table: SelectionTable): number {
  const ratios = memberShares(table).map((share, i) => share / table.members[i].weight);
  const middle = mean(ratios);
  return middle > 0 ? Math.sqrt(mean(ratios.map((ratio) => (ratio - middle) ** 2))) / middle : 0;
}

/**
 * How many buckets keep the variation below UNEVEN. Where a member's share is p and it is off by at most b buckets, that is the
 * root of the mean of (b / pB)^2, with b one half when all weigh the same; where each bucket is drawn by lot, the root of the
 * mean of (1 - p) / pB is to be expected. Undefined: buckets alone do not do it.
 */
export function enoughBuckets(evenness: Evenness, members: readonly Member[]): number | undefined {
  if (evenness === "points") return undefined;
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const inverses = members.map(({ weight }) => total / weight);
  if (evenness === "sampled") return Math.ceil(mean(inverses.map((inverse) => inverse - 1)) / UNEVEN ** 2);
  if (haveEqualWeights(members)) return Math.ceil(members.length / (2 * UNEVEN));
  const off = evenness === "exact" ? 1 : members.length;
  return Math.ceil((off * Math.sqrt(mean(inverses.map((inverse) => inverse ** 2)))) / UNEVEN);
}

/** What to say of a first table, if there is anything; with banks it is uneven on purpose. */
export function describeUnevenness(selector: Selector, { banks }: SelectorOptions, table: SelectionTable): string | undefined {
  if (table.reduction !== "buckets" || banks || table.refusal !== undefined) return undefined;
  const variation = shareVariation(table);
  if (variation <= UNEVEN) return undefined;
  const { members, owners } = table;
  const shares = `shares vary by ${(variation * 100).toFixed(0)} % (coefficient of variation)`;
  const departure = selector.ignoresWeights?.(members);
  if (departure !== undefined)
    return `${selector.name} ${departure}: ${shares} from what weights entitle to, wanted equal weights or another selector`;
  return `${selector.name} deals ${owners.length} buckets to ${members.length} members: ${shares}, wanted ${moreEven(selector, members)}`;
}

function moreEven({ name, evenness }: Selector, members: readonly Member[]): string {
  const enough = enoughBuckets(evenness, members);
  if (enough === undefined) return "more replicas";
  if (enough > MAXIMUM_BUCKETS) return `fewer members: ${UNEVEN * 100} % would take ${enough} buckets`;
  const buckets = takesOption(name, "buckets") ? "buckets" : "buckets (capacity x redundancy)";
  return `${enough} ${buckets} or more for ${UNEVEN * 100} %`;
}

const MOST_NAMED = 8;

/** As in SONiC, a member that is in no bank is left out. Each is named once, however often it is among `members`. */
export function describeUnbanked({ banks }: SelectorOptions, members: readonly Member[]): string | undefined {
  if (!banks) return undefined;
  const banked = new Set(banks.flat());
  const unbanked = new Set(members.map(({ address }) => address).filter((address) => !banked.has(address)));
  const idle = [...unbanked].map(formatAddress);
  if (idle.length === 0) return undefined;
  const named = idle.slice(0, MOST_NAMED).join(", ") + (idle.length > MOST_NAMED ? ` and ${idle.length - MOST_NAMED} more` : "");
  return idle.length === 1 ? `${named} gets nothing, as it is in no bank` : `${named} get nothing, as they are in no bank`;
}

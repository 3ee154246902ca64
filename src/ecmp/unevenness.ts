/**
 * How uneven a table is before any flow has come: the coefficient of variation of what each member has of the table, relative
 * to its weight. A selector that deals buckets by turns is off by a part of a bucket, one that draws them by lot by the root of
 * their number, so with few buckets a member the shares differ widely. `ecmp check`, `disrupt` and `balance` warn of it.
 */
import { type Evenness, memberShares, type SelectionTable, type Selector, type SelectorOptions } from "./table.ts";

/** Above this the fullest of some members has, roughly, a fifth too much. */
export const UNEVEN = 0.1;

/** 0 when all have their due. */
export function shareVariation(table: SelectionTable): number {
  const ratios = memberShares(table).map((share, i) => share / table.members[i].weight);
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  if (!(mean > 0)) return 0;
  return Math.sqrt(ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / ratios.length) / mean;
}

/**
 * How many buckets keep members of one weight below UNEVEN: the variation is at most n / 2B where shares are within one bucket
 * of each other, and expected to be sqrt((n - 1) / B) where each bucket is drawn by lot. Undefined: buckets alone do not do it.
 */
export function enoughBuckets(evenness: Evenness, members: number): number | undefined {
  if (evenness === "points") return undefined;
  return Math.ceil(evenness === "sampled" ? (members - 1) / UNEVEN ** 2 : members / (2 * UNEVEN));
}

/** What to say of a first table, if there is anything; with banks it is uneven on purpose. */
export function describeUnevenness(
  { name, evenness }: Selector,
  { banks }: SelectorOptions,
  table: SelectionTable,
): string | undefined {
  if (table.reduction !== "buckets" || banks || table.refusal !== undefined) return undefined;
  const variation = shareVariation(table);
  if (variation <= UNEVEN) return undefined;
  const enough = enoughBuckets(evenness, table.members.length);
  const wanted = enough === undefined ? "more replicas" : `${enough} buckets or more for ${UNEVEN * 100} %`;
  return `${name} deals ${table.owners.length} buckets to ${table.members.length} members: shares vary by ${(variation * 100).toFixed(0)} % (coefficient of variation), wanted ${wanted}`;
}

/**
 * Filling a live group: what a selector cannot serve (more members than it has buckets or places for) must not stop a router.
 * Such a group goes by the remainder of the hash until its members are such that the selector can serve them again, and its
 * table says why. Configurations, which can be refused, ask with `tryFill`.
 */
import { modulo } from "./select/modulo.ts";
import type { BucketActivity, Member, SelectionTable, Selector, SelectorOptions } from "./table.ts";

/** The table, or why there is none. */
export function tryFill(selector: Selector, ...how: Parameters<Selector["fill"]>): SelectionTable | string {
  try {
    return selector.fill(...how);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** A table that the selector has not made is nothing that its next one could follow from. */
export function fillAnyway(
  selector: Selector,
  members: readonly Member[],
  options: SelectorOptions,
  previous?: SelectionTable,
  activity?: BucketActivity,
): SelectionTable {
  const before = selector.stateful && previous?.refusal === undefined ? previous : undefined;
  const table = tryFill(selector, members, options, before, activity);
  if (typeof table !== "string") return table;
  return { ...modulo.fill(members.map(asOne), {}), members, refusal: table };
}

/** Without weights, which might need more buckets than there can be. */
const asOne = ({ address }: Member): Member => ({ address, weight: 1 });

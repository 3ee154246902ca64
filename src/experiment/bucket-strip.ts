/**
 * A group's hash space before and after a change: who owns each part, and which parts changed hands. Where both tables are of
 * buckets, a cell is a hash's remainder by their sizes' least common multiple (12 for 4 and 3 next hops), so that each cell has
 * one owner in either table; where that is too many, or a table has bounds, cells are samples at equal distances.
 */
import { type SelectionTable, select } from "../ecmp/table.ts";
import type { Address } from "../net/address.ts";
import type { TableForecast } from "./forecast.ts";

const MOST_CELLS = 512;

export interface Strip {
  readonly before: readonly (Address | undefined)[];
  readonly after: readonly (Address | undefined)[];
  /** Every cell stands for an equal part of the hash space and has one owner all through. */
  readonly exact: boolean;
}

export function computeStrip({ before, after }: Pick<TableForecast, "before" | "after">): Strip {
  const sizes = [before, after ?? before].map((table) => (table.reduction === "buckets" ? table.owners.length : Number.NaN));
  const common = leastCommonMultiple(sizes[0], sizes[1]);
  const exact = common <= MOST_CELLS;
  const cells = exact ? common : MOST_CELLS;
  // Bounds may be drawn over fewer bits than a hash has; their last one says over how many.
  const space = before.reduction === "bounds" ? (before.bounds.at(-1) ?? 0) + 1 : 2 ** 32;
  const hashOf = (cell: number) => (exact ? cell : Math.floor(((cell + 0.5) / cells) * space));
  const owners = (table: SelectionTable | undefined) =>
    Array.from({ length: cells }, (_, cell) => table?.members[select(table, hashOf(cell))]?.address);
  return { before: owners(before), after: owners(after), exact };
}

/** NaN where either is. */
function leastCommonMultiple(a: number, b: number): number {
  let [greater, less] = [a, b];
  while (less > 0) [greater, less] = [less, greater % less];
  return (a * b) / greater;
}

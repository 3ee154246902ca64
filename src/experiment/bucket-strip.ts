/**
 * A group's hash space through its changes: who owns each part of it, before them and after each. Where all tables are of buckets,
 * a cell is a hash's remainder by their sizes' least common multiple (12 for 4 and 3 next hops), so that each cell has one owner
 * in every table; where that is too many, or a table has bounds, a cell is a sample of its part of the hash space.
 */
import { type SelectionTable, select } from "../ecmp/table.ts";
import type { Address } from "../net/address.ts";

const MOST_CELLS = 512;
/**
 * Where in its part of the space a cell is sampled: another place for each, because equal distances would have the same remainder
 * again and again (by 4096 all of them), and show one bucket as the whole group.
 */
const placeOf = (cell: number): number => (cell * 0.6180339887498949) % 1;

export type Owners = readonly (Address | undefined)[];

export interface Strip {
  /** One for each table. */
  readonly phases: readonly Owners[];
  /** Every cell stands for an equal part of the hash space and has one owner all through. */
  readonly exact: boolean;
}

/** The first table is the one in force; undefined: nobody is left. */
export function computeStrip([first, ...later]: readonly (SelectionTable | undefined)[]): Strip {
  const tables = [first, ...later];
  const there = tables.filter((table) => table !== undefined);
  const sizes = there.map((table) => (table.reduction === "buckets" ? table.owners.length : Number.NaN));
  const common = sizes.reduce(leastCommonMultiple, 1);
  const exact = common <= MOST_CELLS;
  const cells = exact ? common : MOST_CELLS;
  // Bounds may be drawn over fewer bits than a hash has; their last one says over how many.
  const space = first?.reduction === "bounds" ? (first.bounds.at(-1) ?? 0) + 1 : 2 ** 32;
  const hashOf = (cell: number) => (exact ? cell : Math.floor(((cell + placeOf(cell)) / cells) * space));
  const owners = (table: SelectionTable | undefined) =>
    Array.from({ length: cells }, (_, cell) => table?.members[select(table, hashOf(cell))]?.address);
  return { phases: tables.map(owners), exact };
}

export const movedCells = (before: Owners, after: Owners): number => before.filter((owner, cell) => owner !== after[cell]).length;

/** NaN where either is. */
function leastCommonMultiple(a: number, b: number): number {
  let [greater, less] = [a, b];
  while (less > 0) [greater, less] = [less, greater % less];
  return (a * b) / greater;
}

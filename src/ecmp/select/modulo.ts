/**
 * Modulo-N: the hash's remainder by the number of members picks the member. Simple and even, and the worst at a change: with
 * N members all but 1/N of the flows move. Weights repeat a member: after division by their greatest common divisor, a
 * member of weight w owns w buckets in a row.
 */
import { MAXIMUM_BUCKETS, type Member, type SelectionTable, type Selector } from "../table.ts";

export const modulo: Selector = { name: "modulo", stateful: false, ordered: true, movement: "any", evenness: "exact", fill };

function fill(members: readonly Member[]): SelectionTable {
  const divisor = members.reduce((common, { weight }) => greatestCommonDivisor(common, weight), 0) || 1;
  const buckets = members.reduce((sum, { weight }) => sum + weight / divisor, 0);
  if (buckets > MAXIMUM_BUCKETS) {
    throw new RangeError(`Cannot fill a modulo table: the weights need ${buckets} buckets, wanted at most ${MAXIMUM_BUCKETS}`);
  }
  const owners = new Uint16Array(buckets);
  let next = 0;
  members.forEach(({ weight }, index) => {
    owners.fill(index, next, next + weight / divisor);
    next += weight / divisor;
  });
  return { members, reduction: "buckets", owners };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

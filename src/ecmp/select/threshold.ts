/**
 * Hash-threshold (RFC 2992): the space of hashes is cut into one range a member, in member order, as long as its weight
 * asks. At a change all inner bounds shift, so between a quarter and a half of the flows move, and how many depends on
 * *where* in the order the member stood (fewest in the middle).
 */
import type { Member, SelectionTable, Selector } from "../table.ts";

export const threshold: Selector = {
  name: "threshold",
  stateful: false,
  ordered: true,
  movement: "any",
  evenness: "exact",
  hashBits: 32,
  fill,
};

const HASHES = 0x100000000;

function fill(members: readonly Member[]): SelectionTable {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  if (total > HASHES / 0x800) {
    throw new RangeError(`Cannot fill a threshold table: the weights add up to ${total}, wanted at most ${HASHES / 0x800}`);
  }
  const bounds = new Uint32Array(members.length);
  let sum = 0;
  members.forEach(({ weight }, index) => {
    sum += weight;
    // Exact: the product stays below 2^53. The last one is HASHES - 1, so that every hash has an owner.
    bounds[index] = Math.floor((HASHES * sum) / total) - 1;
  });
  return { members, reduction: "bounds", bounds, owners: Uint16Array.from(members, (_, index) => index) };
}

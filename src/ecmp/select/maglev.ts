/**
 * Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4). Each member has a permutation of the buckets of its own, from an
 * offset and a skip; the members take turns, and each takes the first bucket of its permutation that is still free. The
 * number of buckets is a prime, so that every skip visits them all; above 100 for each member the shares differ by less than
 * a percent.
 *
 *   offset 3 skip 4, 7 buckets     3 0 4 1 5 2 6
 *   offset 0 skip 2                0 2 4 6 1 3 5
 *   offset 3 skip 1                3 4 5 6 0 1 2
 *   the members take in turn       1 0 1 0 2 2 0     (the paper's table 1)
 *
 * A departure moves the departed's buckets and a few more: at 65537 buckets on average 0.2 % of all with 8 members, and
 * 0.6 % with 128.
 * The paper leaves the two hashes open (ours are in `scatter.ts`), and says of weights that they alter how often a member
 * takes its turn; that is done as Katran's second version does it, see `turnByWeight`.
 */
import { MAXIMUM_BUCKETS, MAXIMUM_MEMBERS, type Member, type Selector } from "../table.ts";
import { scatterAddress, scramble } from "./scatter.ts";
import { bucketsFor, emptyTable } from "./share-out.ts";

/** The smaller size of the paper, and what its users deploy. */
export const DEFAULT_MAGLEV_BUCKETS = 65537;

export const maglev: Selector = {
  name: "maglev",
  stateful: false,
  ordered: true,
  movement: "bounded",
  evenness: "turns",
  fill: (members, { buckets = DEFAULT_MAGLEV_BUCKETS, seed = 0 }) => {
    checkPrime("maglev", buckets, members);
    if (members.length === 0) return emptyTable();
    const words = members.map(({ address }) => scatterAddress(address, seed));
    const permutations = {
      offsets: Int32Array.from(words, (word) => word % buckets),
      skips: Int32Array.from(words, (word) => (scramble(word ^ 0x9e3779b9) % (buckets - 1)) + 1),
    };
    const owners = takeTurns(permutations, buckets, turnByWeight(members.map(({ weight }) => weight)));
    return { members, reduction: "buckets", owners };
  },
};

export interface Permutations {
  readonly offsets: Int32Array;
  /** From 1 to the number of buckets less 1. */
  readonly skips: Int32Array;
}

/** Whose turn is next; called once for each bucket. */
export type Turn = () => number;

/**
 * Every bucket's owner, when members take turns until all buckets are taken. Most of the time goes into finding buckets taken,
 * about a dozen for each that is free, so that a bit for each bucket, all in the first cache, pays twofold.
 */
export function takeTurns({ offsets, skips }: Permutations, buckets: number, turn: Turn): Uint16Array {
  const owners = new Uint16Array(buckets);
  const taken = new Int32Array((buckets + 31) >>> 5);
  const places = Int32Array.from(offsets);
  for (let count = 0; count < buckets; count++) {
    const member = turn();
    const skip = skips[member];
    let place = places[member];
    while ((taken[place >>> 5] >>> (place & 31)) & 1) {
      // Around the end without a branch, which nobody could predict: the sign's bits let the size in again.
      place += skip - buckets;
      place += buckets & (place >> 31);
    }
    taken[place >>> 5] |= 1 << (place & 31);
    owners[place] = member;
    places[member] = place;
  }
  return owners;
}

/** One after the other, over and over. */
export function turnInOrder(count: number): Turn {
  let next = -1;
  return () => {
    next = next + 1 === count ? 0 : next + 1;
    return next;
  };
}

/**
 * In each round a member gains its weight, and takes its turn when it has as much as the heaviest, which that costs it. So
 * the heaviest takes a turn in every round, and one of half its weight in every second.
 */
export function turnByWeight(weights: readonly number[]): Turn {
  const heaviest = Math.max(...weights);
  if (weights.every((weight) => weight === heaviest)) return turnInOrder(weights.length);
  const gained = new Float64Array(weights.length);
  let next = -1;
  return () => {
    for (;;) {
      next = next + 1 === weights.length ? 0 : next + 1;
      gained[next] += weights[next];
      if (gained[next] < heaviest) continue;
      gained[next] -= heaviest;
      return next;
    }
  };
}

export function checkPrime(selector: string, buckets: number, members: readonly Member[]): void {
  const isUsable = isPrime(buckets) && buckets >= members.length && buckets <= MAXIMUM_BUCKETS;
  if (isUsable && members.length < MAXIMUM_MEMBERS) return;
  throw new RangeError(
    `Cannot fill a table of ${selector}: ${bucketsFor(buckets, members)}, wanted a prime number of buckets from the number of members (at most ${MAXIMUM_MEMBERS - 1}) to ${MAXIMUM_BUCKETS}`,
  );
}

function isPrime(number: number): boolean {
  if (!Number.isInteger(number) || number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

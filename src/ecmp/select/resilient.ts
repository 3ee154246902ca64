/**
 * Resilient hashing: a fixed number of buckets, and a change moves as few of them as it can. Who leaves gives its buckets to
 * those that stay, and nothing else moves; who arrives, or gains weight, takes what it needs from those that have too much.
 * The next table follows from the table in force and the new members, and from nothing else.
 *
 *   members 0 1 2, 8 buckets     0 1 2 0 1 2 0 1
 *   member 1 leaves              0 2 2 0 0 2 0 2     (the members are now numbered 0 2, written as before)
 *
 * A first fill deals the buckets in order, each to the member that lacks most: round robin for equal weights; otherwise the
 * heavier ones first, until all lack the same. This is the bucket table of Linux resilient groups and of switches, without
 * their timers: a bucket moves at once, busy or idle.
 */
import { MAXIMUM_BUCKETS, type Member, type SelectionTable, type Selector, type SelectorOptions } from "../table.ts";

export const DEFAULT_RESILIENT_BUCKETS = 128;

export const resilient: Selector = { name: "resilient", stateful: true, fill };

const VACANT = -1;

function fill(members: readonly Member[], options: SelectorOptions, previous?: SelectionTable): SelectionTable {
  const buckets = options.buckets ?? DEFAULT_RESILIENT_BUCKETS;
  const least = Math.max(1, members.length);
  if (!Number.isInteger(buckets) || buckets < least || buckets > MAXIMUM_BUCKETS) {
    throw new RangeError(
      `Cannot fill a resilient table: ${buckets} buckets for ${members.length} members, wanted ${least} to ${MAXIMUM_BUCKETS}`,
    );
  }
  if (members.length === 0) return { members, reduction: "buckets", owners: new Uint16Array(0) };
  const usable = previous?.reduction === "buckets" && previous.owners.length === buckets ? previous : undefined;
  const owners = usable ? keep(usable, members) : new Int32Array(buckets).fill(VACANT);
  const lacking = createLacking(members, owners);
  deal(owners, lacking);
  if (!usable || !onlyDepartures(usable, members)) level(owners, lacking);
  return { members, reduction: "buckets", owners: Uint16Array.from(owners) };
}

/** The buckets of those that stay, under their new numbers; the others vacant. */
function keep(previous: SelectionTable, members: readonly Member[]): Int32Array {
  const indexOf = new Map(members.map(({ address }, index) => [address, index]));
  return Int32Array.from(previous.owners, (owner) => indexOf.get(previous.members[owner].address) ?? VACANT);
}

const onlyDepartures = (previous: SelectionTable, members: readonly Member[]): boolean =>
  members.every((member) => previous.members.some((old) => old.address === member.address && old.weight === member.weight));

/**
 * How much each member lacks of its due (negative: has too much), and the unit in which one bucket counts. Multiplied by
 * the sum of the weights, so that all of it stays in whole numbers and ties are real ties.
 */
interface Lacking {
  readonly amounts: number[];
  readonly oneBucket: number;
}

function createLacking(members: readonly Member[], owners: Int32Array): Lacking {
  const oneBucket = members.reduce((sum, { weight }) => sum + weight, 0);
  const amounts = members.map(({ weight }) => weight * owners.length);
  for (const owner of owners) if (owner !== VACANT) amounts[owner] -= oneBucket;
  return { amounts, oneBucket };
}

/** Gives every vacant bucket to the member that lacks most. */
function deal(owners: Int32Array, { amounts, oneBucket }: Lacking): void {
  for (let bucket = owners.indexOf(VACANT); bucket >= 0; bucket = owners.indexOf(VACANT, bucket + 1)) {
    const taker = indexOfGreatest(amounts);
    owners[bucket] = taker;
    amounts[taker] -= oneBucket;
  }
}

/**
 * Moves buckets from the fullest to the neediest until all are within one bucket of their due. Every move mends a member
 * that is a whole bucket off, on at least one side, so no fewer moves would do.
 */
function level(owners: Int32Array, { amounts, oneBucket }: Lacking): void {
  for (;;) {
    const taker = indexOfGreatest(amounts);
    const giver = indexOfLeast(amounts);
    if (amounts[taker] < oneBucket && amounts[giver] > -oneBucket) return;
    owners[owners.lastIndexOf(giver)] = taker;
    amounts[taker] -= oneBucket;
    amounts[giver] += oneBucket;
  }
}

/** Of equals, the first. */
function indexOfGreatest(numbers: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i] > numbers[best]) best = i;
  return best;
}

/** Of equals, the first. */
function indexOfLeast(numbers: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i] < numbers[best]) best = i;
  return best;
}

/**
 * Sharing buckets out by weight: what the selectors with a fixed number of buckets have in common. `keep` carries a table's
 * owners over to the next set of members, `deal` gives the vacant buckets away, `level` moves as few as will do until all
 * have their due. An owner is the index of a member, or VACANT.
 */
import { MAXIMUM_BUCKETS, type Member, type SelectionTable } from "../table.ts";

export const VACANT = -1;

/** Throws unless `buckets` is a size that can serve so many members. */
export function checkBuckets(selector: string, buckets: number, members: readonly Member[]): void {
  const least = Math.max(1, members.length);
  if (Number.isInteger(buckets) && buckets >= least && buckets <= MAXIMUM_BUCKETS) return;
  throw new RangeError(
    `Cannot fill a table of ${selector}: ${bucketsFor(buckets, members)}, wanted ${least} to ${MAXIMUM_BUCKETS}`,
  );
}

/** In words: a table that begins has no members, and then they are not what is wrong. */
export function bucketsFor(buckets: number, members: readonly Member[]): string {
  const counted = members.length === 1 ? "1 member" : `${members.length} members`;
  return `${buckets} buckets${members.length === 0 ? "" : ` for ${counted}`}`;
}

export const emptyTable = (): SelectionTable => ({ members: [], reduction: "buckets", owners: new Uint16Array(0) });

/** The table before, if the next one can follow from it. */
export function usable(previous: SelectionTable | undefined, buckets: number): SelectionTable | undefined {
  return previous?.reduction === "buckets" && previous.owners.length === buckets ? previous : undefined;
}

/** The buckets of those that stay, under their new numbers; the others vacant. */
export function keep(previous: SelectionTable, members: readonly Member[]): Int32Array {
  const indexOf = new Map(members.map(({ address }, index) => [address, index]));
  return Int32Array.from(previous.owners, (owner) => indexOf.get(previous.members[owner].address) ?? VACANT);
}

/** Whether nobody has come and no weight has changed. */
export const onlyDepartures = (previous: SelectionTable, members: readonly Member[]): boolean =>
  members.every((member) => previous.members.some((old) => old.address === member.address && old.weight === member.weight));

/**
 * How much each member lacks of its due (negative: has too much), and the unit in which one bucket counts. Multiplied by
 * the sum of the weights, so that all of it stays in whole numbers and ties are real ties.
 */
export interface Lacking {
  readonly amounts: number[];
  readonly oneBucket: number;
}

export function createLacking(members: readonly Member[], owners: Int32Array): Lacking {
  const oneBucket = members.reduce((sum, { weight }) => sum + weight, 0);
  const amounts = members.map(({ weight }) => weight * owners.length);
  for (const owner of owners) if (owner !== VACANT) amounts[owner] -= oneBucket;
  return { amounts, oneBucket };
}

export function move({ amounts, oneBucket }: Lacking, giver: number, taker: number): void {
  if (giver !== VACANT) amounts[giver] += oneBucket;
  amounts[taker] -= oneBucket;
}

/** Gives every vacant bucket to the member that lacks most. */
export function deal(owners: Int32Array, lacking: Lacking): void {
  for (let bucket = owners.indexOf(VACANT); bucket >= 0; bucket = owners.indexOf(VACANT, bucket + 1)) {
    const taker = indexOfGreatest(lacking.amounts);
    owners[bucket] = taker;
    move(lacking, VACANT, taker);
  }
}

/**
 * Moves buckets from the fullest to the neediest until all are within one bucket of their due. Every move mends a member
 * that is a whole bucket off, on at least one side, so no fewer moves would do.
 */
export function level(owners: Int32Array, lacking: Lacking): void {
  const { amounts, oneBucket } = lacking;
  for (;;) {
    const taker = indexOfGreatest(amounts);
    const giver = indexOfLeast(amounts);
    if (amounts[taker] < oneBucket && amounts[giver] > -oneBucket) return;
    owners[owners.lastIndexOf(giver)] = taker;
    move(lacking, giver, taker);
  }
}

/** What a change makes of a table: departures are dealt out, and anything else is levelled as well. */
export function shareOut(members: readonly Member[], owners: Int32Array, settled: boolean): void {
  const lacking = createLacking(members, owners);
  deal(owners, lacking);
  if (!settled) level(owners, lacking);
}

/** Of equals, the first. */
export function indexOfGreatest(numbers: readonly number[]): number {
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

/**
 * What a change breaks. This is the one definition of a disrupted flow: it has moved when the member that its hash picks
 * after the change is another one than before, told by address. A move is unavoidable when the member before has departed;
 * every other move is excess, and the selector is to blame.
 *
 * `disrupt` counts hashes over a change of tables; forecasts and the lab ask `isMoved` of each flow. A sweep counts part by
 * part (`createTally`), adds the parts up, and summarizes once: the answer does not depend on how the flows were divided.
 */
import type { GroupChange } from "../ecmp/change.ts";
import type { SelectionTable } from "../ecmp/table.ts";
import type { Address } from "../net/address.ts";

export interface Disruption {
  readonly flows: number;
  readonly moved: number;
  /** Moved, and the member before is gone. */
  readonly unavoidable: number;
  /** Moved, although the member before is still there. */
  readonly excess: number;
  /** Members of either table, those of the table before first, in member order. */
  readonly members: readonly MemberLoad[];
  /** After the change: the fullest member's flows, relative to what its weight entitles it to. 1 is perfectly even. */
  readonly maxOverMean: number;
}

export interface MemberLoad {
  readonly address: Address;
  readonly before: number;
  readonly after: number;
}

/** A flow that had nowhere to go cannot be moved; one that has nowhere to go now, is. */
export const isMoved = <Identity>(before: Identity | undefined, after: Identity | undefined): boolean =>
  before !== undefined && before !== after;

/** Flows by member: one number for each address of either table, and at the end one for flows that have no member. */
export interface MoveCounts {
  readonly before: Float64Array;
  readonly after: Float64Array;
  /** Those of `before` that moved. */
  readonly moved: Float64Array;
}

export function disrupt(change: GroupChange, hashes: Iterable<number>): Disruption {
  const tally = createTally(change);
  tally.count(hashes instanceof Uint32Array ? hashes : Uint32Array.from(hashes));
  return summarize(change, tally.counts);
}

/** Those of the table before first, in member order. */
const addressesOf = ({ before, after }: GroupChange): Address[] => [
  ...new Set([...before.members, ...after.members].map(({ address }) => address)),
];

export function createCounts(change: GroupChange): MoveCounts {
  const zeros = (): Float64Array => new Float64Array(addressesOf(change).length + 1);
  return { before: zeros(), after: zeros(), moved: zeros() };
}

export function addCounts(sum: MoveCounts, part: MoveCounts): void {
  for (const key of ["before", "after", "moved"] as const) {
    for (let i = 0; i < part[key].length; i++) sum[key][i] += part[key][i];
  }
}

const BLOCK = 4096;

/** A count that goes on: `count` as often as there are hashes to come. */
export function createTally(change: GroupChange): { readonly counts: MoveCounts; count(hashes: Uint32Array): void } {
  // Each address gets one number for both tables: comparing and counting then cost no look-up by address a flow.
  const numberOf = new Map(addressesOf(change).map((address, number) => [address, number]));
  const pickBefore = createPicker(change.before, numberOf);
  const pickAfter = createPicker(change.after, numberOf);
  const [from, to] = [new Uint32Array(BLOCK), new Uint32Array(BLOCK)];
  const counts = createCounts(change);
  return {
    counts,
    count(hashes) {
      for (let start = 0; start < hashes.length; start += BLOCK) {
        const block = hashes.subarray(start, start + BLOCK);
        pickBefore(block, from);
        pickAfter(block, to);
        addBlock(counts, from, to, block.length);
      }
    },
  };
}

function addBlock({ before, after, moved }: MoveCounts, from: Uint32Array, to: Uint32Array, length: number): void {
  for (let i = 0; i < length; i++) {
    before[from[i]]++;
    after[to[i]]++;
    if (from[i] !== to[i]) moved[from[i]]++;
  }
}

type Picker = (hashes: Uint32Array, numbers: Uint32Array) => void;

/** Writes the number of the member that each hash picks. */
function createPicker(table: SelectionTable, numberOf: ReadonlyMap<Address, number>): Picker {
  const { owners, members } = table;
  const nobody = numberOf.size;
  if (owners.length === 0) return (hashes, numbers) => void numbers.fill(nobody, 0, hashes.length);
  const ownNumbers = members.map(({ address }) => numberOf.get(address) as number);
  const numberOfBucket = Uint32Array.from(owners, (owner) => ownNumbers[owner]);
  if (table.reduction === "buckets") return (hashes, numbers) => pickBuckets(numberOfBucket, hashes, numbers);
  const firstRange = indexBounds(table.bounds);
  return (hashes, numbers) => pickBounds(numberOfBucket, table.bounds, firstRange, hashes, numbers);
}

function pickBuckets(numberOfBucket: Uint32Array, hashes: Uint32Array, numbers: Uint32Array): void {
  // All of it unsigned words: a remainder of two of them is one instruction, of two numbers of any kind a call.
  const buckets = numberOfBucket.length >>> 0;
  for (let i = 0; i < hashes.length; i++) numbers[i] = numberOfBucket[(hashes[i] % buckets) >>> 0];
}

/** For each value of a hash's upper bits, the range that its lowest hash lies in: the search is over after a step or two. */
const UPPER_BITS = 12;

function indexBounds(bounds: Uint32Array): Uint32Array {
  let range = 0;
  return Uint32Array.from({ length: 1 << UPPER_BITS }, (_, upper) => {
    while (upper * 2 ** (32 - UPPER_BITS) > bounds[range]) range++;
    return range;
  });
}

function pickBounds(
  numberOfRange: Uint32Array,
  bounds: Uint32Array,
  firstRange: Uint32Array,
  hashes: Uint32Array,
  numbers: Uint32Array,
): void {
  for (let i = 0; i < hashes.length; i++) {
    const hash = hashes[i];
    let range = firstRange[hash >>> (32 - UPPER_BITS)];
    while (hash > bounds[range]) range++;
    numbers[i] = numberOfRange[range];
  }
}

export function summarize(change: GroupChange, counts: MoveCounts): Disruption {
  const stays = new Set(change.after.members.map(({ address }) => address));
  const members = addressesOf(change).map((address, number) => ({
    address,
    before: counts.before[number],
    after: counts.after[number],
  }));
  let flows = 0;
  let moved = 0;
  let unavoidable = 0;
  for (const count of counts.before) flows += count;
  members.forEach(({ address }, number) => {
    moved += counts.moved[number];
    if (!stays.has(address)) unavoidable += counts.moved[number];
  });
  return { flows, moved, unavoidable, excess: moved - unavoidable, members, maxOverMean: maxOverMean(change, members, flows) };
}

/** 0 when there is nothing to be uneven: no flow, or no member. */
function maxOverMean({ after: { members } }: GroupChange, loads: readonly MemberLoad[], flows: number): number {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const loadOf = new Map(loads.map((load) => [load.address, load.after]));
  const ratios = members.map(({ address, weight }) => (loadOf.get(address) ?? 0) / ((flows * weight) / total));
  return flows === 0 ? 0 : Math.max(0, ...ratios);
}

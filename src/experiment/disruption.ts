/**
 * What a change breaks. This is the one definition of a disrupted flow: it has moved when the member that its hash picks
 * after the change is another one than before, told by address. A move is unavoidable when the member before has departed;
 * every other move is excess, and the selector is to blame.
 *
 * `disrupt` counts hashes over a change of tables; forecasts and the lab ask `isMoved` of each flow.
 */
import type { GroupChange } from "../ecmp/change.ts";
import { type SelectionTable, select } from "../ecmp/table.ts";
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

export function disrupt({ before, after }: GroupChange, hashes: Iterable<number>): Disruption {
  // Each address gets one number for both tables: comparing and counting then cost no look-up by address a flow.
  const addresses = [...new Set([...before.members, ...after.members].map(({ address }) => address))];
  const numberOf = new Map(addresses.map((address, number) => [address, number]));
  const numbersBefore = before.members.map(({ address }) => numberOf.get(address));
  const numbersAfter = after.members.map(({ address }) => numberOf.get(address));
  const loadsBefore = new Array<number>(addresses.length).fill(0);
  const loadsAfter = new Array<number>(addresses.length).fill(0);
  const stays = addresses.map((_, number) => numbersAfter.includes(number));
  let flows = 0;
  let moved = 0;
  let unavoidable = 0;
  for (const hash of hashes) {
    const from = numbersBefore[select(before, hash)];
    const to = numbersAfter[select(after, hash)];
    flows++;
    if (from !== undefined) loadsBefore[from]++;
    if (to !== undefined) loadsAfter[to]++;
    if (from === undefined || !isMoved(from, to)) continue;
    moved++;
    if (!stays[from]) unavoidable++;
  }
  const members = addresses.map((address, number) => ({ address, before: loadsBefore[number], after: loadsAfter[number] }));
  return { flows, moved, unavoidable, excess: moved - unavoidable, members, maxOverMean: maxOverMean(after, members, flows) };
}

/** 0 when there is nothing to be uneven: no flow, or no member. */
function maxOverMean({ members }: SelectionTable, loads: readonly MemberLoad[], flows: number): number {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const loadOf = new Map(loads.map((load) => [load.address, load.after]));
  const ratios = members.map(({ address, weight }) => (loadOf.get(address) ?? 0) / ((flows * weight) / total));
  return flows === 0 ? 0 : Math.max(0, ...ratios);
}

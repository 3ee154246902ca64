/**
 * AnchorHash (`anchor-hash.ts`, where the paper is named) compiled to a table: a bucket is a key, and a member of weight w
 * holds w places. Departures move the departed's buckets only, an arrival takes only buckets of its own; a place that was
 * given up last is given out first, so members that depart and return in opposite order find the old table again.
 *
 * The table's memory: who holds each working place, in the order of the places, and which places were given up, in the order
 * in which they were. Our reading of weights, which the paper does not have.
 */
import type { Address } from "../../net/address.ts";
import type { Member, Selector, SelectorMemory } from "../table.ts";
import { type AnchorHash, createAnchorHash } from "./anchor-hash.ts";
import { scramble } from "./scatter.ts";
import { checkBuckets, emptyTable } from "./share-out.ts";

const DEFAULT_ANCHOR_BUCKETS = 4096;
/** Places for weights that add up to so much. */
const DEFAULT_ANCHOR_CAPACITY = 1024;

export const anchor: Selector = {
  name: "anchor",
  stateful: true,
  ordered: true,
  movement: "minimal",
  evenness: "sampled",
  fill: (members, { buckets = DEFAULT_ANCHOR_BUCKETS, capacity = DEFAULT_ANCHOR_CAPACITY, seed = 0 }, previous) => {
    checkBuckets("anchor", buckets, members);
    if (members.length === 0) return emptyTable();
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    if (!Number.isInteger(capacity) || total > capacity) {
      throw new RangeError(
        `Cannot fill an anchor table: the weights add up to ${total}, wanted at most its capacity ${capacity}`,
      );
    }
    const { hash, holders, givenUp } = restore(previous?.memory, capacity) ?? begin(members, capacity);
    settle(members, hash, holders, givenUp);
    const indexOf = new Map(members.map(({ address }, index) => [address, index]));
    const ownerOf = new Map([...holders].map(([place, address]) => [place, indexOf.get(address) as number]));
    const owners = Uint16Array.from(
      { length: buckets },
      (_, bucket) => ownerOf.get(hash.pick(scramble(bucket ^ scramble(seed)))) as number,
    );
    return { members, reduction: "buckets", owners, memory: remember(holders, givenUp) };
  },
};

interface Anchorage {
  readonly hash: AnchorHash;
  /** Who holds each working place. */
  readonly holders: Map<number, Address>;
  /** Places that worked once, the last one given up at the end. */
  readonly givenUp: number[];
}

function begin(members: readonly Member[], capacity: number): Anchorage {
  const addresses = members.flatMap(({ address, weight }) => new Array<Address>(weight).fill(address));
  return { hash: createAnchorHash(capacity, addresses.length), holders: new Map(addresses.entries()), givenUp: [] };
}

/** Brings the places to the members. The last place of all cannot be given up: it is handed on. */
function settle(members: readonly Member[], hash: AnchorHash, holders: Map<number, Address>, givenUp: number[]): void {
  const due = new Map(members.map(({ address, weight }) => [address, weight]));
  const surplus = [...holders].filter(([, address]) => {
    const left = due.get(address) ?? 0;
    due.set(address, left - 1);
    return left <= 0;
  });
  let handedOn: number | undefined;
  for (const [place] of surplus) {
    if (hash.count === 1) handedOn = place;
    else {
      hash.remove(place);
      holders.delete(place);
      givenUp.push(place);
    }
  }
  for (const { address } of members) {
    for (let lacking = due.get(address) ?? 0; lacking > 0; lacking--) {
      holders.set(handedOn ?? takePlace(hash, givenUp), address);
      handedOn = undefined;
    }
  }
}

function takePlace(hash: AnchorHash, givenUp: number[]): number {
  givenUp.pop();
  return hash.add();
}

const remember = (holders: Map<number, Address>, givenUp: readonly number[]): SelectorMemory => ({
  holders: [...holders].sort(([a], [b]) => a - b).map(([, address]) => address),
  givenUp: [...givenUp],
});

/** The same anchor again: all places that ever worked, less those given up since, in their order. */
function restore(memory: SelectorMemory | undefined, capacity: number): Anchorage | undefined {
  if (!memory?.holders || !memory.givenUp) return undefined;
  const givenUp = memory.givenUp.map(Number);
  const used = memory.holders.length + givenUp.length;
  if (memory.holders.length === 0 || used > capacity) return undefined;
  const hash = createAnchorHash(capacity, used);
  for (const place of givenUp) hash.remove(place);
  const gone = new Set(givenUp);
  const places = Array.from({ length: used }, (_, place) => place).filter((place) => !gone.has(place));
  const holders = new Map(places.map((place, i) => [place, (memory.holders as readonly Address[])[i]]));
  return { hash, holders, givenUp };
}

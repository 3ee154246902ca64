/**
 * How many prefixes have a path of a peer, kept while prefixes come and go, by the epoch and the family in which the peer said
 * so: then what a loss takes is known at once, long before the prefixes themselves are looked at.
 */
import type { Address, AddressFamily } from "../net/address.ts";
import type { Path } from "./path.ts";
import type { RefusalReason } from "./policy.ts";
import { epochOf, type RoutePeer } from "./route.ts";

/** Of one peer, now: paths heard, and of those the ones that its import policy refused, by reason. */
export interface PeerPaths {
  readonly received: number;
  readonly refused: Partial<Record<RefusalReason, number>>;
}

export interface Tally {
  readonly epoch: number;
  readonly family: AddressFamily;
  prefixes: number;
  readonly refused: Map<RefusalReason, number>;
}

export interface Tallies {
  /** So many prefixes more have this path or, below zero, have it no longer. */
  add(path: Path, family: AddressFamily, prefixes: number): void;
  of(peer: Address): readonly Tally[];
  /** Forgets those, and returns the sum of their prefixes. */
  take(peer: Address, isTaken: (tally: Tally) => boolean): number;
}

export function createTallies(): Tallies {
  const byPeer = new Map<Address, Tally[]>();
  function begin(peer: RoutePeer, family: AddressFamily, ofPeer: Tally[]): Tally {
    const tally: Tally = { epoch: epochOf(peer), family, prefixes: 0, refused: new Map() };
    ofPeer.push(tally);
    byPeer.set(peer.address, ofPeer);
    return tally;
  }

  return {
    add({ peer, refused }, family, prefixes) {
      const ofPeer = byPeer.get(peer.address) ?? [];
      const tally = find(ofPeer, epochOf(peer), family) ?? begin(peer, family, ofPeer);
      tally.prefixes += prefixes;
      if (refused) tally.refused.set(refused, (tally.refused.get(refused) ?? 0) + prefixes);
      if (tally.prefixes === 0) ofPeer.splice(ofPeer.indexOf(tally), 1);
    },
    of: (peer) => byPeer.get(peer) ?? [],
    take(peer, isTaken) {
      const ofPeer = byPeer.get(peer) ?? [];
      const left = ofPeer.filter((tally) => !isTaken(tally));
      if (left.length > 0) byPeer.set(peer, left);
      else byPeer.delete(peer);
      return sum(ofPeer) - sum(left);
    },
  };
}

function find(tallies: readonly Tally[], epoch: number, family: AddressFamily): Tally | undefined {
  for (const tally of tallies) if (tally.epoch === epoch && tally.family === family) return tally;
  return undefined;
}

const sum = (tallies: readonly Tally[]): number => tallies.reduce((all, { prefixes }) => all + prefixes, 0);

export const receivedOf = (tallies: readonly Tally[], family: AddressFamily): number =>
  sum(tallies.filter((tally) => tally.family === family));

export function peerPathsOf(tallies: readonly Tally[]): PeerPaths {
  const refused: Partial<Record<RefusalReason, number>> = {};
  for (const tally of tallies)
    for (const [reason, prefixes] of tally.refused) if (prefixes > 0) refused[reason] = (refused[reason] ?? 0) + prefixes;
  return { received: sum(tallies), refused };
}

/**
 * Words of peers that count no more, while the prefixes that still have them are looked at one after the other. A loss takes
 * effect at once, on every decision made from then on and on every count; but a full table has a million prefixes, and to
 * decide anew for all of them in one turn would keep keepalives waiting for seconds. BIRD prunes its tables and FRR clears
 * its nodes in such steps too.
 */
import type { Address, AddressFamily } from "../net/address.ts";
import type { Path } from "./path.ts";
import { epochOf, type RoutePeer, type RouteUpdate } from "./route.ts";
import type { Tallies } from "./tally.ts";

type Lost = Extract<RouteUpdate, { kind: "lost" }>;

interface Loss {
  readonly peer: Address;
  /** Undefined: all. */
  readonly family: AddressFamily | undefined;
  /** What the peer said in earlier epochs is gone. */
  readonly epoch: number;
}

export interface Losses {
  add(update: Lost): void;
  /** Whether any prefix has such a path still. */
  areLeft(): boolean;
  isGone(path: Path, family: AddressFamily): boolean;
  /** Paths that are not gone. */
  remaining(paths: readonly Path[], family: AddressFamily): readonly Path[];
  /** Whether what this peer says now could not be told from what is gone. */
  wouldTake(peer: RoutePeer): boolean;
  /** So many prefixes have no longer one of those paths. */
  settle(prefixes: number): void;
}

export function createLosses(tallies: Tallies): Losses {
  let losses: Loss[] = [];
  let left = 0;

  const isGone = ({ peer }: Path, family: AddressFamily): boolean => {
    for (const loss of losses) {
      if (loss.peer !== peer.address || epochOf(peer) >= loss.epoch) continue;
      if (loss.family === undefined || loss.family === family) return true;
    }
    return false;
  };

  return {
    add({ peer, family, staleOnly }) {
      const known = tallies.of(peer.address).map((tally) => tally.epoch);
      const epoch = staleOnly ? epochOf(peer) : Math.max(epochOf(peer), ...known) + 1;
      const taken = tallies.take(
        peer.address,
        (tally) => tally.epoch < epoch && (family === undefined || tally.family === family),
      );
      if (taken === 0) return;
      const isCovered = (loss: Loss): boolean => loss.peer === peer.address && (family === undefined || loss.family === family);
      const latest = Math.max(epoch, ...losses.filter(isCovered).map((loss) => loss.epoch));
      losses = [...losses.filter((loss) => !isCovered(loss)), { peer: peer.address, family, epoch: latest }];
      left += taken;
    },
    areLeft: () => losses.length > 0,
    isGone,
    remaining: (paths, family) => (losses.length === 0 ? paths : paths.filter((path) => !isGone(path, family))),
    wouldTake: (peer) => losses.some((loss) => loss.peer === peer.address && epochOf(peer) < loss.epoch),
    settle(prefixes) {
      left -= prefixes;
      if (left === 0) losses = [];
    },
  };
}

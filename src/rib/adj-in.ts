/**
 * Adj-RIBs-In (RFC 4271 section 3.2): what each peer has told us, unfiltered, so that a lost peer can be forgotten in one
 * walk over its own routes. All prefixes of one UPDATE share one `Path` object, so a full table costs a map entry a prefix.
 */
import { type Nlri, nlriKey, type PathAttributes } from "../bgp/path.ts";
import type { Address } from "../net/address.ts";
import type { Prefix, prefixKey } from "../net/prefix.ts";
import type { RoutePeer } from "./route.ts";

/** One way to somewhere: who told us, and what. */
export interface Path {
  readonly peer: RoutePeer;
  readonly attributes: PathAttributes;
  /** Which of the peer's paths to the prefix this is, where it may tell us several (RFC 7911). */
  readonly pathId?: number;
}

export type PrefixKey = ReturnType<typeof prefixKey>;
type NlriKey = ReturnType<typeof nlriKey>;

export interface HeldRoute {
  readonly prefix: Prefix;
  path: Path;
}

export interface AdjIn {
  /** Takes the peer's word for `prefix` and returns what it had said before. */
  set(prefix: Nlri, path: Path): Path | undefined;
  /** Forgets the peer's word for `prefix` and returns it. */
  delete(peer: RoutePeer, prefix: Nlri): Path | undefined;
  /** Forgets all of a peer, or all of it that `isMeant`, and returns it in the order in which it first came. */
  deletePeer(peer: RoutePeer, isMeant?: (route: HeldRoute) => boolean): Iterable<HeldRoute>;
}

/** Peers are told apart by their address; a session that comes back is the same peer. */
export function createAdjIn(): AdjIn {
  const peers = new Map<Address, Map<NlriKey, HeldRoute>>();
  const tableOf = (peer: RoutePeer) => peers.get(peer.address);

  function set(prefix: Nlri, path: Path): Path | undefined {
    const table = tableOf(path.peer) ?? new Map<NlriKey, HeldRoute>();
    peers.set(path.peer.address, table);
    const key = nlriKey(prefix);
    const held = table.get(key);
    const before = held?.path;
    if (held) held.path = path;
    else table.set(key, { prefix, path });
    return before;
  }

  function remove(peer: RoutePeer, prefix: Nlri): Path | undefined {
    const table = tableOf(peer);
    const key = nlriKey(prefix);
    const held = table?.get(key);
    table?.delete(key);
    return held?.path;
  }

  function deletePeer(peer: RoutePeer, isMeant?: (route: HeldRoute) => boolean): Iterable<HeldRoute> {
    const table = tableOf(peer);
    if (!table) return [];
    if (isMeant) return deleteSome(table, isMeant);
    peers.delete(peer.address);
    return table.values();
  }

  function deleteSome(table: Map<NlriKey, HeldRoute>, isMeant: (route: HeldRoute) => boolean): HeldRoute[] {
    const forgotten: HeldRoute[] = [];
    for (const [key, held] of table) {
      if (!isMeant(held)) continue;
      table.delete(key);
      forgotten.push(held);
    }
    return forgotten;
  }

  return { set, delete: remove, deletePeer };
}

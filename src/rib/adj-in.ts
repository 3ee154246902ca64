/**
 * Adj-RIBs-In (RFC 4271 section 3.2): what each peer has told us, unfiltered, so that a lost peer can be forgotten in one
 * walk over its own routes. All prefixes of one UPDATE share one `Path` object, so a full table costs a map entry a prefix.
 */
import type { PathAttributes } from "../bgp/path.ts";
import { type Address, type AddressFamily, addressFamily } from "../net/address.ts";
import { type Prefix, prefixKey } from "../net/prefix.ts";
import type { RoutePeer } from "./route.ts";

/** One way to somewhere: who told us, and what. */
export interface Path {
  readonly peer: RoutePeer;
  readonly attributes: PathAttributes;
}

export type PrefixKey = ReturnType<typeof prefixKey>;

interface HeldRoute {
  readonly prefix: Prefix;
  path: Path;
}

export interface AdjIn {
  /** Takes the peer's word for `prefix` and returns what it had said before. */
  set(prefix: Prefix, path: Path): Path | undefined;
  /** Forgets the peer's word for `prefix` and returns it. */
  delete(peer: RoutePeer, prefix: Prefix): Path | undefined;
  /** Forgets all of a peer, or all of one family, and returns it in the order in which it first came. */
  deletePeer(peer: RoutePeer, family?: AddressFamily): Iterable<HeldRoute>;
}

/** Peers are told apart by their address; a session that comes back is the same peer. */
export function createAdjIn(): AdjIn {
  const peers = new Map<Address, Map<PrefixKey, HeldRoute>>();
  const tableOf = (peer: RoutePeer) => peers.get(peer.address);

  function set(prefix: Prefix, path: Path): Path | undefined {
    const table = tableOf(path.peer) ?? new Map<PrefixKey, HeldRoute>();
    peers.set(path.peer.address, table);
    const key = prefixKey(prefix);
    const held = table.get(key);
    const before = held?.path;
    if (held) held.path = path;
    else table.set(key, { prefix, path });
    return before;
  }

  function remove(peer: RoutePeer, prefix: Prefix): Path | undefined {
    const table = tableOf(peer);
    const key = prefixKey(prefix);
    const held = table?.get(key);
    table?.delete(key);
    return held?.path;
  }

  function deletePeer(peer: RoutePeer, family?: AddressFamily): Iterable<HeldRoute> {
    const table = tableOf(peer);
    if (!table) return [];
    if (family) return deleteFamily(table, family);
    peers.delete(peer.address);
    return table.values();
  }

  function deleteFamily(table: Map<PrefixKey, HeldRoute>, family: AddressFamily): HeldRoute[] {
    const forgotten: HeldRoute[] = [];
    for (const [key, held] of table) {
      if (addressFamily(held.prefix.address) !== family) continue;
      table.delete(key);
      forgotten.push(held);
    }
    return forgotten;
  }

  return { set, delete: remove, deletePeer };
}

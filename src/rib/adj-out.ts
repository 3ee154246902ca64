/**
 * Adj-RIBs-Out (RFC 4271 section 3.2): what each peer was told, so that it is told again only what is another thing now. The
 * router opens one when a session comes up, has it look again at prefixes whose routes have changed, and hands what it
 * answers to the speaker. Prefixes with the same attributes come together, and so go out in few messages.
 *
 * What is about the whole table comes in pieces, each chosen when it is asked for, by the state of things then: whoever has much
 * to say to a peer asks for the next one when that takes more.
 */
import type { PathAttributes } from "../bgp/path.ts";
import { type Address, type AddressFamily, addressFamily } from "../net/address.ts";
import { comparePrefixes, type Prefix, prefixKey } from "../net/prefix.ts";
import { type ExportPolicy, exportRoute } from "./export.ts";
import type { Audience, RouteAnnouncements } from "./route.ts";
import type { Rib } from "./table.ts";
import { createToldTable, type Told, type ToldTable } from "./told.ts";

export interface AdjOutContext {
  readonly rib: Pick<Rib, "route" | "prefixes">;
  /** What we announce as our own, whether there is a route to it or not. */
  networks(): readonly Prefix[];
  policy(audience: Audience): ExportPolicy;
}

export type Pieces = Iterable<RouteAnnouncements>;

export interface AdjOut {
  /** The session is up: all that the peer is to know. */
  open(audience: Audience): Pieces;
  /** The peer asks for a family again. */
  again(peer: Address, family: AddressFamily): Pieces;
  /** These could not be said: the peer holds nothing of them. */
  unsay(peer: Address, prefixes: readonly Prefix[]): void;
  close(peer: Address): void;
  /** These prefixes may have other routes now. For each peer that has to hear of it. */
  look(prefixes: readonly Prefix[]): Map<Address, RouteAnnouncements>;
  /** Networks or policies may be others. For each peer. */
  lookAtAll(): Map<Address, Pieces>;
  /** By prefix. */
  told(peer: Address): readonly Told[];
  /** How many prefixes that is. */
  size(peer: Address): number;
}

interface Listener {
  readonly audience: Audience;
  readonly told: ToldTable;
}

type Announcement = RouteAnnouncements["announcements"][number] & { readonly prefixes: Prefix[] };

const NOTHING: RouteAnnouncements = { withdrawn: [], announcements: [] };

export function createAdjOut({ rib, networks, policy }: AdjOutContext): AdjOut {
  const listeners = new Map<Address, Listener>();

  const wanted = (prefix: Prefix, { audience }: Listener, exportPolicy: ExportPolicy, own: ReadonlySet<number | string>) => {
    const isOwn = own.has(prefixKey(prefix));
    const route = rib.route(prefix);
    // Our own networks are announced as ours, whoever else announces them.
    if (isOwn) return exportRoute(prefix, undefined, audience, exportPolicy);
    return route && exportRoute(prefix, route, audience, exportPolicy);
  };

  const lookFor = (listener: Listener, prefixes: readonly Prefix[]): RouteAnnouncements => {
    const exportPolicy = policy(listener.audience);
    if (exportPolicy.announce.length === 0 && listener.told.size === 0) return NOTHING;
    const own = new Set(networks().map(prefixKey));
    const withdrawn: Prefix[] = [];
    const together = new Map<string, Announcement>();
    for (const prefix of prefixes) {
      const attributes = wanted(prefix, listener, exportPolicy, own);
      if (!attributes) {
        if (listener.told.delete(prefix)) withdrawn.push(prefix);
        continue;
      }
      // Attributes are values that are never changed: equal text is equal attributes.
      const text = JSON.stringify(attributes);
      if (listener.told.textOf(prefix) === text) continue;
      const name = `${addressFamily(prefix.address)} ${text}`;
      const announcement = together.get(name) ?? { prefixes: [], attributes };
      together.set(name, announcement);
      announcement.prefixes.push(prefix);
      listener.told.set(prefix, attributes, text);
    }
    return { withdrawn, announcements: [...together.values()] };
  };

  function* lookEverywhere(listener: Listener): Pieces {
    if (policy(listener.audience).announce.length > 0) {
      yield lookFor(listener, networks());
      for (const prefixes of rib.prefixes()) yield lookFor(listener, prefixes);
    }
    // What was told and is there no more, or is not to be told any more.
    for (const piece of listener.told.pieces()) {
      const isNothingAnnounced = policy(listener.audience).announce.length === 0;
      const prefixes = piece.map(({ prefix }) => prefix);
      yield lookFor(listener, isNothingAnnounced ? prefixes : prefixes.filter((prefix) => !rib.route(prefix)));
    }
  }

  function* sayAgain({ told }: Listener, family: AddressFamily): Pieces {
    for (const piece of told.pieces()) {
      const together = new Map<PathAttributes, Announcement>();
      for (const { prefix, attributes } of piece) {
        if (addressFamily(prefix.address) !== family) continue;
        const announcement = together.get(attributes) ?? { prefixes: [], attributes };
        together.set(attributes, announcement);
        announcement.prefixes.push(prefix);
      }
      yield { withdrawn: [], announcements: [...together.values()] };
    }
  }

  return {
    open(audience) {
      const listener: Listener = { audience, told: createToldTable() };
      listeners.set(audience.address, listener);
      return lookEverywhere(listener);
    },
    again(peer, family) {
      const listener = listeners.get(peer);
      return listener ? sayAgain(listener, family) : [];
    },
    unsay(peer, prefixes) {
      for (const prefix of prefixes) listeners.get(peer)?.told.delete(prefix);
    },
    close: (peer) => void listeners.delete(peer),
    look(prefixes) {
      const news = new Map<Address, RouteAnnouncements>();
      for (const [peer, listener] of listeners) {
        const announcements = lookFor(listener, prefixes);
        if (announcements.withdrawn.length + announcements.announcements.length > 0) news.set(peer, announcements);
      }
      return news;
    },
    lookAtAll: () => new Map(Array.from(listeners, ([peer, listener]) => [peer, lookEverywhere(listener)])),
    told: (peer) => [...(listeners.get(peer)?.told.pieces() ?? [])].flat().sort((a, b) => comparePrefixes(a.prefix, b.prefix)),
    size: (peer) => listeners.get(peer)?.told.size ?? 0,
  };
}

/**
 * Adj-RIBs-Out (RFC 4271 section 3.2): what each peer was told, so that it is told again only what is another thing now. The
 * router opens one when a session comes up, has it look again at prefixes whose routes have changed, and hands what it
 * answers to the speaker. Prefixes with the same attributes come together, and so go out in few messages.
 */
import type { PathAttributes } from "../bgp/path.ts";
import { type Address, type AddressFamily, addressFamily } from "../net/address.ts";
import { comparePrefixes, type Prefix, prefixKey } from "../net/prefix.ts";
import { type ExportPolicy, exportRoute } from "./export.ts";
import type { Audience, RouteAnnouncements } from "./route.ts";
import type { Rib } from "./table.ts";

export interface AdjOutContext {
  readonly rib: Pick<Rib, "route" | "prefixes">;
  /** What we announce as our own, whether there is a route to it or not. */
  networks(): readonly Prefix[];
  policy(audience: Audience): ExportPolicy;
}

export interface AdjOut {
  /** The session is up: all that the peer is to know. */
  open(audience: Audience): RouteAnnouncements;
  /** The peer asks for a family again. */
  again(peer: Address, family: AddressFamily): RouteAnnouncements;
  /** These could not be said: the peer holds nothing of them. */
  unsay(peer: Address, prefixes: readonly Prefix[]): void;
  close(peer: Address): void;
  /** These prefixes may have other routes now; all, if networks or policies may be others. For each peer that has to hear of it. */
  look(prefixes?: readonly Prefix[]): Map<Address, RouteAnnouncements>;
  told(peer: Address): readonly Told[];
}

export interface Told {
  readonly prefix: Prefix;
  readonly attributes: PathAttributes;
}

interface Listener {
  readonly audience: Audience;
  told: Map<number | string, Told>;
}

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
    const announced: Told[] = [];
    for (const prefix of prefixes) {
      const key = prefixKey(prefix);
      const before = listener.told.get(key);
      const attributes = wanted(prefix, listener, exportPolicy, own);
      if (!attributes) {
        if (listener.told.delete(key)) withdrawn.push(prefix);
      } else if (!before || textOf(before.attributes) !== textOf(attributes)) {
        listener.told.set(key, { prefix, attributes });
        announced.push({ prefix, attributes });
      }
    }
    return { withdrawn, announcements: together(announced) };
  };

  const everything = (listener: Listener): Prefix[] => {
    if (policy(listener.audience).announce.length === 0) return Array.from(listener.told.values(), ({ prefix }) => prefix);
    const all = [...networks(), ...rib.prefixes(), ...Array.from(listener.told.values(), ({ prefix }) => prefix)];
    return [...new Map(all.map((prefix) => [prefixKey(prefix), prefix])).values()].sort(comparePrefixes);
  };

  return {
    open(audience) {
      const listener: Listener = { audience, told: new Map() };
      listeners.set(audience.address, listener);
      return lookFor(listener, everything(listener));
    },
    again(peer, family) {
      const told = [...(listeners.get(peer)?.told.values() ?? [])];
      return { withdrawn: [], announcements: together(told.filter(({ prefix }) => addressFamily(prefix.address) === family)) };
    },
    unsay(peer, prefixes) {
      for (const prefix of prefixes) listeners.get(peer)?.told.delete(prefixKey(prefix));
    },
    close: (peer) => void listeners.delete(peer),
    look(prefixes) {
      const news = new Map<Address, RouteAnnouncements>();
      for (const [peer, listener] of listeners) {
        const announcements = lookFor(listener, prefixes ?? everything(listener));
        if (announcements.withdrawn.length + announcements.announcements.length > 0) news.set(peer, announcements);
      }
      return news;
    },
    told: (peer) => [...(listeners.get(peer)?.told.values() ?? [])].sort((a, b) => comparePrefixes(a.prefix, b.prefix)),
  };
}

/** Attributes are values that are never changed: equal text is equal attributes. */
const textOf = (attributes: PathAttributes): string => JSON.stringify(attributes);

function together(told: readonly Told[]): RouteAnnouncements["announcements"] {
  const groups = new Map<string, { prefixes: Prefix[]; attributes: PathAttributes }>();
  for (const { prefix, attributes } of told) {
    const key = `${addressFamily(prefix.address)} ${textOf(attributes)}`;
    const group = groups.get(key);
    if (group) group.prefixes.push(prefix);
    else groups.set(key, { prefixes: [prefix], attributes });
  }
  return [...groups.values()];
}

/** What the speaker hands to each of its sessions: time, chance, and whom to tell. The router fills it in. */
import type { SessionRecord } from "../mrt/record.ts";
import type { Address, AddressFamily } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Random } from "../net/random.ts";
import type { RouteAnnouncements, RoutePeer, RouteUpdate } from "../rib/route.ts";
import type { SpeakerEvent } from "./neighbor.ts";
import type { SpeakerSettings } from "./settings.ts";

/** What all sessions of a speaker share. */
export interface SessionContext extends SpeakerSettings {
  readonly clock: Clock;
  readonly random: Random;
  onUpdate(update: RouteUpdate): void;
  onEvent(event: SpeakerEvent): void;
  /** A session is up: what it is to say first, before the mark that this is all. Asked for piece by piece, as the peer takes it. */
  onUp?(listener: Listener): Iterable<RouteAnnouncements>;
  /** The peer wants to hear all of a family again. */
  onRefresh?(peer: Address, family: AddressFamily): Iterable<RouteAnnouncements>;
  /** The peer was told that these are gone: their paths leave no room in a message. */
  onTooLong?(peer: Address, prefixes: readonly Prefix[]): void;
  /** The router at the other end of an unnumbered link, once it is known. */
  routerOn?(link: string): Address | undefined;
  /** The interface that has an address of ours. */
  linkOf?(localAddress: Address): string | undefined;
  /** For a journal: everything that is said and heard. */
  record?(record: SessionRecord): void;
}

/** Who listens, and where it reaches us. */
export interface Listener {
  readonly address: Address;
  readonly type: RoutePeer["type"];
  readonly role?: RoutePeer["role"];
  readonly families: readonly AddressFamily[];
  /** Those whose next hops may be of IPv6 although they are not. */
  readonly extendedNextHop: readonly AddressFamily[];
  /** Our end of the connection. */
  readonly localAddress: Address;
}

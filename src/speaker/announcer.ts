/**
 * What a peer is told of our routes while its session is up: all of them first, then what changes, and a family again when it
 * asks. Which routes these are the router knows; how fast they go out is the outbox's affair. The session makes one when it is
 * Established.
 */
import type { Message } from "../bgp/message.ts";
import { addressFamilyOf, hasFamily } from "../bgp/nlri.ts";
import type { RouteRefreshMessage } from "../bgp/route-refresh.ts";
import type { Prefix } from "../net/prefix.ts";
import type { RouteAnnouncements, RoutePeer } from "../rib/route.ts";
import type { Agreement } from "./agreement.ts";
import type { Connection } from "./connection.ts";
import type { SessionContext } from "./context.ts";
import { Outbox } from "./outbox.ts";

export interface AnnouncerOptions {
  readonly context: Pick<SessionContext, "onUp" | "onRefresh">;
  readonly peer: Pick<RoutePeer, "address" | "type" | "role">;
  readonly agreement: Agreement;
  readonly connection: Pick<Connection, "hasRoom" | "localAddress">;
  send(message: Message): void;
  onTooLong(prefixes: readonly Prefix[]): void;
}

export class Announcer {
  private readonly options: AnnouncerOptions;
  private readonly outbox: Outbox;

  constructor(options: AnnouncerOptions) {
    this.options = options;
    const { agreement, connection, send, onTooLong } = options;
    this.outbox = new Outbox({ asnSize: agreement.asnSize, send, onTooLong, hasRoom: () => connection.hasRoom });
  }

  /** All our routes, then for each family the mark that these were all (RFC 4724 section 2). */
  greet(): void {
    const { context, peer, agreement, connection } = this.options;
    const { families, extendedNextHop } = agreement;
    const { localAddress } = connection;
    const named = { families: families.map(addressFamilyOf), extendedNextHop: extendedNextHop.map(addressFamilyOf) };
    if (localAddress !== undefined) this.tellAll(context.onUp?.({ ...peer, ...named, localAddress }) ?? []);
    for (const endOfRib of families) this.outbox.mark({ kind: "update", withdrawn: [], announcements: [], endOfRib });
  }

  tell(announcements: RouteAnnouncements): void {
    this.outbox.tell(announcements);
  }

  /** All that it may have to hear, which begins when the peer has taken what waits. */
  tellAll(pieces: Iterable<RouteAnnouncements>): void {
    this.outbox.tellAll("table", pieces);
  }

  /** Who asks hears all our routes of the family again. */
  answer(request: RouteRefreshMessage): void {
    const { context, peer, agreement } = this.options;
    const { family } = request;
    if (!hasFamily(agreement.families, family)) return;
    this.outbox.again(request, agreement.enhancedRefresh, context.onRefresh?.(peer.address, addressFamilyOf(family)) ?? []);
  }

  /** The connection takes more. */
  goOn(): void {
    this.outbox.flush();
  }

  /** Prefixes, and marks between them, that the peer has not yet taken. */
  get waiting(): number {
    return this.outbox.length;
  }

  end(): void {
    this.outbox.close();
  }
}

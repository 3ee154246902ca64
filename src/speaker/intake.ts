/**
 * What one neighbor tells us, from the messages of its sessions to updates of the RIB. It lives as long as the neighbor is
 * configured, because some of it outlives a session: routes of a peer that restarts gracefully stay in use as stale ones
 * until they are said again, the peer has said all it has (End-of-RIB), or time is up (RFC 4724 section 4.2). The same goes
 * for a peer that says everything again within a session, between the two marks of RFC 7313.
 *
 *   begin --take, refresh ...--> end --(begin in time)--> ...           what is not said again is taken away:
 *     stale:       from the end, or a Begin-of-RIB                      at an End-of-RIB, or when a timer runs out
 */
import { addressFamilyOf, type Family, formatFamily, hasFamily } from "../bgp/nlri.ts";
import type { PathAttributes } from "../bgp/path.ts";
import { REFRESH, type RouteRefreshMessage } from "../bgp/route-refresh.ts";
import type { UpdateMessage } from "../bgp/update.ts";
import { type Address, type AddressFamily, addressFamily, inZone, isLinkLocal } from "../net/address.ts";
import type { CancelTimer, Clock } from "../net/clock.ts";
import type { RoutePeer, RouteUpdate } from "../rib/route.ts";
import type { Agreement } from "./agreement.ts";
import { type EndCause, familiesKept, familiesPreserved } from "./graceful-restart.ts";
import type { NeighborEvent } from "./neighbor.ts";
import type { StaleLimits } from "./settings.ts";

export interface IntakeOptions {
  readonly address: Address;
  readonly type: RoutePeer["type"];
  readonly role?: RoutePeer["role"];
  limits(): StaleLimits;
  readonly clock: Clock;
  onUpdate(update: RouteUpdate): void;
  report(event: NeighborEvent): void;
}

/** What there is only while the session is Established. */
interface Current {
  readonly agreement: Agreement;
  /** The interface by which the session goes: where link-local next hops are. */
  readonly link: string | undefined;
  readonly families: Map<AddressFamily, Table>;
}

interface Table {
  /** As of when the peer says this family. */
  peer: RoutePeer;
  endOfRib: boolean;
}

/** A link-local next hop means something on one link only, which the message does not name. */
const onLink = (attributes: PathAttributes, link: string | undefined): PathAttributes =>
  link !== undefined && isLinkLocal(attributes.nextHop)
    ? { ...attributes, nextHop: inZone(attributes.nextHop, link) }
    : attributes;

export class Intake {
  private readonly options: IntakeOptions;
  private current: Current | undefined;
  private epoch = 0;
  /** Families of which there are stale routes, and what ends their time. */
  private readonly stale = new Map<AddressFamily, CancelTimer>();
  /** The neighbor as it last introduced itself; undefined when nothing of it is held. */
  private peer: RoutePeer | undefined;

  constructor(options: IntakeOptions) {
    this.options = options;
  }

  /** Whether it is that of a neighbor which is this to us; of another all is told anew. */
  isOf(type: RoutePeer["type"], role: RoutePeer["role"]): boolean {
    return this.options.type === type && this.options.role === role;
  }

  /** `link`: the interface by which the session goes, where that is known. */
  begin(agreement: Agreement, link?: string): void {
    const peer = this.nextPeer(agreement);
    const tables = agreement.families.map((family): [AddressFamily, Table] => [
      addressFamilyOf(family),
      { peer, endOfRib: false },
    ]);
    this.current = { agreement, link, families: new Map(tables) };
    const preserved = familiesPreserved(agreement).map(addressFamilyOf);
    for (const family of [...this.stale.keys()]) {
      if (preserved.includes(family))
        this.keep(family, this.options.limits().stalePathsSeconds, "not all was said again in time");
      else this.sweep(family, "its forwarding state was not preserved");
    }
  }

  take({ withdrawn, announcements, endOfRib, disabled }: UpdateMessage): void {
    const { current, peer } = this;
    if (!current || !peer) return;
    if (endOfRib) this.endOfRib(endOfRib);
    if (withdrawn.length > 0 && announcements.length === 0) {
      this.options.onUpdate({ kind: "update", peer, withdrawn, announced: [] });
    }
    for (const [index, { prefixes, attributes }] of announcements.entries()) {
      const from = current.families.get(addressFamily(prefixes[0].address))?.peer ?? peer;
      const gone = index === 0 ? withdrawn : [];
      this.options.onUpdate({
        kind: "update",
        peer: from,
        withdrawn: gone,
        announced: prefixes,
        attributes: onLink(attributes, current.link),
      });
    }
    for (const family of disabled ?? []) this.disable(family);
  }

  /** The peer begins, or has ended, to say a family again (RFC 7313 section 4). */
  refresh({ family, subtype }: RouteRefreshMessage): void {
    const { current } = this;
    if (!current?.agreement.enhancedRefresh || !hasFamily(current.agreement.families, family)) return;
    const name = addressFamilyOf(family);
    const table = current.families.get(name);
    if (subtype === REFRESH.end) this.sweep(name, "all was said again");
    if (subtype !== REFRESH.begin || !table) return;
    table.peer = this.nextPeer(current.agreement);
    this.options.onUpdate({ kind: "stale", peer: table.peer, family: name });
    this.keep(name, this.options.limits().stalePathsSeconds, "not all was said again in time");
  }

  /** The session is over; what is not kept for a peer that will come back is lost at once. */
  end(cause: EndCause, reason: string): void {
    if (!this.current) return;
    const { agreement } = this.current;
    const kept = familiesKept(agreement, cause).map(addressFamilyOf);
    if (kept.length === 0) {
      this.forget(reason);
      return;
    }
    // Of a peer that goes again before it has said everything, the oldest words are worth nothing any more.
    for (const family of [...this.stale.keys()]) this.sweep(family, "the peer restarts again");
    this.current = undefined;
    const peer = this.nextPeer(agreement);
    const seconds = Math.min(agreement.gracefulRestart?.restartTimeSeconds ?? 0, this.options.limits().restartTimeSeconds);
    this.options.report({ kind: "routes-kept", families: kept, seconds });
    for (const family of agreement.families.map(addressFamilyOf)) {
      if (kept.includes(family)) {
        this.options.onUpdate({ kind: "stale", peer, family });
        this.keep(family, seconds, "the peer did not come back in time");
      } else this.options.onUpdate({ kind: "lost", peer, family, reason });
    }
  }

  /** Nothing that this neighbor has said counts any more. */
  forget(reason: string): void {
    for (const cancel of this.stale.values()) cancel();
    this.stale.clear();
    this.current = undefined;
    if (this.peer) this.options.onUpdate({ kind: "lost", peer: this.peer, reason });
    this.peer = undefined;
  }

  state() {
    const tables = [...(this.current?.families.values() ?? [])];
    return {
      families: this.current?.agreement.families ?? [],
      endOfRibReceived: tables.length > 0 && tables.every(({ endOfRib }) => endOfRib),
      staleFamilies: [...this.stale.keys()],
    };
  }

  private endOfRib(family: Family): void {
    const name = addressFamilyOf(family);
    const table = this.current?.families.get(name);
    if (table) table.endOfRib = true;
    this.options.report({ kind: "end-of-rib", family: name });
    this.sweep(name, "End-of-RIB");
  }

  /** RFC 7606 section 2: the rest of the session goes on without this family. */
  private disable(family: Family): void {
    const name = addressFamilyOf(family);
    const reason = `${formatFamily(family)} is disabled`;
    if (this.peer) this.options.onUpdate({ kind: "lost", peer: this.peer, family: name, reason });
  }

  private keep(family: AddressFamily, seconds: number, orElse: string): void {
    this.stale.get(family)?.();
    this.stale.set(
      family,
      this.options.clock.setTimer(seconds * 1000, () => this.sweep(family, orElse)),
    );
  }

  /** Takes away what is stale of a family, if anything can be. */
  private sweep(family: AddressFamily, reason: string): void {
    const cancel = this.stale.get(family);
    const peer = this.current?.families.get(family)?.peer ?? this.peer;
    if (!cancel || !peer) return;
    cancel();
    this.stale.delete(family);
    this.options.report({ kind: "stale-routes-gone", family, reason });
    this.options.onUpdate({ kind: "lost", peer, family, staleOnly: true, reason });
  }

  private nextPeer({ peer: { asn, routerId } }: Agreement): RoutePeer {
    const { address, type, role } = this.options;
    this.epoch++;
    this.peer = { address, asn, routerId, type, ...(role && { role }), epoch: this.epoch };
    return this.peer;
  }
}

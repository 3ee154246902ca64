/**
 * A recording told again to the RIB, without sockets: the same decoding, the same faults and the same updates, in the same
 * order and at the same times, as when it was heard. Sessions and tables of routes may come one after the other, as collectors
 * write them.
 */
import type { DumpPeer, RecordingRecord, TableRecord } from "../mrt/record.ts";
import { entryAsUpdate } from "../mrt/table-entry.ts";
import { type Address, isIpv4 } from "../net/address.ts";
import type { RouteUpdate } from "../rib/route.ts";
import { RecordedClock } from "./recorded-clock.ts";
import { type ReplayedPeer, ReplayedSession } from "./replayed-session.ts";
import type { StaleLimits } from "./settings.ts";

export interface ReplayOptions {
  /** For tables: they do not say whose they are. */
  readonly localAsn: number;
  /** For how long the routes of a neighbor that restarted were kept. */
  limitsOf(neighbor: Address): StaleLimits;
  onUpdate(update: RouteUpdate): void;
}

/** What the collector has from nobody, it says to have from nowhere. */
const isCollector = ({ address, asn }: DumpPeer): boolean =>
  asn === 0 && (isIpv4(address) ? address === 0 : /^0+$/.test(address));

export class Replay {
  private readonly options: ReplayOptions;
  private readonly clock = new RecordedClock();
  private readonly sessions = new Map<Address, ReplayedSession>();
  private dumpPeers: readonly DumpPeer[] = [];

  constructor(options: ReplayOptions) {
    this.options = options;
  }

  /** What it answers is what is wrong with a record that was readable. */
  take(record: RecordingRecord): string | undefined {
    if ("atMicroseconds" in record) this.clock.advanceTo(record.atMicroseconds);
    switch (record.kind) {
      case "state":
        this.sessionOf(record.peer).changeState(record);
        return undefined;
      case "message":
        this.sessionOf(record.peer).message(record);
        return undefined;
      case "peers":
        this.dumpPeers = record.peers;
        return undefined;
      case "table":
        return this.takeTable(record);
      case "other":
        return undefined;
    }
  }

  /** In the order in which they were first heard of. */
  peers(): ReplayedPeer[] {
    return Array.from(this.sessions.values(), (session) => session.summary());
  }

  /** The AS that we are to a neighbor, as of its session now, where the recording says so; tables do not. */
  localAsnTo(neighbor: Address): number | undefined {
    return this.sessions.get(neighbor)?.localAsn;
  }

  private takeTable({ prefix, entries }: TableRecord): string | undefined {
    let problem: string | undefined;
    for (const entry of entries) {
      const peer = this.dumpPeers[entry.peerIndex];
      if (!peer) {
        problem = `a record that names peer ${entry.peerIndex}, of ${this.dumpPeers.length}`;
        continue;
      }
      if (isCollector(peer)) continue;
      const isWithPathId = entry.pathId !== undefined;
      this.sessionOf(peer.address).tableUpdate(peer, this.options.localAsn, entryAsUpdate(prefix, entry), isWithPathId);
    }
    return problem;
  }

  private sessionOf(address: Address): ReplayedSession {
    const known = this.sessions.get(address);
    if (known) return known;
    const { onUpdate, limitsOf } = this.options;
    const session = new ReplayedSession({ address, clock: this.clock, limits: () => limitsOf(address), onUpdate });
    this.sessions.set(address, session);
    return session;
  }
}

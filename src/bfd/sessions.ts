/**
 * All BFD sessions of a router: finds the one that a packet is for (RFC 5880 6.8.6), looks who is due, and says what became
 * of it. Runs in the worker; sockets and time are handed in, so tests run it on a wire of their own.
 */
import type { Address } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import type { Random } from "../net/random.ts";
import {
  type BfdTimers,
  beginSession,
  deadlineMs,
  detectionTimeMs,
  type SessionState,
  step,
  transmitIntervalMs,
} from "./machine.ts";
import { type ControlPacket, DROPS, type Drop, decodeControl, encodeControl, type State } from "./packet.ts";

/** What is configured of one session. */
export interface BfdPeer {
  readonly address: Address;
  readonly localAddress?: Address | undefined;
  /** RFC 5883: over any number of hops, on a port of its own. */
  readonly multihop: boolean;
  /** What came with less is not believed; 255 on one hop (RFC 5881 5). */
  readonly minimumTtl: number;
  readonly timers: BfdTimers;
}

export interface BfdSessionView extends BfdPeer {
  readonly state: State;
  readonly diagnostic: number;
  readonly discriminator: number;
  readonly remote: SessionState["remote"];
  /** Undefined before the peer has spoken, or where nothing is sent. */
  readonly detectionTimeMs: number | undefined;
  readonly transmitIntervalMs: number | undefined;
  /** In this state. */
  readonly sinceMs: number;
  readonly received: number;
  readonly sent: number;
  readonly timesUp: number;
  readonly timesDown: number;
}

export interface BfdChange {
  readonly address: Address;
  readonly from: State;
  readonly to: State;
  readonly diagnostic: number;
  readonly remoteState: State;
  readonly atMs: number;
  /** How long the peer had been silent, and how long it might have been. */
  readonly silentMs: number | undefined;
  readonly detectionTimeMs: number | undefined;
}

export interface Arrival {
  readonly bytes: Uint8Array;
  readonly source: Address;
  readonly ttl: number;
  readonly multihop: boolean;
}

export interface SessionsOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  /** Of a session that is over: no more will be sent. */
  onEnd(peer: BfdPeer): void;
  send(peer: BfdPeer, bytes: Uint8Array): void;
  onChange(change: BfdChange): void;
}

interface Entry {
  peer: BfdPeer;
  session: SessionState;
  /** It was removed, and says so until then (6.8.16). */
  endsAtMs?: number;
  sinceMs: number;
  received: number;
  sent: number;
  timesUp: number;
  timesDown: number;
}

const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined);

export class Sessions {
  readonly drops = Object.fromEntries(DROPS.map((drop) => [drop, 0])) as Record<Drop, number>;
  private readonly options: SessionsOptions;
  private readonly byAddress = new Map<Address, Entry>();
  private readonly byDiscriminator = new Map<number, Entry>();

  constructor(options: SessionsOptions) {
    this.options = options;
  }

  /** From here on these are wanted: new ones begin, gone ones say so, timers change without a loss. */
  configure(peers: readonly BfdPeer[]): void {
    const wanted = new Map(peers.map((peer) => [peer.address, peer]));
    for (const entry of this.byAddress.values()) {
      const peer = wanted.get(entry.peer.address);
      if (!peer || !isSamePath(peer, entry.peer)) this.remove(entry);
    }
    for (const peer of peers) {
      const entry = this.byAddress.get(peer.address);
      if (entry?.endsAtMs !== undefined) this.forget(entry);
      if (!entry || entry.endsAtMs !== undefined) this.add(peer);
      else if (JSON.stringify(peer.timers) !== JSON.stringify(entry.peer.timers)) {
        entry.peer = peer;
        this.feed(entry, { kind: "configure", timers: peer.timers });
      }
    }
  }

  receive(arrival: Arrival): void {
    const decoded = decodeControl(arrival.bytes);
    const drop = "drop" in decoded ? decoded.drop : this.accept(decoded.packet, arrival);
    if (drop) this.drops[drop]++;
  }

  /** Does what is due, and answers when the next is. */
  tick(): number {
    const { clock } = this.options;
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.byAddress.values()) {
      if (clock.nowMs() >= deadlineMs(entry.session)) this.feed(entry, { kind: "time" });
      if (entry.endsAtMs !== undefined && clock.nowMs() >= entry.endsAtMs) this.forget(entry);
      else next = Math.min(next, deadlineMs(entry.session), entry.endsAtMs ?? Number.POSITIVE_INFINITY);
    }
    return next;
  }

  knows(source: Address): BfdPeer | undefined {
    return this.byAddress.get(source)?.peer;
  }

  views(): BfdSessionView[] {
    return Array.from(this.byAddress.values())
      .filter(({ endsAtMs }) => endsAtMs === undefined)
      .map(({ peer, session, sinceMs, received, sent, timesUp, timesDown }) => ({
        ...peer,
        state: session.state,
        diagnostic: session.diagnostic,
        discriminator: session.discriminator,
        remote: session.remote,
        detectionTimeMs: finite(detectionTimeMs(session)),
        transmitIntervalMs: finite(transmitIntervalMs(session)),
        ...{ sinceMs, received, sent, timesUp, timesDown },
      }));
  }

  /** Why it is not for a session of ours, if it is not. By our discriminator once the peer knows it, else by where it is from. */
  private accept(packet: ControlPacket, { source, ttl, multihop }: Arrival): Drop | undefined {
    const { yourDiscriminator } = packet;
    const entry = yourDiscriminator === 0 ? this.byAddress.get(source) : this.byDiscriminator.get(yourDiscriminator);
    // A discriminator that somebody guessed is no proof of being the peer.
    if (!entry || entry.peer.address !== source || entry.peer.multihop !== multihop) return "unknown-session";
    if (ttl < entry.peer.minimumTtl) return "ttl";
    entry.received++;
    this.feed(entry, { kind: "packet", packet });
    return undefined;
  }

  private add(peer: BfdPeer): void {
    const nowMs = this.options.clock.nowMs();
    const session = beginSession(peer.timers, this.newDiscriminator(), nowMs);
    const entry: Entry = { peer, session, sinceMs: nowMs, received: 0, sent: 0, timesUp: 0, timesDown: 0 };
    this.byAddress.set(peer.address, entry);
    this.byDiscriminator.set(session.discriminator, entry);
  }

  /** Until the peer would have found out by itself. */
  private remove(entry: Entry): void {
    if (entry.endsAtMs !== undefined) return;
    this.feed(entry, { kind: "disable" });
    const intervalMs = finite(transmitIntervalMs(entry.session)) ?? 0;
    entry.endsAtMs = this.options.clock.nowMs() + intervalMs * entry.peer.timers.multiplier;
  }

  private forget(entry: Entry): void {
    this.byAddress.delete(entry.peer.address);
    this.byDiscriminator.delete(entry.session.discriminator);
    this.options.onEnd(entry.peer);
  }

  private feed(entry: Entry, event: Parameters<typeof step>[1]): void {
    const nowMs = this.options.clock.nowMs();
    const before = entry.session;
    const { session, packets } = step(before, event, nowMs, this.options.random);
    entry.session = session;
    for (const packet of packets) {
      entry.sent++;
      this.options.send(entry.peer, encodeControl(packet));
    }
    if (session.state !== before.state) this.report(entry, before, nowMs);
  }

  private report(entry: Entry, before: SessionState, nowMs: number): void {
    const { session, peer } = entry;
    entry.sinceMs = nowMs;
    if (session.state === "Up") entry.timesUp++;
    if (before.state === "Up") entry.timesDown++;
    this.options.onChange({
      address: peer.address,
      from: before.state,
      to: session.state,
      diagnostic: session.diagnostic,
      remoteState: session.remote.state,
      atMs: nowMs,
      silentMs: before.heardAtMs === undefined ? undefined : nowMs - before.heardAtMs,
      detectionTimeMs: finite(detectionTimeMs(before)),
    });
  }

  private newDiscriminator(): number {
    for (;;) {
      const discriminator = this.options.random();
      if (discriminator !== 0 && !this.byDiscriminator.has(discriminator)) return discriminator;
    }
  }
}

/** Another path is another session. */
const isSamePath = (a: BfdPeer, b: BfdPeer): boolean =>
  a.multihop === b.multihop && a.minimumTtl === b.minimumTtl && a.localAddress === b.localAddress;

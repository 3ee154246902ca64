/**
 * The BGP speaker: one listener and a session for each neighbor. Only configured neighbors are talked to; whoever else
 * connects is told so, counted and closed. The router composes it with the RIB (`onUpdate`) and its journal (`onEvent`).
 */
import type { Socket } from "node:net";
import type { BgpError } from "../bgp/error.ts";
import { CEASE } from "../bgp/iana.ts";
import { encodeMessage } from "../bgp/message.ts";
import { administrativeCease, cease } from "../bgp/notification.ts";
import { type Address, compareAddresses, formatAddress, isIpv4, routerOn, zoneOf } from "../net/address.ts";
import { hostPrefix, type Prefix, prefixKey } from "../net/prefix.ts";
import { type Endpoint, TcpListener, type TcpPeer } from "../port/tcp-socket.ts";
import type { RouteAnnouncements } from "../rib/route.ts";
import type { SessionContext } from "./context.ts";
import type { NeighborOptions, NeighborState, SpeakerEvent } from "./neighbor.ts";
import { type RangeOptions, Ranges } from "./ranges.ts";
import { Session } from "./session.ts";
import { checkOptions } from "./settings.ts";
import { closeSocket, protectionOf, remoteEndpoint } from "./tcp.ts";

export interface SpeakerOptions extends SessionContext {
  /** Absent: we only dial. */
  readonly listen?: { readonly port: number; readonly address?: Address | undefined };
}

/** 0.0.0.0 and ::, in sockets of their own: one for both would show every IPv4 peer as an IPv6 one. */
const EVERYWHERE: readonly Address[] = [0, "0".repeat(32)];

/** A kernel without IPv6, or with IPv6 switched off, is no reason not to listen on IPv4. */
const isWithoutIpv6 = ({ code }: NodeJS.ErrnoException): boolean => code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL";

/** Whoever is refused is told so and given a moment to close; of more than these at once, nobody is. */
const STRANGERS_AT_A_TIME = 64;

/** After each of these there may be nothing left of a member of a range. */
const ENDINGS: ReadonlySet<SpeakerEvent["kind"]> = new Set(["session-down", "attempt-failed", "stale-routes-gone"]);

export class Speaker {
  private readonly options: SpeakerOptions;
  private readonly sessions = new Map<Address, Session>();
  private readonly ranges: Ranges;
  private readonly listeners: TcpListener[] = [];
  private readonly named = new Map<Address, TcpPeer>();
  /** Neighbors that were removed, and are told so. */
  private readonly departing = new Set<Promise<void>>();
  private isRunning = false;
  private strangers = 0;
  /** Of them, those that are being told so. */
  private leaving = 0;

  constructor(options: SpeakerOptions) {
    this.options = options;
    this.ranges = new Ranges(options.clock);
  }

  /** Rejects if the address cannot be listened on. */
  async start(): Promise<void> {
    if (this.options.listen) await this.listen(this.options.listen);
    this.isRunning = true;
    for (const session of this.sessions.values()) session.start();
  }

  /** Where it listens; the port is the real one if 0 was asked for. */
  listening(): Endpoint | undefined {
    const { address = EVERYWHERE[0] } = this.options.listen ?? {};
    return this.listeners[0] && { address, port: this.listeners[0].port };
  }

  /** Throws if its options make no sense. */
  addNeighbor(options: NeighborOptions): void {
    const { address } = options;
    // Who is named is no member of a range.
    if (this.ranges.rangeOf(address)) this.removeNeighbor(address, CEASE.otherConfigurationChange);
    if (this.sessions.has(address)) throw new Error(`Neighbor ${formatAddress(address)} is there already: a new address wanted`);
    checkOptions(options, this.options);
    this.named.set(address, { source: hostPrefix(address), ...protectionOf(options) });
    this.protect();
    this.open(options, this.options);
  }

  /** Its session stays up if the change allows that, and ends with Cease/Other Configuration Change if not. */
  changeNeighbor(options: NeighborOptions): void {
    checkOptions(options, this.options);
    if (this.sessions.get(options.address)?.change(options)) return;
    this.removeNeighbor(options.address, CEASE.otherConfigurationChange);
    this.addNeighbor(options);
  }

  /** Ends its session with a Cease; the loss is reported before this returns. */
  removeNeighbor(address: Address, subcode: number = CEASE.peerDeconfigured): void {
    const session = this.sessions.get(address);
    this.sessions.delete(address);
    this.ranges.release(address);
    if (session) this.seeOff(session.stop(cease(subcode)));
    if (this.named.delete(address)) this.protect();
  }

  addRange(options: RangeOptions): void {
    this.ranges.add(options);
    this.protect();
  }

  /** Its members go with it. */
  removeRange(prefix: Prefix): void {
    for (const address of this.ranges.remove(prefix)) this.removeNeighbor(address);
    this.protect();
  }

  /** Ends the session with Cease/Administrative Reset and begins anew. */
  resetNeighbor(address: Address, text?: string): void {
    const session = this.sessions.get(address);
    if (!session) return;
    void session.stop(administrativeCease(CEASE.administrativeReset, text));
    // Whoever heard of the end may have removed it.
    this.beginNeighbor(address);
  }

  /** For the peer's ears, if its session is up. */
  announce(address: Address, announcements: RouteAnnouncements): void {
    this.sessions.get(address)?.tell(announcements);
  }

  /** The same of a whole table, piece by piece. */
  announceAll(address: Address, pieces: Iterable<RouteAnnouncements>): void {
    this.sessions.get(address)?.tellAll(pieces);
  }

  /** Ends the session with `error`; it stays down until it is begun again. */
  endNeighbor(address: Address, error: BgpError): void {
    void this.sessions.get(address)?.stop(error);
  }

  beginNeighbor(address: Address): void {
    this.sessions.get(address)?.start();
    this.ranges.linger(address, () => this.dismiss(address));
  }

  /** By address. */
  neighbors(): NeighborState[] {
    const states = Array.from(this.sessions.values(), (session): NeighborState => {
      const state = session.state();
      const range = this.ranges.rangeOf(state.address);
      return range ? { ...state, range } : state;
    });
    return states.sort((a, b) => compareAddresses(a.address, b.address));
  }

  /** Connections from addresses that are no neighbors, since the start. */
  refusedStrangers(): number {
    return this.strangers;
  }

  /** Segments that the kernel dropped where we listen: wrong or no signature, a TTL too low, too many connections at once. */
  droppedSegments(): number {
    return this.listeners.reduce((sum, listener) => sum + listener.droppedSegments(), 0);
  }

  /** Cease to all with a reason in words; settles when all sockets are closed, which takes no longer than a second. */
  async stop(text?: string): Promise<void> {
    this.isRunning = false;
    const error = administrativeCease(CEASE.administrativeShutdown, text);
    const stopped = Array.from(this.sessions.values(), (session) => session.stop(error));
    await Promise.all([...stopped, ...this.departing, this.closeListeners()]);
  }

  private seeOff(stopped: Promise<void>): void {
    const departing = stopped.finally(() => this.departing.delete(departing));
    this.departing.add(departing);
  }

  private async listen({ port, address }: { port: number; address?: Address | undefined }): Promise<void> {
    for (const at of address === undefined ? EVERYWHERE : [address]) {
      try {
        this.listeners.push(await TcpListener.open({ address: at, port }, this.peers(), (socket) => this.accept(socket)));
      } catch (error) {
        if (address === undefined && !isIpv4(at) && isWithoutIpv6(error as NodeJS.ErrnoException)) continue;
        await this.closeListeners();
        throw error;
      }
    }
  }

  private async closeListeners(): Promise<void> {
    await Promise.all(this.listeners.splice(0).map((listener) => listener.close()));
  }

  private protect(): void {
    for (const listener of this.listeners) listener.protect(this.peers());
  }

  /** All whose connections may have to be protected; of one address the neighbor before the range. */
  private peers(): TcpPeer[] {
    const ranges = this.ranges.all().map((range) => ({ source: range.prefix, ...protectionOf(range) }));
    const peers = [...ranges, ...this.named.values()];
    return Array.from(new Map(peers.map((peer) => [prefixKey(peer.source), peer])).values());
  }

  private accept(socket: Socket): void {
    const remote = remoteEndpoint(socket);
    if (!remote) {
      socket.destroy();
      return;
    }
    const zone = zoneOf(remote.address);
    const onLink = zone === undefined ? undefined : this.sessions.get(routerOn(zone));
    const session = this.sessions.get(remote.address) ?? onLink ?? this.admit(remote.address);
    if (typeof session === "string") this.refuse(socket, remote.address, session);
    else session.accept(socket);
  }

  /** A session for a member of a range, or in words why it is none. */
  private admit(address: Address): Session | string {
    const options = this.ranges.admit(address);
    if (typeof options === "string") return options;
    const onEvent = (event: SpeakerEvent): void => {
      this.options.onEvent(event);
      if (ENDINGS.has(event.kind)) this.ranges.linger(address, () => this.dismiss(address));
    };
    return this.open(options, { ...this.options, onEvent });
  }

  /**
   * Of a member with neither a connection nor routes that wait for its return, nothing is left to keep. One that was ended stays
   * down as any neighbor does, and does not come back as somebody new.
   */
  private dismiss(address: Address): void {
    const state = this.sessions.get(address)?.state();
    if (state && (state.state === "Active" || state.damped) && state.staleFamilies.length === 0) this.removeNeighbor(address);
  }

  private open(options: NeighborOptions, context: SessionContext): Session {
    const session = new Session(options, context);
    this.sessions.set(options.address, session);
    if (this.isRunning) session.start();
    return session;
  }

  private refuse(socket: Socket, address: Address, reason: string): void {
    const { clock } = this.options;
    this.strangers++;
    this.options.onEvent({ kind: "refused-connection", neighbor: address, reason, atMs: clock.nowMs() });
    if (this.leaving >= STRANGERS_AT_A_TIME) {
      socket.destroy();
      return;
    }
    this.leaving++;
    const lastWords = encodeMessage({ kind: "notification", error: cease(CEASE.connectionRejected) }, 2);
    void closeSocket(socket, clock, ...lastWords).finally(() => this.leaving--);
  }
}

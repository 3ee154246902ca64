/**
 * The BGP speaker: one listener and a session for each neighbor. Only configured neighbors are talked to; whoever else
 * connects is told so, counted and closed. The router composes it with the RIB (`onUpdate`) and its journal (`onEvent`).
 */
import type { Socket } from "node:net";
import type { BgpError } from "../bgp/error.ts";
import { CEASE } from "../bgp/iana.ts";
import { encodeMessage } from "../bgp/message.ts";
import { administrativeCease, cease } from "../bgp/notification.ts";
import { type Address, compareAddresses, formatAddress, isIpv4 } from "../net/address.ts";
import { hostPrefix } from "../net/prefix.ts";
import { type Endpoint, TcpListener, type TcpPeer } from "../port/tcp-socket.ts";
import type { RouteAnnouncements } from "../rib/route.ts";
import { MINIMUM_HOLD_TIME_SECONDS } from "./agreement.ts";
import type { NeighborOptions, NeighborState } from "./neighbor.ts";
import { Session, type SessionContext } from "./session.ts";
import { BGP_PORT, closeSocket, protectionOf, remoteEndpoint } from "./tcp.ts";

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

export class Speaker {
  private readonly options: SpeakerOptions;
  private readonly sessions = new Map<Address, Session>();
  private readonly listeners: TcpListener[] = [];
  private readonly peers = new Map<Address, TcpPeer>();
  private isRunning = false;
  private strangers = 0;
  /** Of them, those that are being told so. */
  private leaving = 0;

  constructor(options: SpeakerOptions) {
    this.options = options;
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
    if (this.sessions.has(address)) throw new Error(`Neighbor ${formatAddress(address)} is there already: a new address wanted`);
    checkOptions({ ...this.options, ...options });
    this.peers.set(address, { source: hostPrefix(address), ...protectionOf(options) });
    this.protect();
    const session = new Session(options, this.options);
    this.sessions.set(address, session);
    if (this.isRunning) session.start();
  }

  /** Ends its session with Cease/Peer De-configured; the loss is reported before this returns. */
  removeNeighbor(address: Address): void {
    const session = this.sessions.get(address);
    this.sessions.delete(address);
    void session?.stop(cease(CEASE.peerDeconfigured));
    if (this.peers.delete(address)) this.protect();
  }

  /** Ends the session with Cease/Administrative Reset and begins anew. */
  resetNeighbor(address: Address, text?: string): void {
    const session = this.sessions.get(address);
    if (!session) return;
    void session.stop(administrativeCease(CEASE.administrativeReset, text));
    session.start();
  }

  /** For the peer's ears, if its session is up. */
  announce(address: Address, announcements: RouteAnnouncements): void {
    this.sessions.get(address)?.tell(announcements);
  }

  /** Ends the session with `error`; it stays down until it is begun again. */
  endNeighbor(address: Address, error: BgpError): void {
    void this.sessions.get(address)?.stop(error);
  }

  beginNeighbor(address: Address): void {
    this.sessions.get(address)?.start();
  }

  /** By address. */
  neighbors(): NeighborState[] {
    return Array.from(this.sessions.values(), (session) => session.state()).sort((a, b) =>
      compareAddresses(a.address, b.address),
    );
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
    await Promise.all([...stopped, this.closeListeners()]);
  }

  private async listen({ port, address }: { port: number; address?: Address | undefined }): Promise<void> {
    for (const at of address === undefined ? EVERYWHERE : [address]) {
      try {
        const peers = Array.from(this.peers.values());
        this.listeners.push(await TcpListener.open({ address: at, port }, peers, (socket) => this.accept(socket)));
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
    for (const listener of this.listeners) listener.protect(Array.from(this.peers.values()));
  }

  private accept(socket: Socket): void {
    const remote = remoteEndpoint(socket);
    const session = remote && this.sessions.get(remote.address);
    if (session) session.accept(socket);
    else if (remote) this.refuse(socket, remote.address);
    else socket.destroy();
  }

  private refuse(socket: Socket, address: Address): void {
    const { clock } = this.options;
    this.strangers++;
    this.options.onEvent({ kind: "refused-connection", neighbor: address, reason: "not a neighbor", atMs: clock.nowMs() });
    if (this.leaving >= STRANGERS_AT_A_TIME) {
      socket.destroy();
      return;
    }
    this.leaving++;
    const lastWords = encodeMessage({ kind: "notification", error: cease(CEASE.connectionRejected) }, 2);
    void closeSocket(socket, clock, ...lastWords).finally(() => this.leaving--);
  }
}

function checkOptions(options: NeighborOptions & Pick<SpeakerOptions, "holdTimeSeconds" | "connectRetrySeconds">): void {
  const { address, holdTimeSeconds, connectRetrySeconds, port = BGP_PORT } = options;
  const check = (name: string, value: number, isRight: boolean, wanted: string) => {
    if (!isRight) throw new RangeError(`Neighbor ${formatAddress(address)} has a ${name} of ${value}: ${wanted} wanted`);
  };
  const isWithin = (value: number, minimum: number) => Number.isInteger(value) && value >= minimum && value <= 0xffff;
  const isHoldTime = holdTimeSeconds === 0 || isWithin(holdTimeSeconds, MINIMUM_HOLD_TIME_SECONDS);
  check("hold time (seconds)", holdTimeSeconds, isHoldTime, `0 or ${MINIMUM_HOLD_TIME_SECONDS} to 65535`);
  check("connect-retry time (seconds)", connectRetrySeconds, isWithin(connectRetrySeconds, 1), "1 to 65535");
  check("port", port, isWithin(port, 1), "1 to 65535");
}

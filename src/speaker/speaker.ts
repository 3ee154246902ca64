/**
 * The BGP speaker: one listener and a session for each neighbor. Only configured neighbors are talked to; whoever else
 * connects is told so, counted and closed. The router composes it with the RIB (`onUpdate`) and its journal (`onEvent`).
 */
import type { Server, Socket } from "node:net";
import { CEASE } from "../bgp/iana.ts";
import { encodeMessage } from "../bgp/message.ts";
import { administrativeCease, cease } from "../bgp/notification.ts";
import { type Address, compareAddresses, formatAddress } from "../net/address.ts";
import { MINIMUM_HOLD_TIME_SECONDS } from "./agreement.ts";
import type { NeighborOptions, NeighborState } from "./neighbor.ts";
import { Session, type SessionContext } from "./session.ts";
import { BGP_PORT, closeSocket, type Endpoint, listen, remoteEndpoint } from "./tcp.ts";

export interface SpeakerOptions extends SessionContext {
  /** Absent: we only dial. */
  readonly listen?: Endpoint;
}

export class Speaker {
  private readonly options: SpeakerOptions;
  private readonly sessions = new Map<Address, Session>();
  private server: Server | undefined;
  private isRunning = false;
  private strangers = 0;

  constructor(options: SpeakerOptions) {
    this.options = options;
  }

  /** Rejects if the address cannot be listened on. */
  async start(): Promise<void> {
    if (this.options.listen) this.server = await listen(this.options.listen, (socket) => this.accept(socket));
    this.isRunning = true;
    for (const session of this.sessions.values()) session.start();
  }

  /** Where it listens; the port is the real one if 0 was asked for. */
  listening(): Endpoint | undefined {
    const bound = this.server?.address();
    return this.options.listen && bound && typeof bound === "object" ? { ...this.options.listen, port: bound.port } : undefined;
  }

  /** Throws if its options make no sense. */
  addNeighbor(options: NeighborOptions): void {
    const { address } = options;
    if (this.sessions.has(address)) throw new Error(`Neighbor ${formatAddress(address)} is there already: a new address wanted`);
    checkOptions({ ...this.options, ...options });
    const session = new Session(options, this.options);
    this.sessions.set(address, session);
    if (this.isRunning) session.start();
  }

  /** Ends its session with Cease/Peer De-configured; the loss is reported before this returns. */
  removeNeighbor(address: Address): void {
    const session = this.sessions.get(address);
    this.sessions.delete(address);
    void session?.stop(cease(CEASE.peerDeconfigured));
  }

  /** Ends the session with Cease/Administrative Reset and begins anew. */
  resetNeighbor(address: Address, text?: string): void {
    const session = this.sessions.get(address);
    if (!session) return;
    void session.stop(administrativeCease(CEASE.administrativeReset, text));
    session.start();
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

  /** Cease to all with a reason in words; settles when all sockets are closed, which takes no longer than a second. */
  async stop(text?: string): Promise<void> {
    this.isRunning = false;
    const error = administrativeCease(CEASE.administrativeShutdown, text);
    const stopped = Array.from(this.sessions.values(), (session) => session.stop(error));
    const { server } = this;
    this.server = undefined;
    if (server) stopped.push(new Promise((resolve) => server.close(() => resolve())));
    await Promise.all(stopped);
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
    void closeSocket(socket, clock, ...encodeMessage({ kind: "notification", error: cease(CEASE.connectionRejected) }, 2));
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

/**
 * What the steps of one check act on: who we are in it, the connections to the speaker, the observer, and the time that is
 * left. The judge makes one for each check and clears it away afterwards, whatever the script left open.
 */
import { connect, type Socket } from "node:net";
import type { OpenMessage } from "../bgp/open.ts";
import { type Address, formatAddress, type Ipv4Address, isIpv4 } from "../net/address.ts";
import { type Clock, delay } from "../net/clock.ts";
import type { Prefix } from "../net/prefix.ts";
import { RawConnection } from "./connection.ts";
import { type Endpoint, Listener } from "./listener.ts";
import type { Observed } from "./observed.ts";
import type { Transcript } from "./transcript.ts";

/** What the speaker knows of us: one of the neighbors that it is configured with. */
export interface Neighborhood {
  readonly peer: Endpoint;
  readonly localAsn: number;
  readonly remoteAsn: number;
  /** The address that we speak from; undefined: whatever the system chooses. */
  readonly localAddress?: Address;
  /** Where the speaker dials us, if it does. */
  readonly listenPort?: number;
  /** It does not listen: every connection is one of its own. */
  readonly listenOnly: boolean;
}

const RETRY_PAUSE_MS = 100;
/** Damped speakers take the connection and close it; one that does not even take it for so long is gone. */
const REFUSED_MS = 5000;
const REFUSED = "connection refused";
const GONE_ATTEMPTS = 5;
const FIRST_PREFIX = 0xc6120000; // 198.18.0.0/15, set apart for tests of devices (RFC 2544)
const SECOND_PREFIX = 0xc6130000;
/** Where a check announces many. */
export const FIRST_OF_MANY = 0x64400000; // 100.64.0.0/10

/** Whether a route can only be one of ours that the speaker passes on. */
export const isOfChecks = ({ address }: Prefix): boolean =>
  isIpv4(address) && ((address & 0xfffe0000) >>> 0 === FIRST_PREFIX || (address & 0xffc00000) >>> 0 === FIRST_OF_MANY);

export class Stage {
  readonly us: Neighborhood;
  readonly clock: Clock;
  readonly transcript: Transcript;
  readonly observer: Observed | undefined;
  /** The BGP identifier that we claim. */
  identifier: Ipv4Address;
  /** The connection that the script speaks through, and what the speaker said first on it. */
  connection: RawConnection | undefined;
  peerOpen: OpenMessage | undefined;
  /** A second one at the same time: that of the speaker itself, or one too many of ours. */
  second: RawConnection | undefined;
  /** What the script measured and a later step needs. */
  atMs = 0;
  private readonly number: number;
  private readonly endMs: number;
  private listener: Listener | undefined;
  private readonly opened: RawConnection[] = [];

  constructor(
    us: Neighborhood,
    number: number,
    observer: Observed | undefined,
    clock: Clock,
    transcript: Transcript,
    endMs: number,
  ) {
    this.us = us;
    this.number = number;
    this.observer = observer;
    this.clock = clock;
    this.transcript = transcript;
    this.endMs = endMs;
    this.identifier = identifierOf(us.localAddress, number);
  }

  /** When a step that may take so long has to be over: not after the check itself. */
  until(milliseconds: number): number {
    return Math.min(this.clock.nowMs() + milliseconds, this.endMs);
  }

  /** Two prefixes that belong to this check alone. */
  prefix(which: 0 | 1 = 0): Prefix {
    return { address: ((which === 0 ? FIRST_PREFIX : SECOND_PREFIX) + (this.number << 8)) >>> 0, length: 24 };
  }

  /** As NEXT_HOP: our own address, if it is one of IPv4. */
  get nextHop(): Ipv4Address {
    const { localAddress } = this.us;
    return localAddress !== undefined && isIpv4(localAddress) ? localAddress : this.identifier;
  }

  /** A connection to the speaker, dialed again until it is taken; in words why there is none. */
  async dial(label: string, endMs: number): Promise<RawConnection | string> {
    const startMs = this.clock.nowMs();
    for (;;) {
      const socket = this.us.listenOnly ? await this.acceptSocket(endMs) : await dialOnce(this.us);
      if (typeof socket !== "string") return this.attach(socket, label);
      const nowMs = this.clock.nowMs();
      if (nowMs + RETRY_PAUSE_MS >= endMs || nowMs - startMs > REFUSED_MS) return socket;
      await delay(this.clock, RETRY_PAUSE_MS);
    }
  }

  /** Whether the speaker has left us for good: nobody listens where it did. */
  async isGone(): Promise<boolean> {
    if (this.us.listenOnly) return false;
    for (let attempt = 0; attempt < GONE_ATTEMPTS; attempt++) {
      const socket = await dialOnce(this.us);
      if (typeof socket !== "string") socket.destroy();
      if (socket !== REFUSED) return false;
      await delay(this.clock, RETRY_PAUSE_MS);
    }
    return true;
  }

  /** The next connection that the speaker opens itself. */
  async accept(label: string, endMs: number): Promise<RawConnection | string> {
    const socket = await this.acceptSocket(endMs);
    return typeof socket === "string" ? socket : this.attach(socket, label);
  }

  /** Takes the speaker's own connections from now on. */
  async listen(): Promise<void> {
    const { localAddress, listenPort, peer } = this.us;
    if (this.listener || listenPort === undefined) return;
    const address = localAddress ?? (isIpv4(peer.address) ? 0 : "0".repeat(32));
    this.listener = await Listener.open({ address, port: listenPort }, peer.address, this.clock);
  }

  /** Says goodbye on whatever is open. */
  leave(): void {
    this.listener?.close();
    for (const connection of this.opened) connection.leave();
  }

  private async acceptSocket(endMs: number): Promise<Socket | string> {
    await this.listen();
    return (await this.listener?.next(endMs)) ?? "it did not connect to us";
  }

  private attach(socket: Socket, label: string): RawConnection {
    const connection = new RawConnection(socket, this.clock, this.transcript, label);
    this.opened.push(connection);
    return connection;
  }
}

function dialOnce({ peer, localAddress }: Neighborhood): Promise<Socket | string> {
  const from = localAddress === undefined ? {} : { localAddress: formatAddress(localAddress) };
  const socket = connect({ host: formatAddress(peer.address), port: peer.port, noDelay: true, timeout: CONNECT_MS, ...from });
  return new Promise((resolve) => {
    const fail = (reason: string) => {
      socket.destroy();
      resolve(reason);
    };
    socket.once("error", (error: NodeJS.ErrnoException) => fail(error.code === "ECONNREFUSED" ? REFUSED : error.message));
    socket.once("timeout", () => fail("connecting timed out"));
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

const CONNECT_MS = 3000;

/** Ours is our address; where that is of IPv6, one of the documentation's (RFC 5737). */
const identifierOf = (address: Address | undefined, number: number): Ipv4Address =>
  address !== undefined && isIpv4(address) ? address : 0xc0000200 + (number % 254) + 1;

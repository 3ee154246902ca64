/**
 * The sockets of BFD (RFC 5881 4, RFC 5883 5): three to listen on in each family that is used, and one to send from for each
 * session, on a port of its own. Echo packets that a peer addresses to us go back as they came, one hop older; those that it
 * addresses to itself (RFC 5881 section 6) come back through the packet path, as any packet that is forwarded.
 */
import { type Address, isIpv4 } from "../net/address.ts";
import { type Random, randomBelow } from "../net/random.ts";
import { type Datagram, DatagramSocket } from "../port/datagram-socket.ts";
import type { Arrival, BfdPeer, Sessions } from "./sessions.ts";

const CONTROL_PORT = 3784;
const ECHO_PORT = 3785;
const MULTIHOP_PORT = 4784;

const MAXIMUM_TTL = 255;
const SOURCE_PORTS = { first: 49152, count: 16384 } as const;
const ATTEMPTS = 64;

interface Listener {
  readonly ipv4: boolean;
  readonly port: number;
  readonly socket: DatagramSocket;
}

const everywhere = (ipv4: boolean): Address => (ipv4 ? 0 : "0".repeat(32));

/** Where packets of this peer come in. */
function portsOf({ multihop, timers }: BfdPeer): number[] {
  if (multihop) return [MULTIHOP_PORT];
  return timers.minEchoRxMs > 0 ? [CONTROL_PORT, ECHO_PORT] : [CONTROL_PORT];
}

export class BfdSockets {
  private readonly random: Random;
  private readonly listeners: Listener[] = [];
  private readonly senders = new Map<Address, DatagramSocket>();

  constructor(random: Random) {
    this.random = random;
  }

  /** Listens where these peers send to, and no longer where nobody does. Answers what it could not do, in words. */
  configure(peers: readonly BfdPeer[]): string[] {
    const wanted = peers.flatMap((peer) => portsOf(peer).map((port) => ({ ipv4: isIpv4(peer.address), port })));
    const isWanted = ({ ipv4, port }: Listener) => wanted.some((one) => one.ipv4 === ipv4 && one.port === port);
    for (const one of this.listeners.filter((listener) => !isWanted(listener))) this.unlisten(one);
    return wanted.flatMap(({ ipv4, port }) => {
      if (this.listeners.some((one) => one.ipv4 === ipv4 && one.port === port)) return [];
      try {
        // What an echo is answered with is a hop older, so that it is not answered again.
        const ttl = port === ECHO_PORT ? MAXIMUM_TTL - 1 : MAXIMUM_TTL;
        this.listeners.push({ ipv4, port, socket: new DatagramSocket({ address: everywhere(ipv4), port }, ttl) });
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
    });
  }

  /** Those to wait for. */
  open(): DatagramSocket[] {
    return this.listeners.map(({ socket }) => socket);
  }

  /** Hands over what has arrived, at most `limit` from each. */
  receive(sessions: Sessions, limit: number): void {
    for (const listener of this.listeners) {
      for (let count = 0; count < limit; count++) {
        const datagram = listener.socket.receive();
        if (!datagram) break;
        if (listener.port === ECHO_PORT) reflect(listener.socket, datagram, sessions);
        else sessions.receive(arrivalOf(datagram, listener.port));
      }
    }
  }

  /** What cannot go out now may next time: the peer takes silence for what it is. */
  send(peer: BfdPeer, bytes: Uint8Array): void {
    const sender = this.senders.get(peer.address) ?? this.openSender(peer);
    sender?.send(bytes, { address: peer.address, port: peer.multihop ? MULTIHOP_PORT : CONTROL_PORT });
  }

  end({ address }: BfdPeer): void {
    this.senders.get(address)?.close();
    this.senders.delete(address);
  }

  close(): void {
    for (const { socket } of this.listeners.splice(0)) socket.close();
    for (const socket of this.senders.values()) socket.close();
    this.senders.clear();
  }

  private unlisten(listener: Listener): void {
    this.listeners.splice(this.listeners.indexOf(listener), 1);
    listener.socket.close();
  }

  /** Undefined while our own address is not there. */
  private openSender(peer: BfdPeer): DatagramSocket | undefined {
    const address = peer.localAddress ?? everywhere(isIpv4(peer.address));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const port = SOURCE_PORTS.first + randomBelow(this.random, SOURCE_PORTS.count);
      try {
        const socket = new DatagramSocket({ address, port }, MAXIMUM_TTL);
        this.senders.set(peer.address, socket);
        return socket;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") return undefined;
      }
    }
    return undefined;
  }
}

const arrivalOf = ({ bytes, source, ttl }: Datagram, port: number): Arrival => ({
  bytes,
  source: source.address,
  ttl,
  multihop: port === MULTIHOP_PORT,
});

/** To a peer that was told it may, on one hop; back to where it came from. */
function reflect(socket: DatagramSocket, { bytes, source, ttl }: Datagram, sessions: Sessions): void {
  const peer = sessions.knows(source.address);
  const isRight = peer !== undefined && !peer.multihop && peer.timers.minEchoRxMs > 0 && ttl === MAXIMUM_TTL;
  if (isRight) socket.send(bytes, source);
  else sessions.drops.echo++;
}

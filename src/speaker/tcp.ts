/**
 * What a session asks of TCP: a dial, what its connections must have, who is at the other end, and a close that lets the last
 * words arrive. Making sockets is `port/tcp-socket`'s.
 */
import { Socket } from "node:net";
import { type Address, linkOfRouter, parseAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { dialTcp, type Endpoint, type TcpProtection } from "../port/tcp-socket.ts";
import type { NeighborOptions } from "./neighbor.ts";

export const BGP_PORT = 179;

const MAXIMUM_TTL = 255;

/** How long a peer may take to close its side after we closed ours. */
const CLOSE_DEADLINE_MS = 1000;

type Protected = Pick<NeighborOptions, "password" | "ttlSecurity" | "ebgpMultihop">;

/** RFC 5082: both sides send with 255, and each router on the way takes one of it. */
export function protectionOf({ password, ttlSecurity, ebgpMultihop }: Protected): TcpProtection {
  if (ttlSecurity) return { password, ttl: MAXIMUM_TTL, minimumTtl: MAXIMUM_TTL + 1 - ttlSecurity.hops };
  return { password, ttl: ebgpMultihop };
}

/** `routerOn`: who is at the other end of an unnumbered link. To nobody the dial fails like any other. */
export function dialNeighbor(options: NeighborOptions, routerOn: (link: string) => Address | undefined): Socket {
  const { port = BGP_PORT, localAddress } = options;
  const link = linkOfRouter(options.address);
  const address = link === undefined ? options.address : routerOn(link);
  if (address === undefined) return new Socket().destroy(new Error(`no router has advertised itself on ${link}`));
  return dialTcp({ address, port }, { from: localAddress, ...protectionOf(options) });
}

/** Undefined if it is gone already. */
export function remoteEndpoint(socket: Socket): Endpoint | undefined {
  const address = parseAddress(socket.remoteAddress ?? "");
  return address === undefined || socket.remotePort === undefined ? undefined : { address, port: socket.remotePort };
}

/**
 * Says `lastWords` and closes. What the peer still sends is read and thrown away: unread bytes would turn the close into a
 * reset, and a reset makes the peer lose what we said last.
 */
export function closeSocket(socket: Socket, clock: Clock, lastWords?: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    const cancel = clock.setTimer(CLOSE_DEADLINE_MS, () => socket.destroy());
    socket.removeAllListeners("data");
    socket.on("error", () => undefined);
    socket.once("close", () => {
      cancel();
      resolve();
    });
    if (socket.connecting || socket.destroyed) {
      socket.destroy();
      return;
    }
    if (lastWords) socket.write(lastWords);
    socket.end();
    socket.resume();
  });
}

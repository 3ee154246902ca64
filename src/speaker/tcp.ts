/**
 * The TCP sockets that sessions stand on: dialing, listening, and a close that lets the last words arrive. The only file of
 * the speaker that makes and ends sockets.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { type Address, formatAddress, isIpv4, parseAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";

export const BGP_PORT = 179;

/** How long a peer may take to close its side after we closed ours. */
const CLOSE_DEADLINE_MS = 1000;

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

export function dial(to: Endpoint, from: Address | undefined): Socket {
  const family = isIpv4(to.address) ? 4 : 6;
  const localAddress = from === undefined ? {} : { localAddress: formatAddress(from) };
  return connect({ host: formatAddress(to.address), port: to.port, family, noDelay: true, ...localAddress });
}

export function listen(at: Endpoint, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true }, onSocket);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: formatAddress(at.address), port: at.port, ipv6Only: !isIpv4(at.address) }, () => {
      server.off("error", reject);
      // A failed accept (out of descriptors) concerns one connection, not the listener.
      server.on("error", () => undefined);
      resolve(server);
    });
  });
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

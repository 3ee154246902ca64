/** Where the speaker's own connections arrive, for the length of one check. The newest is the one that it believes in. */
import { createServer, type Server, type Socket } from "node:net";
import { type Address, formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

const MAXIMUM_WAITING = 64;

export class Listener {
  private readonly server: Server;
  private readonly clock: Clock;
  private readonly waiting: Socket[] = [];
  private wake: (() => void) | undefined;

  private constructor(server: Server, clock: Clock) {
    this.server = server;
    this.clock = clock;
  }

  /** Takes connections from `peer` only; rejects if the address cannot be listened on. */
  static open(at: Endpoint, peer: Address, clock: Clock): Promise<Listener> {
    const server = createServer({ noDelay: true });
    const listener = new Listener(server, clock);
    const peerText = formatAddress(peer);
    server.on("connection", (socket) => {
      socket.on("error", () => undefined);
      if (socket.remoteAddress?.replace(/^::ffff:/, "") !== peerText || listener.waiting.length >= MAXIMUM_WAITING) {
        socket.destroy();
        return;
      }
      listener.waiting.push(socket);
      listener.wake?.();
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: formatAddress(at.address), port: at.port }, () => resolve(listener));
    });
  }

  /** The next connection that still lives, or undefined if there is none before `endMs`. */
  async next(endMs: number): Promise<Socket | undefined> {
    for (;;) {
      const socket = this.waiting.shift();
      if (socket && !socket.destroyed) return socket;
      const leftMs = endMs - this.clock.nowMs();
      if (leftMs <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const cancel = this.clock.setTimer(leftMs, resolve);
        this.wake = () => {
          cancel();
          resolve();
        };
      });
    }
  }

  close(): void {
    this.server.close();
    for (const socket of this.waiting.splice(0)) socket.destroy();
  }
}

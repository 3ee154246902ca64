/**
 * A pod: a TCP server that says in one JSON line which pod it is and which source it sees, then gives back every byte it
 * gets, and holds the connection as long as the other side does. `pod-process.ts` runs one per namespace.
 */
import { createServer, type Server, type Socket } from "node:net";

export interface PodGreeting {
  readonly pod: string;
  /** Who the connection comes from, as this pod sees it: the client, or the node that masqueraded. */
  readonly source: string;
  readonly sourcePort: number;
}

export class PodServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(name: string) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      // A reset is the usual end of a connection here; "close" follows it.
      socket.on("error", () => {});
      const greeting: PodGreeting = { pod: name, source: socket.remoteAddress ?? "", sourcePort: socket.remotePort ?? 0 };
      socket.write(`${JSON.stringify(greeting)}\n`);
      socket.pipe(socket);
    });
  }

  /** Listens on `address`; the port that it got (another one when 0 was asked for). */
  listen(port: number, address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, host: address, backlog: 1024 }, () => {
        const bound = this.#server.address();
        resolve(typeof bound === "object" && bound ? bound.port : port);
      });
    });
  }

  /** Resets every connection, so that none of them lingers in a table of this namespace or of the next one. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

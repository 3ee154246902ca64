/**
 * Where a pod is asked by TCP, whatever it speaks: it holds connections for as long as the other side does, and resets what is left
 * of them when it ends, so that none of them lingers in a table of this namespace or of the next one.
 */
import type { Server, Socket } from "node:net";

export class PodListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      // A reset is the usual end of a connection here; "close" follows it.
      socket.on("error", () => {});
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

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

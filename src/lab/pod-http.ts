/**
 * What a pod does by HTTP/1.1: it answers whatever it is asked with the same bytes, and says in headers which pod it is and which
 * source it sees. Node's own server; it keeps a connection for as long as its client does.
 */
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";

export const POD_HEADER = "x-pod";
export const SOURCE_HEADER = "x-source";

export class PodHttp {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(name: string) {
    this.#server = createServer({ noDelay: true, keepAliveTimeout: 0 }, (question, answer) => {
      const length = question.headers["content-length"] ?? "0";
      answer.writeHead(200, {
        [POD_HEADER]: name,
        [SOURCE_HEADER]: question.socket.remoteAddress ?? "",
        "content-length": length,
      });
      question.pipe(answer);
    });
    this.#server.on("connection", (socket) => {
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

  /** Resets every connection, as `PodServer` does. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

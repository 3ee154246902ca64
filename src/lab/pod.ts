/**
 * A pod: a TCP server that says in one JSON line which pod it is and which source it sees, then gives back every byte it
 * gets, and holds the connection as long as the other side does. `pod-process.ts` runs one per namespace.
 */
import { createServer } from "node:net";
import { PodListener } from "./pod-listener.ts";

export interface PodGreeting {
  readonly pod: string;
  /** Who the connection comes from, as this pod sees it: the client, or the node that masqueraded. */
  readonly source: string;
  readonly sourcePort: number;
}

export class PodServer extends PodListener {
  constructor(name: string) {
    super(
      createServer({ noDelay: true }, (socket) => {
        const greeting: PodGreeting = { pod: name, source: socket.remoteAddress ?? "", sourcePort: socket.remotePort ?? 0 };
        socket.write(`${JSON.stringify(greeting)}\n`);
        socket.pipe(socket);
      }),
    );
  }
}

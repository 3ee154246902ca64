/** What a pod does by UDP: it answers every datagram with one that has its text, which pod this is and which source it sees. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { PodGreeting } from "./pod.ts";

export interface DatagramAnswer extends PodGreeting {
  readonly echo: string;
}

export class PodDatagrams {
  readonly #name: string;
  #socket: Socket | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** The port that it got (another one when 0 was asked for). */
  listen(port: number, address: string): Promise<number> {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    this.#socket = socket;
    socket.on("message", (bytes, { address: source, port: sourcePort }) => {
      const answer: DatagramAnswer = { pod: this.#name, source, sourcePort, echo: bytes.toString("utf8") };
      socket.send(JSON.stringify(answer), sourcePort, source, () => {});
    });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, address, () => {
        // A client that is gone has its port unreachable: no reason for the pod to end.
        socket.removeAllListeners("error").on("error", () => {});
        resolve(socket.address().port);
      });
    });
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}

/**
 * Flows of UDP, each from a port of its own: numbered datagrams at a steady pace, which a pod gives back with its name. What does
 * not come back is lost, what comes twice or behind a later one is counted under its own name. `load-process.ts` runs it beside
 * the connections.
 */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { type CancelTimer, type Clock, delay } from "../net/clock.ts";
import type { DatagramOrder, DatagramRecord, Entrance } from "./datagram.ts";
import type { DatagramAnswer } from "./pod-datagrams.ts";

/** How long a flow's first answer is waited for, and the last ones of all. */
const FIRST_ANSWER_MS = 2000;
const LAST_ANSWERS_MS = 500;

interface Sender {
  readonly order: DatagramOrder;
  readonly record: DatagramRecord;
  readonly socket: Socket;
  /** By which way each number went, as far as it was answered. */
  readonly wayOf: Entrance[];
  highest: number;
  cancel: CancelTimer;
}

export class DatagramClient {
  readonly #clock: Clock;
  readonly #senders: Sender[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Done when every flow has its first answer, or has waited long enough for it. */
  async begin(orders: readonly DatagramOrder[]): Promise<void> {
    await Promise.all(orders.map((order, index) => this.#begin(order, (index * order.everyMs) / orders.length)));
  }

  /** Sends no more, and tells what came back. */
  async records(): Promise<readonly DatagramRecord[]> {
    for (const { cancel } of this.#senders) cancel();
    if (this.#senders.length > 0) await delay(this.#clock, LAST_ANSWERS_MS);
    for (const { record, wayOf } of this.#senders) record.entrances = waysInTurn(wayOf);
    return this.#senders.map(({ record }) => record);
  }

  close(): void {
    for (const { cancel, socket } of this.#senders.splice(0)) {
      cancel();
      socket.close();
    }
  }

  /** `afterMs`: flows send in turn, because all at once would test the queues. */
  async #begin(order: DatagramOrder, afterMs: number): Promise<void> {
    const socket = createSocket(isIPv6(order.sourceAddress) ? "udp6" : "udp4");
    const counts = { sent: 0, answered: 0, duplicated: 0, reordered: 0, bytes: 0 };
    const record: DatagramRecord = { flow: order.flow, begunAtMs: this.#clock.nowMs(), ...counts, entrances: [] };
    const sender: Sender = { order, record, socket, wayOf: [], highest: -1, cancel: () => {} };
    this.#senders.push(sender);
    await new Promise<void>((bound, failed) => {
      socket.once("error", failed);
      socket.bind(order.sourcePort, order.sourceAddress, bound);
    });
    // "Port unreachable" and the like: the datagram is lost, and counted as such.
    socket.removeAllListeners("error").on("error", () => {});
    sender.cancel = this.#clock.setTimer(afterMs, () => this.#send(sender));
    await new Promise<void>((settled) => {
      const cancel = this.#clock.setTimer(FIRST_ANSWER_MS, settled);
      socket.on("message", (bytes) => {
        note(sender, bytes, this.#clock.nowMs());
        cancel();
        settled();
      });
    });
  }

  #send(sender: Sender): void {
    const { order, record, socket } = sender;
    socket.send(String(record.sent), order.destinationPort, order.destinationAddress, () => {});
    record.sent += 1;
    sender.cancel = this.#clock.setTimer(order.everyMs, () => this.#send(sender));
  }
}

function note(sender: Sender, bytes: Buffer, nowMs: number): void {
  const { record, wayOf } = sender;
  const { pod, source, echo } = JSON.parse(bytes.toString("utf8")) as DatagramAnswer;
  const number = Number(echo);
  record.bytes += bytes.length;
  record.firstByteAtMs ??= nowMs;
  record.lastByteAtMs = nowMs;
  if (wayOf[number] !== undefined) {
    record.duplicated += 1;
    return;
  }
  wayOf[number] = { pod, sourceSeen: source };
  record.answered += 1;
  if (number < sender.highest) record.reordered += 1;
  sender.highest = Math.max(sender.highest, number);
}

/** By number and not by arrival: what was overtaken went before what overtook it. `forEach` leaves out what never came. */
function waysInTurn(wayOf: readonly Entrance[]): Entrance[] {
  const turns: Entrance[] = [];
  wayOf.forEach((way) => {
    const last = turns.at(-1);
    if (last?.pod !== way.pod || last.sourceSeen !== way.sourceSeen) turns.push(way);
  });
  return turns;
}

/**
 * What has happened with one neighbor, in numbers and last words; it outlives the sessions. Everything that is counted here
 * and is worth a person's attention is reported as an event in the same breath, so the two never disagree.
 */
import { type BgpError, errorName, type Fault } from "../bgp/error.ts";
import type { Message } from "../bgp/message.ts";
import { shutdownText } from "../bgp/notification.ts";
import type { Address, Ipv4Address } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import {
  type NeighborEvent,
  type NeighborState,
  type NotificationRecord,
  noFaults,
  noMessages,
  type SpeakerEvent,
} from "./neighbor.ts";

export class Ledger {
  private readonly neighbor: Address;
  private readonly clock: Clock;
  private readonly onEvent: (event: SpeakerEvent) => void;
  private readonly messagesSent = noMessages();
  private readonly messagesReceived = noMessages();
  private readonly updateFaults = noFaults();
  private established = 0;
  private dropped = 0;
  private refused = 0;
  private lastNotification: NotificationRecord | undefined;
  private lastReset: NeighborState["lastReset"];

  constructor(neighbor: Address, clock: Clock, onEvent: (event: SpeakerEvent) => void) {
    this.neighbor = neighbor;
    this.clock = clock;
    this.onEvent = onEvent;
  }

  sent(message: Message, count: number): void {
    this.messagesSent[message.kind] += count;
    if (message.kind === "notification") this.notification("sent", message.error);
  }

  received(message: Message): void {
    this.messagesReceived[message.kind]++;
    if (message.kind === "notification") this.notification("received", message.error);
  }

  faults(faults: readonly Fault[]): void {
    for (const { attribute, what, consequence } of faults) {
      this.updateFaults[consequence]++;
      this.report({ kind: "update-fault", consequence, what, ...(attribute === undefined ? {} : { attribute }) });
    }
  }

  up(routerId: Ipv4Address, holdTimeSeconds: number): void {
    this.established++;
    this.report({ kind: "session-up", routerId, holdTimeSeconds });
  }

  ended(wasEstablished: boolean, reason: string): void {
    this.lastReset = { atMs: this.clock.nowMs(), reason };
    if (wasEstablished) this.dropped++;
    this.report({ kind: wasEstablished ? "session-down" : "attempt-failed", reason });
  }

  refusedConnection(reason: string): void {
    this.refused++;
    this.report({ kind: "refused-connection", reason });
  }

  report(event: NeighborEvent): void {
    this.onEvent({ ...event, atMs: this.clock.nowMs(), neighbor: this.neighbor });
  }

  state() {
    const { messagesSent, messagesReceived, updateFaults, lastNotification, lastReset } = this;
    return {
      messagesSent: { ...messagesSent },
      messagesReceived: { ...messagesReceived },
      updateFaults: { ...updateFaults },
      connectionsEstablished: this.established,
      connectionsDropped: this.dropped,
      connectionsRefused: this.refused,
      ...(lastNotification && { lastNotification }),
      ...(lastReset && { lastReset }),
    };
  }

  private notification(direction: "sent" | "received", error: BgpError): void {
    const { code, subcode } = error;
    const text = shutdownText(error);
    const atMs = this.clock.nowMs();
    this.lastNotification = { direction, code, subcode, name: errorName(error), ...(text === undefined ? {} : { text }), atMs };
    this.report({ kind: "notification", notification: this.lastNotification });
  }
}

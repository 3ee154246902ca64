/**
 * What has happened with one neighbor, in numbers and last words; it outlives the sessions. Everything that is counted here
 * and is worth a person's attention is reported as an event in the same breath, so the two never disagree.
 */
import { formatHex, joinBytes, uint16 } from "../bgp/bytes.ts";
import { type BgpError, errorName, type Fault, formatFault, strongest } from "../bgp/error.ts";
import { HEADER_LENGTH, MARKER_LENGTH, MAXIMUM_MESSAGE_LENGTH } from "../bgp/framer.ts";
import { MESSAGE } from "../bgp/iana.ts";
import type { Message } from "../bgp/message.ts";
import { shutdownText } from "../bgp/notification.ts";
import type { Address, Ipv4Address } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { createLimiter, type Limiter } from "../net/limiter.ts";
import { formatPrefix, type Prefix } from "../net/prefix.ts";
import {
  type NeighborEvent,
  type NeighborState,
  type NotificationRecord,
  noFaults,
  noMessages,
  type SpeakerEvent,
  type UpdateFault,
} from "./neighbor.ts";

/** Bytes as they came: what is told of them costs more than they do, and most of them are never told of. */
interface FaultyUpdate {
  readonly faults: readonly Fault[];
  readonly body: Uint8Array;
  readonly atMs: number;
}

/** Of a message with more faults, as many are told in words; all are counted. */
const FAULTS_IN_EVENT = 8;

export class Ledger {
  private readonly neighbor: Address;
  private readonly clock: Clock;
  private readonly onEvent: (event: SpeakerEvent) => void;
  private readonly messagesSent = noMessages();
  private readonly messagesReceived = noMessages();
  private readonly updateFaults = noFaults();
  private readonly faultReports: Limiter<FaultyUpdate>;
  private readonly tooLongReports: Limiter<Prefix>;
  private readonly notificationReports: Readonly<Record<NotificationRecord["direction"], Limiter<NotificationRecord>>>;
  private established = 0;
  private dropped = 0;
  private refused = 0;
  private tooLong = 0;
  private lastNotification: NotificationRecord | undefined;
  private lastReset: NeighborState["lastReset"];
  private lastFaulty: FaultyUpdate | undefined;

  constructor(neighbor: Address, clock: Clock, onEvent: (event: SpeakerEvent) => void) {
    this.neighbor = neighbor;
    this.clock = clock;
    this.onEvent = onEvent;
    this.faultReports = createLimiter(clock, (count, faulty) =>
      this.report({ kind: "update-fault", count, ...describeFaulty(faulty) }),
    );
    this.tooLongReports = createLimiter(clock, (count, prefix) =>
      this.report({ kind: "path-too-long", count, prefix: formatPrefix(prefix) }),
    );
    const notifications = () =>
      createLimiter<NotificationRecord>(clock, (count, notification) =>
        this.report({ kind: "notification", count, notification }),
      );
    // Whoever opens connections at the neighbor's address gets one for each.
    this.notificationReports = { sent: notifications(), received: notifications() };
  }

  sent(message: Message, count: number): void {
    this.messagesSent[message.kind] += count;
    if (message.kind === "notification") this.notification("sent", message.error);
  }

  received(message: Message): void {
    this.messagesReceived[message.kind]++;
    if (message.kind === "notification") this.notification("received", message.error);
  }

  /** Of one UPDATE: there is at least one. */
  faults(faults: readonly Fault[], body: Uint8Array): void {
    for (const { consequence } of faults) this.updateFaults[consequence]++;
    this.lastFaulty = { faults, body, atMs: this.clock.nowMs() };
    this.faultReports.add(this.lastFaulty);
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

  pathsTooLong(prefixes: readonly Prefix[]): void {
    this.tooLong += prefixes.length;
    for (const prefix of prefixes) this.tooLongReports.add(prefix);
  }

  report(event: NeighborEvent): void {
    this.onEvent({ ...event, atMs: this.clock.nowMs(), neighbor: this.neighbor });
  }

  state() {
    const { messagesSent, messagesReceived, updateFaults, lastFaulty, lastNotification, lastReset } = this;
    return {
      messagesSent: { ...messagesSent },
      messagesReceived: { ...messagesReceived },
      updateFaults: { ...updateFaults },
      connectionsEstablished: this.established,
      connectionsDropped: this.dropped,
      connectionsRefused: this.refused,
      pathsTooLong: this.tooLong,
      ...(lastFaulty && { lastUpdateFault: { ...describeFaulty(lastFaulty), atMs: lastFaulty.atMs } }),
      ...(lastNotification && { lastNotification }),
      ...(lastReset && { lastReset }),
    };
  }

  private notification(direction: "sent" | "received", error: BgpError): void {
    const { code, subcode } = error;
    const text = shutdownText(error);
    const atMs = this.clock.nowMs();
    this.lastNotification = { direction, code, subcode, name: errorName(error), ...(text === undefined ? {} : { text }), atMs };
    this.notificationReports[direction].add(this.lastNotification);
  }
}

function describeFaulty({ faults, body }: FaultyUpdate): UpdateFault {
  const consequence = strongest(faults) as UpdateFault["consequence"];
  return { consequence, what: faults.slice(0, FAULTS_IN_EVENT).map(formatFault), message: formatUpdate(body) };
}

function formatUpdate(body: Uint8Array): string {
  const length = HEADER_LENGTH + body.length;
  const marker = "ff".repeat(MARKER_LENGTH);
  return (
    marker + formatHex(joinBytes(uint16(length), [MESSAGE.update], body.subarray(0, MAXIMUM_MESSAGE_LENGTH - HEADER_LENGTH)))
  );
}

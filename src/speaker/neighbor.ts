/**
 * A neighbor as the operator sees it: what was configured, and how it stands (`ecmp show bgp summary` and `neighbors`, with
 * what FRR prints there). And what happens to neighbors, as plain values for logs and journals.
 */
import type { Capability } from "../bgp/capabilities.ts";
import { CONSEQUENCES, type Consequence } from "../bgp/error.ts";
import { MESSAGE_KINDS, type Message } from "../bgp/message.ts";
import type { Ipv6NextHop } from "../bgp/multiprotocol.ts";
import type { Family, FamilyName } from "../bgp/nlri.ts";
import type { Role } from "../bgp/role.ts";
import type { Address, AddressFamily, Ipv4Address } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { StateName } from "./fsm-state.ts";
import type { RemoteAsn } from "./offer.ts";

export interface NeighborOptions {
  /** `routerOn` an interface: whichever router is at the other end of that link. */
  readonly address: Address;
  readonly remoteAsn: RemoteAsn;
  readonly description?: string;
  /** Where we dial. */
  readonly port?: number;
  /** Wait for the neighbor to dial. */
  readonly passive?: boolean;
  /** Where we dial from. */
  readonly localAddress?: Address;
  /** The AS that we claim to be towards this neighbor. */
  readonly localAsn?: number;
  /** TCP-MD5 (RFC 2385), 1 to 80 bytes. */
  readonly password?: string;
  /** GTSM (RFC 5082): the neighbor is no more than so many hops away, 1 for one on a subnet of ours. */
  readonly ttlSecurity?: { readonly hops: number };
  /** The TTL of what we send; absent: the system's. */
  readonly ebgpMultihop?: number;
  /** 0 (none), or at least 3. */
  readonly holdTimeSeconds?: number;
  readonly connectRetrySeconds?: number;
  /** Absent: both. What is used is what the peer offers too. */
  readonly families?: readonly FamilyName[];
  /** Of a next hop of two addresses the one to use; absent: global. */
  readonly ipv6NextHop?: Ipv6NextHop;
  /** IPv4 prefixes may come with a next hop of IPv6; absent: they may if the session itself is over IPv6. */
  readonly extendedNextHop?: boolean;
  /** Whether several paths to a prefix are taken. */
  readonly addPath?: "receive" | "off";
  /** Whether its routes stay in use while it restarts (RFC 4724); absent: they do if it asks for that. */
  readonly gracefulRestart?: "helper" | "off";
  /** The longest that it may stay away, whatever it asks for. */
  readonly restartTimeSeconds?: number;
  /** The longest that it may take to say everything again. */
  readonly stalePathsSeconds?: number;
  /** Ours towards this neighbor (RFC 9234). */
  readonly role?: Role;
  /** Down by a person's wish, who may say why: the neighbor is told (RFC 9003). */
  readonly shutdown?: boolean | string;
}

export type MessageCounts = Record<Message["kind"], number>;
export type FaultCounts = Record<Consequence, number>;

const zeros = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;

export const noMessages = (): MessageCounts => zeros(MESSAGE_KINDS);
export const noFaults = (): FaultCounts => zeros(CONSEQUENCES);

/** An UPDATE in which something was wrong. */
export interface UpdateFault {
  readonly consequence: Consequence;
  /** The first of them, in words. */
  readonly what: readonly string[];
  /** The whole message in hex; of an extended one the beginning. */
  readonly message: string;
}

export interface NotificationRecord {
  readonly direction: "sent" | "received";
  readonly code: number;
  readonly subcode: number;
  readonly name: string;
  /** The words of a shutdown (RFC 9003). */
  readonly text?: string;
  readonly atMs: number;
}

export interface NeighborState {
  readonly address: Address;
  readonly description?: string;
  readonly localAsn: number;
  /** The number once that is known. */
  readonly remoteAsn: RemoteAsn;
  /** Who is at the other end of an unnumbered link, as far as that is known. */
  readonly router?: Address;
  readonly type: "external" | "internal";
  readonly passive: boolean;
  /** By TCP-MD5. */
  readonly signed: boolean;
  /** How far away it may be, where that is limited (GTSM). */
  readonly maximumHops?: number;
  readonly state: StateName;
  readonly shutdown?: true | string;
  /** The range that it is a member of, if it was not configured by itself. */
  readonly range?: Prefix;
  /** Idle because of its failures, and not because it was stopped. */
  readonly damped: boolean;
  /** These are there while the session is Established. */
  readonly routerId?: Ipv4Address;
  readonly establishedAtMs?: number;
  readonly holdTimeSeconds?: number;
  readonly keepaliveSeconds?: number;
  /** Those that were agreed on. */
  readonly families: readonly Family[];
  readonly capabilities: { readonly sent: readonly Capability[]; readonly received: readonly Capability[] };
  /** Of all families. */
  readonly endOfRibReceived: boolean;
  /** Those of which routes of an earlier session, or of before a refresh, are still in use. */
  readonly staleFamilies: readonly AddressFamily[];
  /** Prefixes, and marks between them, that the neighbor has to hear of and has not yet taken. */
  readonly outboxLength: number;
  readonly messagesSent: Readonly<MessageCounts>;
  readonly messagesReceived: Readonly<MessageCounts>;
  /** Faults in UPDATEs by what followed from each (RFC 7606). */
  readonly updateFaults: Readonly<FaultCounts>;
  readonly lastUpdateFault?: UpdateFault & { readonly atMs: number };
  readonly connectionsEstablished: number;
  readonly connectionsDropped: number;
  /** Connections of this neighbor that we did not take: Idle, or one was Established. */
  readonly connectionsRefused: number;
  /** Announcements that were withdrawals, because their attributes fill a message. */
  readonly pathsTooLong: number;
  readonly lastNotification?: NotificationRecord;
  readonly lastReset?: { readonly atMs: number; readonly reason: string };
}

export type SpeakerEvent = { readonly atMs: number; readonly neighbor: Address } & (
  | { readonly kind: "session-up"; readonly routerId: Ipv4Address; readonly holdTimeSeconds: number }
  | { readonly kind: "session-down"; readonly reason: string }
  /** An attempt that never became Established. */
  | { readonly kind: "attempt-failed"; readonly reason: string }
  /** At most one a second and direction: `count` since the last, this is the latest of them. */
  | { readonly kind: "notification"; readonly count: number; readonly notification: NotificationRecord }
  /** At most one a second: `count` messages were wrong since the last, this is the latest of them. */
  | ({ readonly kind: "update-fault"; readonly count: number } & UpdateFault)
  /** At most one a second: `count` prefixes were withdrawn since the last that do not fit in a message with their path. */
  | { readonly kind: "path-too-long"; readonly count: number; readonly prefix: string }
  | { readonly kind: "end-of-rib"; readonly family: AddressFamily }
  /** The session is over and its routes stay in use, for so long at most. */
  | { readonly kind: "routes-kept"; readonly families: readonly AddressFamily[]; readonly seconds: number }
  /** Whatever was not said again is gone. */
  | { readonly kind: "stale-routes-gone"; readonly family: AddressFamily; readonly reason: string }
  /** Of a stranger too: then `neighbor` is no neighbor. */
  | { readonly kind: "refused-connection"; readonly reason: string }
);

/** An event as whoever notices it knows it: the speaker adds when and of whom. */
export type NeighborEvent = SpeakerEvent extends infer Event
  ? Event extends SpeakerEvent
    ? Omit<Event, "atMs" | "neighbor">
    : never
  : never;

/**
 * One neighbor of a recording: what of its sessions was up, and how its messages are to be read. What is made of them is the
 * intake's affair, as in a session that is live, so routes outlive a graceful restart here as they did there. What a recording
 * does not say is taken to be usual: the session is up as soon as an UPDATE comes over it, and without OPENs both families
 * were agreed on. An OPEN that is the last one again (each file of a journal begins with them) begins nothing new.
 * That a neighbor was stopped while it was away is in no recording: its stale routes go when their time is up. A session in which
 * either is somebody else to the other is seen, and there the router began with nothing.
 */

import type { DecodeContext } from "../bgp/attributes.ts";
import { findCapability } from "../bgp/capabilities.ts";
import { type BgpError, errorName, type Fault } from "../bgp/error.ts";
import { Framer, type Framing, MAXIMUM_EXTENDED_LENGTH } from "../bgp/framer.ts";
import { MESSAGE } from "../bgp/iana.ts";
import { decodeMessage, type Message } from "../bgp/message.ts";
import { FAMILIES, hasFamily, IPV4_UNICAST } from "../bgp/nlri.ts";
import type { OpenMessage } from "../bgp/open.ts";
import { ROLES } from "../bgp/role.ts";
import type { UpdateMessage } from "../bgp/update.ts";
import type { DumpPeer, Ends, MessageRecord, StateRecord } from "../mrt/record.ts";
import type { Address } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import type { RoutePeer, RouteUpdate } from "../rib/route.ts";
import { type Agreement, type Terms, termsOf } from "./agreement.ts";
import type { EndCause } from "./graceful-restart.ts";
import { Intake } from "./intake.ts";
import { type FaultCounts, noFaults } from "./neighbor.ts";
import type { StaleLimits } from "./settings.ts";

export interface ReplayedSessionOptions {
  readonly address: Address;
  /** That of the recording. */
  readonly clock: Clock;
  limits(): StaleLimits;
  onUpdate(update: RouteUpdate): void;
}

type Side = MessageRecord["direction"];

export interface ReplayedPeer {
  readonly address: Address;
  readonly asn: number;
  /** At the end of what was told so far. */
  readonly up: boolean;
  readonly updates: number;
  readonly announced: number;
  readonly withdrawn: number;
  readonly losses: number;
  readonly updateFaults: Readonly<FaultCounts>;
}

interface Opened {
  readonly open: OpenMessage;
  readonly bytes: Uint8Array;
}

const ALL_FAMILIES = Object.values(FAMILIES);

const WITHOUT_OPENS: Terms = {
  ...{ asnSize: 4, families: ALL_FAMILIES, pathIds: [], extendedNextHop: [IPV4_UNICAST] },
  ...{ extendedMessage: true, enhancedRefresh: false },
};

/** Nobody listens. */
const report = (): void => {};

/** Of what we said, what tells of the session: how to read the rest, and why it ended. */
const TELLING: readonly number[] = [MESSAGE.open, MESSAGE.notification];

export class ReplayedSession {
  private readonly options: ReplayedSessionOptions;
  private asn = 0;
  private ours = 0;
  private isUp = false;
  /** From the first session on: then it is known whether the peer is of our AS. Another when that, or our role, has changed. */
  private intake: Intake | undefined;
  private opens: { sent?: Opened; received?: Opened } = {};
  private disabled: DecodeContext["families"] = [];
  private readonly counts = { updates: 0, announced: 0, withdrawn: 0, losses: 0 };
  private readonly updateFaults = noFaults();

  constructor(options: ReplayedSessionOptions) {
    this.options = options;
  }

  /** The AS that we are to the peer as of its last session; undefined where no record says it. */
  get localAsn(): number | undefined {
    return this.ours === 0 ? undefined : this.ours;
  }

  summary(): ReplayedPeer {
    const { asn, isUp, counts, updateFaults } = this;
    return { address: this.options.address, asn, up: isUp, ...counts, updateFaults };
  }

  changeState(record: StateRecord): void {
    if (record.to === "Established") this.up(record);
    else this.down({ kind: "closed" }, record.reason ?? `${record.from} to ${record.to}`);
  }

  message(record: MessageRecord): void {
    const framing = frameOf(record.message);
    if (framing.kind === "error" && record.direction === "received") this.end("sent", framing.error);
    if (framing.kind !== "message" || (record.direction === "sent" && !TELLING.includes(framing.type))) return;
    const decoded = decodeMessage(framing.type, framing.body, this.contextOf(record, record));
    if ("error" in decoded) {
      if (record.direction === "sent") return;
      this.count(decoded.faults);
      this.end("sent", decoded.error);
    } else if (decoded.message.kind === "open") this.open(record, decoded.message);
    else if (decoded.message.kind === "notification") this.end(record.direction, decoded.message.error);
    else this.heard(record, decoded.message, decoded.faults);
  }

  /** An UPDATE out of a table: the peer was up when that was written. */
  tableUpdate({ asn, routerId }: DumpPeer, localAsn: number, body: Uint8Array, addPath: boolean): void {
    const ends = { peer: this.options.address, peerAsn: asn, localAsn };
    this.up(ends, routerId);
    const decoded = decodeMessage(MESSAGE.update, body, this.contextOf(ends, { asnSize: 4, addPath }));
    // The collector's own (LOCAL_PREF of an external route) is discarded, and is nobody's fault.
    const faults = decoded.faults.filter(({ consequence }) => consequence !== "discard");
    if ("error" in decoded) this.count(faults);
    else this.heard(ends, decoded.message, faults);
  }

  private open({ direction, message }: MessageRecord, open: OpenMessage): void {
    const before = this.opens[direction];
    const isAgain = before !== undefined && Buffer.compare(before.bytes, message) === 0;
    if (direction === "received" && !isAgain) this.down({ kind: "closed" }, "a new OPEN");
    this.opens[direction] = { open, bytes: Uint8Array.from(message) };
  }

  private heard(ends: Omit<Ends, "local">, message: Message, faults: readonly Fault[]): void {
    if (message.kind === "route-refresh") this.intake?.refresh(message);
    if (message.kind !== "update") return;
    const intake = this.up(ends);
    this.count(faults);
    this.countRoutes(message);
    this.disabled = [...this.disabled, ...(message.disabled ?? [])];
    intake.take(message);
  }

  private up(ends: Omit<Ends, "local">, routerId = this.opens.received?.open.routerId ?? 0): Intake {
    if (this.isUp && this.intake) return this.intake;
    this.isUp = true;
    this.asn = ends.peerAsn;
    this.ours = ends.localAsn;
    this.intake = this.intakeOf(typeOf(ends), this.role(ends));
    this.intake.begin(this.agreement(ends, routerId));
    return this.intake;
  }

  private intakeOf(type: RoutePeer["type"], role: RoutePeer["role"]): Intake {
    if (this.intake?.isOf(type, role)) return this.intake;
    this.intake?.forget("the neighbor is another to us");
    const { address, clock, limits, onUpdate } = this.options;
    return new Intake({ address, type, role, limits, clock, onUpdate, report });
  }

  /** The one that we said in our OPEN. */
  private role(ends: Omit<Ends, "local">): RoutePeer["role"] {
    const said = findCapability(this.opens.sent?.open.capabilities ?? [], "role");
    return said && typeOf(ends) === "external" ? ROLES[said.role] : undefined;
  }

  private agreement({ peerAsn }: Omit<Ends, "local">, routerId: number): Agreement {
    const { sent, received } = this.opens;
    // Only an OPEN of ours says whether we help; what we do not know to be kept is lost.
    const isHelper = sent && findCapability(sent.open.capabilities, "graceful-restart");
    const gracefulRestart = isHelper && received && findCapability(received.open.capabilities, "graceful-restart");
    const capabilities = received?.open.capabilities ?? [];
    return {
      ...(this.terms() ?? WITHOUT_OPENS),
      ...{ holdTimeSeconds: 0, keepaliveSeconds: 0 },
      ...(gracefulRestart && { gracefulRestart }),
      peer: { kind: "open", asn: peerAsn, holdTimeSeconds: 0, routerId, capabilities },
    };
  }

  private end(direction: Side, error: BgpError): void {
    this.down({ kind: "notification", direction, error }, `${direction} ${errorName(error)}`);
  }

  private down(cause: EndCause, reason: string): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.disabled = [];
    this.counts.losses++;
    this.intake?.end(cause, reason);
  }

  private count(faults: readonly Fault[]): void {
    for (const { consequence } of faults) this.updateFaults[consequence]++;
  }

  private countRoutes({ withdrawn, announcements }: UpdateMessage): void {
    this.counts.updates++;
    this.counts.withdrawn += withdrawn.length;
    for (const { prefixes } of announcements) this.counts.announced += prefixes.length;
  }

  /** Of an OPEN that was not recorded we believe that it offered what the other one did. */
  private terms(): Terms | undefined {
    const { sent, received } = this.opens;
    return received && termsOf((sent ?? received).open.capabilities, received.open.capabilities);
  }

  private contextOf(ends: Omit<Ends, "local">, { asnSize, addPath }: Pick<MessageRecord, "asnSize" | "addPath">): DecodeContext {
    const terms = this.terms();
    const families = (terms ?? WITHOUT_OPENS).families.filter((family) => !hasFamily(this.disabled, family));
    const pathIds = terms && this.opens.sent ? terms.pathIds : addPath ? ALL_FAMILIES : [];
    const { extendedNextHop } = terms ?? WITHOUT_OPENS;
    return { asnSize, families, pathIds, extendedNextHop, peerType: typeOf(ends) };
  }
}

const typeOf = ({ peerAsn, localAsn }: Omit<Ends, "local">): RoutePeer["type"] =>
  peerAsn === localAsn ? "internal" : "external";

function frameOf(message: Uint8Array): Framing {
  const framer = new Framer();
  framer.maximumLength = MAXIMUM_EXTENDED_LENGTH;
  framer.push(message);
  return framer.next();
}

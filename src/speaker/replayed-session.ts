/**
 * One session of a recording: what of it was up, how its messages are to be read, and what the RIB is told. What a recording
 * does not say is taken to be usual: the session is up as soon as an UPDATE comes over it, and without OPENs both families
 * were agreed on. An OPEN that is the last one again (each file of a journal begins with them) begins nothing new.
 */
import type { DecodeContext } from "../bgp/attributes.ts";
import { errorName, type Fault } from "../bgp/error.ts";
import { Framer, type Framing, MAXIMUM_EXTENDED_LENGTH } from "../bgp/framer.ts";
import { AFI, MESSAGE } from "../bgp/iana.ts";
import { decodeMessage, type Message } from "../bgp/message.ts";
import { FAMILIES, formatFamily, hasFamily, IPV4_UNICAST } from "../bgp/nlri.ts";
import type { OpenMessage } from "../bgp/open.ts";
import type { UpdateMessage } from "../bgp/update.ts";
import type { DumpPeer, Ends, MessageRecord, StateRecord } from "../mrt/record.ts";
import type { Address } from "../net/address.ts";
import type { RoutePeer, RouteUpdate } from "../rib/route.ts";
import { termsOf } from "./agreement.ts";
import { type FaultCounts, noFaults } from "./neighbor.ts";

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

export class ReplayedSession {
  private readonly address: Address;
  private readonly onUpdate: (update: RouteUpdate) => void;
  private asn = 0;
  /** While it is up. */
  private peer: RoutePeer | undefined;
  private opens: { sent?: Opened; received?: Opened } = {};
  private disabled: DecodeContext["families"] = [];
  private readonly counts = { updates: 0, announced: 0, withdrawn: 0, losses: 0 };
  private readonly updateFaults = noFaults();

  constructor(address: Address, onUpdate: (update: RouteUpdate) => void) {
    this.address = address;
    this.onUpdate = onUpdate;
  }

  summary(): ReplayedPeer {
    const { address, asn, counts, updateFaults } = this;
    return { address, asn, up: this.peer !== undefined, ...counts, updateFaults };
  }

  changeState(record: StateRecord): void {
    if (record.to === "Established") this.up(record);
    else this.down(record.reason ?? `${record.from} to ${record.to}`);
  }

  message(record: MessageRecord): void {
    const framing = frameOf(record.message);
    if (record.direction === "sent" && framing.kind !== "message") return;
    if (framing.kind === "error") this.down(errorName(framing.error));
    if (framing.kind !== "message" || (record.direction === "sent" && framing.type !== MESSAGE.open)) return;
    const decoded = decodeMessage(framing.type, framing.body, this.contextOf(record, record));
    if ("error" in decoded) {
      if (record.direction === "received") this.fail(decoded.faults, errorName(decoded.error));
    } else if (decoded.message.kind === "open") this.open(record, decoded.message);
    else this.heard(record, decoded.message, decoded.faults);
  }

  /** An UPDATE out of a table: the peer was up when that was written. */
  tableUpdate({ asn, routerId }: DumpPeer, localAsn: number, body: Uint8Array, addPath: boolean): void {
    const ends = { peer: this.address, peerAsn: asn, localAsn };
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
    if (direction === "received" && !isAgain) this.down("a new OPEN");
    this.opens[direction] = { open, bytes: Uint8Array.from(message) };
  }

  private heard(ends: Omit<Ends, "local">, message: Message, faults: readonly Fault[]): void {
    if (message.kind === "notification") this.down(`received ${errorName(message.error)}`);
    if (message.kind !== "update") return;
    const peer = this.up(ends);
    this.count(faults);
    this.counts.updates++;
    this.disabled = [...this.disabled, ...(message.disabled ?? [])];
    for (const update of routeUpdates(peer, message)) {
      if (update.kind === "update") {
        this.counts.announced += update.announced.length;
        this.counts.withdrawn += update.withdrawn.length;
      }
      this.onUpdate(update);
    }
  }

  private up({ peerAsn, localAsn }: Omit<Ends, "local">, routerId = this.opens.received?.open.routerId ?? 0): RoutePeer {
    this.asn = peerAsn;
    this.peer ??= { address: this.address, asn: peerAsn, routerId, type: typeOf(peerAsn, localAsn) };
    return this.peer;
  }

  private fail(faults: readonly Fault[], reason: string): void {
    this.count(faults);
    this.down(reason);
  }

  private down(reason: string): void {
    const { peer } = this;
    if (!peer) return;
    this.peer = undefined;
    this.disabled = [];
    this.counts.losses++;
    this.onUpdate({ kind: "lost", peer, reason });
  }

  private count(faults: readonly Fault[]): void {
    for (const { consequence } of faults) this.updateFaults[consequence]++;
  }

  private contextOf(
    { peerAsn, localAsn }: Omit<Ends, "local">,
    { asnSize, addPath }: Pick<MessageRecord, "asnSize" | "addPath">,
  ): DecodeContext {
    const { sent, received } = this.opens;
    // Of an OPEN that was not recorded we believe that it offered what the other one did.
    const terms = received && termsOf((sent ?? received).open.capabilities, received.open.capabilities);
    const families = (terms?.families ?? ALL_FAMILIES).filter((family) => !hasFamily(this.disabled, family));
    const pathIds = terms && sent ? terms.pathIds : addPath ? ALL_FAMILIES : [];
    const extendedNextHop = terms?.extendedNextHop ?? [IPV4_UNICAST];
    return { asnSize, families, pathIds, extendedNextHop, peerType: typeOf(peerAsn, localAsn) };
  }
}

const typeOf = (peerAsn: number, localAsn: number): RoutePeer["type"] => (peerAsn === localAsn ? "internal" : "external");

/** In order; a peer that restarts gracefully is lost like any other here, since what the router made of it is not recorded. */
function routeUpdates(peer: RoutePeer, { withdrawn, announcements, disabled = [] }: UpdateMessage): RouteUpdate[] {
  const updates: RouteUpdate[] = announcements.map(({ prefixes: announced, attributes }, index) => ({
    kind: "update",
    peer,
    withdrawn: index === 0 ? withdrawn : [],
    announced,
    attributes,
  }));
  if (withdrawn.length > 0 && announcements.length === 0) updates.push({ kind: "update", peer, withdrawn, announced: [] });
  for (const one of disabled) {
    const family = one.afi === AFI.ipv4 ? "ipv4" : "ipv6";
    updates.push({ kind: "lost", peer, family, reason: `${formatFamily(one)} is disabled` });
  }
  return updates;
}

function frameOf(message: Uint8Array): Framing {
  const framer = new Framer();
  framer.maximumLength = MAXIMUM_EXTENDED_LENGTH;
  framer.push(message);
  return framer.next();
}

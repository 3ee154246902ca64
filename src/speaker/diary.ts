/**
 * What one session tells the journal: its messages, whole, and its changes of state, with whose they are. A session whose
 * speaker keeps no journal has none of this.
 */
import type { AsnSize } from "../bgp/as-path.ts";
import type { DecodeContext } from "../bgp/attributes.ts";
import { joinBytes, uint16 } from "../bgp/bytes.ts";
import { HEADER_LENGTH, MARKER_LENGTH } from "../bgp/framer.ts";
import { MESSAGE } from "../bgp/iana.ts";
import type { Ends, MessageRecord, SessionRecord, SessionState } from "../mrt/record.ts";
import { type Address, isIpv4 } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import type { Effect } from "./fsm-state.ts";
import type { LocalSide } from "./offer.ts";

const MARKER = new Uint8Array(MARKER_LENGTH).fill(0xff);
/** RFC 7607: nobody's. */
const UNKNOWN_ASN = 0;
const UNKNOWN_IPV6 = "0".repeat(32);

export class Diary {
  private ends: Omit<Ends, "local">;
  private readonly clock: Clock;
  private readonly write: (record: SessionRecord) => void;
  private state: SessionState = "Idle";
  private local: Address;

  constructor(peer: Address, { localAsn, remoteAsn }: LocalSide, clock: Clock, write: (record: SessionRecord) => void) {
    this.ends = { peer, peerAsn: typeof remoteAsn === "number" ? remoteAsn : UNKNOWN_ASN, localAsn };
    this.clock = clock;
    this.write = write;
    this.local = isIpv4(peer) ? 0 : UNKNOWN_IPV6;
  }

  /** The peer has said which AS it is of. */
  met(peerAsn: number): void {
    this.ends = { ...this.ends, peerAsn };
  }

  /** `local`: our address on the connection it came by. */
  heard(type: number, body: Uint8Array, { asnSize, pathIds = [] }: DecodeContext, local: Address | undefined): void {
    if (local !== undefined) this.local = local;
    const message = joinBytes(MARKER, uint16(HEADER_LENGTH + body.length), [type], body);
    this.message("received", message, asnSize, pathIds.length > 0);
  }

  said(messages: readonly Uint8Array[], asnSize: AsnSize): void {
    for (const message of messages) this.message("sent", message, asnSize, false);
  }

  /** The effects tell why it ended, if it did. */
  became(state: SessionState, effects: readonly Effect[]): void {
    if (state === this.state) return;
    const from = this.state;
    this.state = state;
    const end = effects.find((effect) => effect.kind === "ended");
    this.write({ kind: "state", ...this.begun(), from, to: state, ...(end && { reason: end.reason }) });
  }

  private message(direction: MessageRecord["direction"], message: Uint8Array, asnSize: AsnSize, pathIds: boolean): void {
    // Only there does anything depend on what was agreed on.
    const isUpdate = message[HEADER_LENGTH - 1] === MESSAGE.update;
    const form = isUpdate ? { asnSize, addPath: pathIds } : ({ asnSize: 4, addPath: false } as const);
    this.write({ kind: "message", ...this.begun(), direction, ...form, message });
  }

  private begun() {
    return { atMicroseconds: this.clock.unixMicroseconds(), ...this.ends, local: this.local };
  }
}

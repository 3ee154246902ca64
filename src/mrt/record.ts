/**
 * What a recording of BGP is made of, as values: what was said on a session, how its state changed, and tables as some
 * collector held them. The forms on disk are MRT (RFC 6396, RFC 8050: `encode.ts`, `decode.ts`) and JSON lines
 * (`json-line.ts`); the journal writes the first two kinds, the replay reads all of them.
 */
import type { Address, Ipv4Address } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";

/** RFC 4271 8.2.2, in the order of RFC 6396 4.4.1: the first is number 1. */
export const SESSION_STATES = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** Whose session it is. */
export interface Ends {
  readonly peer: Address;
  readonly peerAsn: number;
  /** Of the peer's family; all zeros where it is not known. */
  readonly local: Address;
  readonly localAsn: number;
}

export interface MessageRecord extends Ends {
  readonly kind: "message";
  readonly atMicroseconds: number;
  readonly direction: "received" | "sent";
  /** How AS_PATH in it is written. */
  readonly asnSize: 2 | 4;
  /** Whether prefixes in it have a path identifier in front (RFC 7911). */
  readonly addPath: boolean;
  /** The header included. */
  readonly message: Uint8Array;
}

export interface StateRecord extends Ends {
  readonly kind: "state";
  readonly atMicroseconds: number;
  readonly from: SessionState;
  readonly to: SessionState;
  /** Why it went down; JSON lines only. */
  readonly reason?: string;
}

export type SessionRecord = MessageRecord | StateRecord;

export interface DumpPeer {
  readonly routerId: Ipv4Address;
  readonly address: Address;
  readonly asn: number;
}

/** Comes first in a table: the others name peers by their place in it. */
export interface PeerTableRecord {
  readonly kind: "peers";
  readonly collectorId: Ipv4Address;
  readonly peers: readonly DumpPeer[];
}

export interface DumpEntry {
  readonly peerIndex: number;
  readonly originatedSeconds: number;
  readonly pathId?: number;
  /** AS numbers of four octets; MP_REACH_NLRI, if there, has only the next hop (RFC 6396 4.3.4), or is whole. */
  readonly attributes: Uint8Array;
}

/** All that the collector knew of one prefix. */
export interface TableRecord {
  readonly kind: "table";
  readonly prefix: Prefix;
  readonly entries: readonly DumpEntry[];
}

/** A record of a kind that says nothing to us. */
export interface OtherRecord {
  readonly kind: "other";
  readonly type: number;
  readonly subtype: number;
}

export type RecordingRecord = SessionRecord | PeerTableRecord | TableRecord | OtherRecord;

/** Lengths are believed up to here; the longest that collectors write have some hundred kilobytes. */
export const MAXIMUM_RECORD_BYTES = 16 * 1024 * 1024;

/** Code points: https://www.iana.org/assignments/mrt. */
export const MRT_TYPE = {
  // OSPFv2: 11
  // TABLE_DUMP: 12, deprecated in favor of the next
  tableDumpV2: 13,
  bgp4mp: 16,
  bgp4mpEt: 17, // with microseconds
  // IS-IS: 32, 33; OSPFv3: 48, 49
} as const;

export const BGP4MP = { stateChange: 0, stateChangeAs4: 5 } as const;

export interface MessageForm extends Pick<MessageRecord, "direction" | "asnSize" | "addPath"> {
  readonly subtype: number;
}

/** The other subtypes of BGP4MP: what the bytes of a message mean (RFC 6396 4.4, RFC 8050). */
export const MESSAGE_FORMS: readonly MessageForm[] = [
  { subtype: 1, direction: "received", asnSize: 2, addPath: false },
  { subtype: 4, direction: "received", asnSize: 4, addPath: false },
  { subtype: 6, direction: "sent", asnSize: 2, addPath: false },
  { subtype: 7, direction: "sent", asnSize: 4, addPath: false },
  { subtype: 8, direction: "received", asnSize: 2, addPath: true },
  { subtype: 9, direction: "received", asnSize: 4, addPath: true },
  { subtype: 10, direction: "sent", asnSize: 2, addPath: true },
  { subtype: 11, direction: "sent", asnSize: 4, addPath: true },
];

export const TABLE_DUMP_V2 = {
  peerIndexTable: 1,
  ipv4Unicast: 2,
  // multicast: 3, 5; generic: 6
  ipv6Unicast: 4,
  ipv4UnicastAddPath: 8, // RFC 8050, as the next
  ipv6UnicastAddPath: 10,
} as const;

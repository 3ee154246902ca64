/**
 * One MRT record from its bytes (RFC 6396, RFC 8050): BGP4MP and BGP4MP_ET, and TABLE_DUMP_V2 of the unicast families. What
 * is malformed is said in words; nothing here throws, and nothing is kept but views of the bytes and what they count.
 */
import { read16, read32 } from "../bgp/bytes.ts";
import { AFI } from "../bgp/iana.ts";
import { readIpv4, readIpv6 } from "../net/address.ts";
import { makePrefix, type Prefix } from "../net/prefix.ts";
import { Cursor } from "./cursor.ts";
import {
  BGP4MP,
  type DumpEntry,
  type DumpPeer,
  type Ends,
  MESSAGE_FORMS,
  MRT_TYPE,
  type PeerTableRecord,
  type RecordingRecord,
  SESSION_STATES,
  type SessionState,
  TABLE_DUMP_V2,
} from "./record.ts";

/** timestamp (4) | type (2) | subtype (2) | length of what follows (4) */
export const MRT_HEADER_BYTES = 12;

export const bodyLength = (header: Uint8Array): number => read32(header, 8);

/** `bytes`: a header and its whole body. Text says what is wrong with it. */
export function decodeRecord(bytes: Uint8Array): RecordingRecord | string {
  const [seconds, type, subtype] = [read32(bytes, 0), read16(bytes, 4), read16(bytes, 6)];
  const body = new Cursor(bytes.subarray(MRT_HEADER_BYTES));
  switch (type) {
    case MRT_TYPE.bgp4mp:
      return decodeSession(seconds * 1_000_000, subtype, body);
    case MRT_TYPE.bgp4mpEt:
      return decodeSession(seconds * 1_000_000 + body.uint32(), subtype, body);
    case MRT_TYPE.tableDumpV2:
      return decodeTable(subtype, body);
    default:
      return { kind: "other", type, subtype };
  }
}

function decodeSession(atMicroseconds: number, subtype: number, body: Cursor): RecordingRecord | string {
  const form = MESSAGE_FORMS.find((one) => one.subtype === subtype);
  if (form) {
    const ends = readEnds(body, form.asnSize);
    if (typeof ends === "string") return ends;
    const { direction, asnSize, addPath } = form;
    return { kind: "message", atMicroseconds, ...ends, direction, asnSize, addPath, message: body.rest() };
  }
  if (subtype !== BGP4MP.stateChange && subtype !== BGP4MP.stateChangeAs4)
    return { kind: "other", type: MRT_TYPE.bgp4mp, subtype };
  const ends = readEnds(body, subtype === BGP4MP.stateChangeAs4 ? 4 : 2);
  if (typeof ends === "string") return ends;
  const [from, to] = [body.uint16(), body.uint16()];
  if (body.failed) return "ends inside a state change";
  return { kind: "state", atMicroseconds, ...ends, from: stateOf(from), to: stateOf(to) };
}

/** Beyond the six there are speakers' own, of sessions that are not yet or no more (FRR: 7 Clearing, 8 Deleted). */
const stateOf = (number: number): SessionState => SESSION_STATES[number - 1] ?? "Idle";

function readEnds(body: Cursor, asnSize: 2 | 4): Ends | string {
  const asn = (): number => (asnSize === 4 ? body.uint32() : body.uint16());
  const [peerAsn, localAsn] = [asn(), asn()];
  body.uint16();
  const afi = body.uint16();
  if (!body.failed && afi !== AFI.ipv4 && afi !== AFI.ipv6) return `has addresses of AFI ${afi}`;
  const [peer, local] = [body.address(afi === AFI.ipv6), body.address(afi === AFI.ipv6)];
  return body.failed ? "ends inside its addresses" : { peer, peerAsn, local, localAsn };
}

function decodeTable(subtype: number, body: Cursor): RecordingRecord | string {
  switch (subtype) {
    case TABLE_DUMP_V2.peerIndexTable:
      return decodePeers(body);
    case TABLE_DUMP_V2.ipv4Unicast:
      return decodeEntries(body, 32, false);
    case TABLE_DUMP_V2.ipv6Unicast:
      return decodeEntries(body, 128, false);
    case TABLE_DUMP_V2.ipv4UnicastAddPath:
      return decodeEntries(body, 32, true);
    case TABLE_DUMP_V2.ipv6UnicastAddPath:
      return decodeEntries(body, 128, true);
    default:
      return { kind: "other", type: MRT_TYPE.tableDumpV2, subtype };
  }
}

const PEER_IS_IPV6 = 1;
const PEER_HAS_AS4 = 2;

function decodePeers(body: Cursor): PeerTableRecord | string {
  const collectorId = body.uint32();
  body.bytes(body.uint16());
  const count = body.uint16();
  const peers: DumpPeer[] = [];
  for (let i = 0; i < count && !body.failed; i++) {
    const type = body.uint8();
    const routerId = body.uint32();
    const address = body.address((type & PEER_IS_IPV6) !== 0);
    peers.push({ routerId, address, asn: type & PEER_HAS_AS4 ? body.uint32() : body.uint16() });
  }
  return body.failed ? `ends inside its table of ${count} peers` : { kind: "peers", collectorId, peers };
}

function decodeEntries(body: Cursor, addressBits: 32 | 128, addPath: boolean): RecordingRecord | string {
  body.uint32();
  const prefix = readPrefix(body, addressBits);
  if (typeof prefix === "string") return prefix;
  const count = body.uint16();
  const entries: DumpEntry[] = [];
  for (let i = 0; i < count && !body.failed; i++) {
    const [peerIndex, originatedSeconds] = [body.uint16(), body.uint32()];
    const pathId = addPath ? { pathId: body.uint32() } : {};
    entries.push({ peerIndex, originatedSeconds, ...pathId, attributes: body.bytes(body.uint16()) });
  }
  return body.failed ? `ends inside its ${count} entries` : { kind: "table", prefix, entries };
}

function readPrefix(body: Cursor, addressBits: 32 | 128): Prefix | string {
  const length = body.uint8();
  if (length > addressBits) return `has a prefix of length ${length}, at most ${addressBits} wanted`;
  const padded = new Uint8Array(addressBits / 8);
  padded.set(body.bytes((length + 7) >>> 3));
  if (body.failed) return "ends inside its prefix";
  const address = addressBits === 32 ? readIpv4(padded, 0) : readIpv6(padded, 0);
  return makePrefix(address, length);
}

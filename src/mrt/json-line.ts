/**
 * A session's records as JSON lines, for people and scripts: the same facts as MRT, and the reason of a loss besides. What
 * other hands may have written is checked field by field.
 *
 *   {"time":"2026-11-21T05:00:00.000001Z","peer":"10.0.0.2","peerAsn":65001,"local":"10.0.0.1","localAsn":64512,
 *    "kind":"message","direction":"received","type":"UPDATE","asnSize":4,"message":"ffff..."}
 *   {..., "kind":"state","from":"OpenConfirm","to":"Established"}
 */
import { formatHex } from "../bgp/bytes.ts";
import { HEADER_LENGTH, MAXIMUM_EXTENDED_LENGTH } from "../bgp/framer.ts";
import { MESSAGE } from "../bgp/iana.ts";
import { formatAddress, parseAddress } from "../net/address.ts";
import { formatTimestamp, parseTimestamp } from "../net/clock.ts";
import { type Ends, SESSION_STATES, type SessionRecord, type SessionState } from "./record.ts";

export function formatRecord(record: SessionRecord): string {
  const { atMicroseconds, peer, peerAsn, local, localAsn } = record;
  const ends = { peer: formatAddress(peer), peerAsn, local: formatAddress(local), localAsn };
  return JSON.stringify({ time: formatTimestamp(atMicroseconds), ...ends, ...formatDetails(record) });
}

function formatDetails(record: SessionRecord) {
  if (record.kind === "state") {
    const { kind, from, to, reason } = record;
    return { kind, from, to, ...(reason !== undefined && { reason }) };
  }
  const { kind, direction, asnSize, addPath, message } = record;
  return { kind, direction, type: typeName(message), asnSize, ...(addPath && { addPath }), message: formatHex(message) };
}

/** For the eye: the message says it itself. */
function typeName(message: Uint8Array): string {
  const type = message[HEADER_LENGTH - 1];
  return Object.entries(MESSAGE).find(([, number]) => number === type)?.[0] ?? `type ${type}`;
}

type Fields = Readonly<Record<string, unknown>>;

/** Text says what is wrong with "a record that": field, value, wanted. */
export function parseRecord(line: string): SessionRecord | string {
  let fields: Fields;
  try {
    fields = JSON.parse(line);
  } catch {
    return "is no JSON";
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return "is no JSON object";
  const atMicroseconds = parseTimestamp(String(fields.time));
  if (atMicroseconds === undefined) return wanted(fields, "time", "a time such as 2026-11-21T05:00:00.000001Z");
  const ends = parseEnds(fields);
  if (typeof ends === "string") return ends;
  if (fields.kind === "state") return parseState(fields, { atMicroseconds, ...ends });
  if (fields.kind === "message") return parseMessage(fields, { atMicroseconds, ...ends });
  return wanted(fields, "kind", "message or state");
}

function wanted(fields: Fields, name: string, what: string): string {
  const value = JSON.stringify(fields[name])?.slice(0, 80);
  return value === undefined ? `has no ${name}, wanted ${what}` : `has the ${name} ${value}, wanted ${what}`;
}

const isAsn = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffffffff;

function parseEnds(fields: Fields): Ends | string {
  const [peer, local] = [parseAddress(String(fields.peer)), parseAddress(String(fields.local))];
  const { peerAsn, localAsn } = fields;
  if (peer === undefined) return wanted(fields, "peer", "an IP address");
  if (local === undefined || typeof local !== typeof peer) return wanted(fields, "local", "an IP address of the peer's family");
  if (!isAsn(peerAsn)) return wanted(fields, "peerAsn", "an AS number");
  if (!isAsn(localAsn)) return wanted(fields, "localAsn", "an AS number");
  return { peer, peerAsn, local, localAsn };
}

type Begun = Ends & { readonly atMicroseconds: number };

function parseState(fields: Fields, begun: Begun): SessionRecord | string {
  const { from, to, reason } = fields;
  const isState = (value: unknown): value is SessionState => SESSION_STATES.some((state) => state === value);
  if (!isState(from)) return wanted(fields, "from", `one of ${SESSION_STATES.join(", ")}`);
  if (!isState(to)) return wanted(fields, "to", `one of ${SESSION_STATES.join(", ")}`);
  return { kind: "state", ...begun, from, to, ...(typeof reason === "string" && { reason }) };
}

function parseMessage(fields: Fields, begun: Begun): SessionRecord | string {
  const { direction, asnSize, addPath = false, message } = fields;
  if (direction !== "received" && direction !== "sent") return wanted(fields, "direction", "received or sent");
  if (asnSize !== 2 && asnSize !== 4) return wanted(fields, "asnSize", "2 or 4");
  if (typeof addPath !== "boolean") return wanted(fields, "addPath", "true or false");
  if (typeof message !== "string" || message.length > 2 * MAXIMUM_EXTENDED_LENGTH || !/^([0-9a-f]{2})*$/.test(message))
    return wanted(fields, "message", `the bytes of a message in hex, at most ${MAXIMUM_EXTENDED_LENGTH}`);
  const bytes = Uint8Array.from(message.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return { kind: "message", ...begun, direction, asnSize, addPath, message: bytes };
}

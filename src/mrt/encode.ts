/**
 * A session's records as MRT: BGP4MP_ET (RFC 6396 sections 3 and 4.4). The journal calls it.
 *
 *   timestamp (4) | type (2) | subtype (2) | length of the rest (4) | microseconds (4)
 *   peer AS (2, 4) | local AS (2, 4) | interface (2) | AFI (2) | peer (4, 16) | local (4, 16)
 *   the message, or:  old state (2) | new state (2)
 */
import { twoOctets } from "../bgp/as-path.ts";
import { joinBytes, uint16, uint32 } from "../bgp/bytes.ts";
import { AFI } from "../bgp/iana.ts";
import { addressToBytes, isIpv4 } from "../net/address.ts";
import {
  BGP4MP,
  MESSAGE_FORMS,
  type MessageForm,
  type MessageRecord,
  MRT_TYPE,
  SESSION_STATES,
  type SessionRecord,
  type StateRecord,
} from "./record.ts";

export function encodeRecord(record: SessionRecord): Uint8Array {
  const { peer, local, atMicroseconds } = record;
  const [subtype, rest] = record.kind === "message" ? [messageSubtype(record), record.message] : stateChange(record);
  // The subtype speaks of the numbers in the message, and of those in front of it too.
  const asn = record.kind === "message" && record.asnSize === 2 ? (number: number) => uint16(twoOctets(number)) : uint32;
  const body = joinBytes(
    uint32(atMicroseconds % 1_000_000),
    asn(record.peerAsn),
    asn(record.localAsn),
    uint16(0),
    uint16(isIpv4(peer) ? AFI.ipv4 : AFI.ipv6),
    addressToBytes(peer),
    addressToBytes(local),
    rest,
  );
  const seconds = Math.floor(atMicroseconds / 1_000_000);
  return joinBytes(uint32(seconds), uint16(MRT_TYPE.bgp4mpEt), uint16(subtype), uint32(body.length), body);
}

const stateChange = ({ from, to }: StateRecord): [number, number[]] => [
  BGP4MP.stateChangeAs4,
  [from, to].flatMap((state) => uint16(SESSION_STATES.indexOf(state) + 1)),
];

function messageSubtype({ asnSize, addPath, direction }: MessageRecord): number {
  const form = MESSAGE_FORMS.find(
    (one) => one.asnSize === asnSize && one.addPath === addPath && one.direction === direction,
  ) as MessageForm;
  return form.subtype;
}

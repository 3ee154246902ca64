/** Records of sessions at random, for both forms on disk. */
import fc from "fast-check";
import { type Ends, MESSAGE_FORMS, SESSION_STATES, type SessionRecord } from "#src/mrt/record.ts";
import { hex, MARKER } from "../bgp/hex.ts";

const asn = fc.integer({ min: 0, max: 0xffffffff });
const ipv4 = fc.integer({ min: 0, max: 0xffffffff });
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex"));

const ends: fc.Arbitrary<Ends> = fc.oneof(
  fc.record({ peer: ipv4, peerAsn: asn, local: ipv4, localAsn: asn }),
  fc.record({ peer: ipv6, peerAsn: asn, local: ipv6, localAsn: asn }),
);

/** From 1970 to 2106: all that MRT can write. */
const atMicroseconds = fc.tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.nat(999_999)).map(([s, us]) => s * 1e6 + us);

const message = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.uint8Array({ maxLength: 200 }))
  .map(([type, body]) => Uint8Array.of(...hex(MARKER), (19 + body.length) >> 8, (19 + body.length) & 255, type, ...body));

const state = fc.constantFrom(...SESSION_STATES);

export const sessionRecord: fc.Arbitrary<SessionRecord> = fc.oneof(
  fc
    .tuple(ends, atMicroseconds, fc.constantFrom(...MESSAGE_FORMS), message)
    .map(([who, at, { direction, asnSize, addPath }, bytes]): SessionRecord => {
      // Two octets hold no more.
      const short = asnSize === 2 ? { peerAsn: who.peerAsn & 0xffff, localAsn: who.localAsn & 0xffff } : {};
      return { kind: "message", atMicroseconds: at, ...who, ...short, direction, asnSize, addPath, message: bytes };
    }),
  fc
    .tuple(ends, atMicroseconds, state, state)
    .map(([who, at, from, to]): SessionRecord => ({ kind: "state", atMicroseconds: at, ...who, from, to })),
);

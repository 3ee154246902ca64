/**
 * Attributes that we carry without acting on them, but whose form decides what becomes of the route: a malformed one did
 * damage in routers that knew it only a little, so each says what its own RFC wants then. They are rows of the same table
 * as `attributes.ts`; one that gets a meaning for us moves there.
 */
import type { AttributeRow } from "./attributes.ts";
import { read16 } from "./bytes.ts";
import { ATTRIBUTE, ATTRIBUTE_FLAG } from "./iana.ts";

/** How a list of type, length and value is written: bytes of the type, bytes of the length, and whether that counts all three. */
interface ListForm {
  readonly typeBytes: 1 | 2;
  lengthBytes(type: number): 1 | 2;
  readonly lengthCountsHeader?: true;
}

type Inside = (type: number, value: Uint8Array) => string | undefined;

/** In words what is wrong with the list, or `inside` one of its values. */
function listFault(
  bytes: Uint8Array,
  { typeBytes, lengthBytes, lengthCountsHeader }: ListForm,
  inside: Inside = () => undefined,
) {
  if (bytes.length === 0) return "has 0 bytes";
  for (let offset = 0; offset < bytes.length; ) {
    const type = typeBytes === 2 ? read16(bytes, offset) : bytes[offset];
    const lengthAt = offset + typeBytes;
    const start = lengthAt + lengthBytes(type);
    if (start > bytes.length) return "ends inside the header of a TLV";
    const length = lengthBytes(type) === 2 ? read16(bytes, lengthAt) : bytes[lengthAt];
    const end = lengthCountsHeader ? offset + length : start + length;
    if (end < start || end > bytes.length)
      return `has a TLV of type ${type} and length ${length}, ${bytes.length - start} bytes left`;
    const fault = inside(type, bytes.subarray(start, end));
    if (fault !== undefined) return fault;
    offset = end;
  }
  return undefined;
}

const two = () => 2 as const;
const BYTE_AND_TWO: ListForm = { typeBytes: 1, lengthBytes: two };
const TWO_AND_TWO: ListForm = { typeBytes: 2, lengthBytes: two };
/** RFC 9012 section 2: sub-TLVs from type 128 have two bytes of length. */
const SUB_TLV: ListForm = { typeBytes: 1, lengthBytes: (type) => (type < 128 ? 1 : 2) };

const AIGP_TLV = { type: 1, valueLength: 8 };

const carried = (
  row: Pick<AttributeRow, "name" | "type" | "flags" | "malformed">,
  fault: (value: Uint8Array) => string | undefined,
): AttributeRow => ({
  ...row,
  decode: (value, _, draft) => {
    const what = fault(value);
    // What is not transitive ends with us.
    if (what !== undefined || (row.flags & ATTRIBUTE_FLAG.transitive) === 0) return what;
    const kept = { type: row.type, flags: row.flags | ATTRIBUTE_FLAG.partial, value: Uint8Array.from(value) };
    draft.path.unrecognized = [...(draft.path.unrecognized ?? []), kept];
    return undefined;
  },
  encode: () => undefined,
});

const OPTIONAL = ATTRIBUTE_FLAG.optional;
const OPTIONAL_TRANSITIVE = ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive;

export const CARRIED_ATTRIBUTES: readonly AttributeRow[] = [
  carried(
    // RFC 9012 section 13
    { name: "TUNNEL_ENCAP", type: ATTRIBUTE.tunnelEncapsulation, flags: OPTIONAL_TRANSITIVE, malformed: "treat-as-withdraw" },
    (value) => listFault(value, TWO_AND_TWO, (_, tunnel) => (tunnel.length > 0 ? listFault(tunnel, SUB_TLV) : undefined)),
  ),
  carried(
    // RFC 5701, RFC 7606 7.15
    {
      name: "IPV6_EXTENDED_COMMUNITIES",
      type: ATTRIBUTE.ipv6ExtendedCommunities,
      flags: OPTIONAL_TRANSITIVE,
      malformed: "treat-as-withdraw",
    },
    (value) => (value.length > 0 && value.length % 20 === 0 ? undefined : `has ${value.length} bytes, a multiple of 20 wanted`),
  ),
  carried(
    // RFC 7311 section 3
    { name: "AIGP", type: ATTRIBUTE.accumulatedIgpMetric, flags: OPTIONAL, malformed: "discard" },
    (value) =>
      listFault(value, { ...BYTE_AND_TWO, lengthCountsHeader: true }, (type, metric) =>
        type === AIGP_TLV.type && metric.length !== AIGP_TLV.valueLength
          ? `has a metric of ${metric.length} bytes, ${AIGP_TLV.valueLength} wanted`
          : undefined,
      ),
  ),
  carried(
    // RFC 9552 8.2.2
    { name: "BGP_LS", type: ATTRIBUTE.linkState, flags: OPTIONAL, malformed: "discard" },
    (value) => listFault(value, TWO_AND_TWO),
  ),
  carried(
    // RFC 8669 section 6
    { name: "PREFIX_SID", type: ATTRIBUTE.prefixSid, flags: OPTIONAL_TRANSITIVE, malformed: "discard" },
    (value) => listFault(value, BYTE_AND_TWO),
  ),
];

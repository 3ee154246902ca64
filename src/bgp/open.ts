/**
 * OPEN (RFC 4271 4.2): who the peer is and what it can do. Whether that suits us is for the speaker to judge; here only the
 * form is.
 *
 *   version (1) | my AS (2) | hold time (2) | BGP identifier (4) | length of parameters (1) | parameters
 *   parameter:  type (1) | length (1) | value; with RFC 9072's extended form both lengths have two bytes
 */
import { type Ipv4Address, readIpv4 } from "../net/address.ts";
import { twoOctets } from "./as-path.ts";
import { joinBytes, read16, uint16, uint32 } from "./bytes.ts";
import { type Capability, decodeCapabilities, encodeCapability, findCapability } from "./capabilities.ts";
import { bgpError, type Decoded } from "./error.ts";
import { ERROR, OPEN_ERROR, OPEN_PARAMETER } from "./iana.ts";

export const BGP_VERSION = 4;

export interface OpenMessage {
  readonly kind: "open";
  /** The number that counts: the one of the four-octet capability where there is one. In bytes, AS_TRANS may stand for it. */
  readonly asn: number;
  readonly holdTimeSeconds: number;
  readonly routerId: Ipv4Address;
  readonly capabilities: readonly Capability[];
}

const FIXED_LENGTH = 10;
const EXTENDED_FIXED_LENGTH = 13;

const openError = (subcode: number, data: readonly number[] = []): { error: ReturnType<typeof bgpError> } => ({
  error: bgpError(ERROR.openMessage, subcode, data),
});

export function decodeOpen(body: Uint8Array): Decoded<OpenMessage> {
  if (body.length < FIXED_LENGTH) return openError(OPEN_ERROR.unspecific);
  if (body[0] !== BGP_VERSION) return openError(OPEN_ERROR.unsupportedVersion, uint16(BGP_VERSION));
  const capabilities = decodeParameters(body);
  if ("error" in capabilities) return capabilities;
  const fourOctetAs = findCapability(capabilities.value, "four-octet-as");
  return {
    value: {
      kind: "open",
      asn: fourOctetAs?.asn ?? read16(body, 1),
      holdTimeSeconds: read16(body, 3),
      routerId: readIpv4(body, 5),
      capabilities: capabilities.value,
    },
  };
}

function decodeParameters(body: Uint8Array): Decoded<Capability[]> {
  const extended = body.length >= EXTENDED_FIXED_LENGTH && body[9] !== 0 && body[10] === OPEN_PARAMETER.extendedLength;
  const start = extended ? EXTENDED_FIXED_LENGTH : FIXED_LENGTH;
  if (body.length - start !== (extended ? read16(body, 11) : body[9])) return openError(OPEN_ERROR.unspecific);
  const headerLength = extended ? 3 : 2;
  const capabilities: Capability[] = [];
  for (let offset = start; offset < body.length; ) {
    const valueStart = offset + headerLength;
    if (valueStart > body.length) return openError(OPEN_ERROR.unspecific);
    const end = valueStart + (extended ? read16(body, offset + 1) : body[offset + 1]);
    if (end > body.length) return openError(OPEN_ERROR.unspecific);
    if (body[offset] !== OPEN_PARAMETER.capabilities) return openError(OPEN_ERROR.unsupportedParameter);
    const some = decodeCapabilities(body.subarray(valueStart, end));
    if (!some) return openError(OPEN_ERROR.unspecific);
    capabilities.push(...some);
    offset = end;
  }
  return { value: capabilities };
}

/** All capabilities in one parameter: MetalLB's native speaker reads no other form. */
export function encodeOpen(open: OpenMessage): Uint8Array {
  const capabilities = joinBytes(...open.capabilities.map(encodeCapability));
  const parameters = capabilities.length > 0 ? [OPEN_PARAMETER.capabilities, capabilities.length, ...capabilities] : [];
  if (parameters.length > 255)
    throw new RangeError(`Capabilities are too long: ${capabilities.length} bytes, at most 253 wanted`);
  const { asn, holdTimeSeconds, routerId } = open;
  return joinBytes(
    [BGP_VERSION, ...uint16(twoOctets(asn)), ...uint16(holdTimeSeconds), ...uint32(routerId), parameters.length],
    parameters,
  );
}

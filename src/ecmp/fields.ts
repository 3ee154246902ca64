/**
 * The fields of a packet that a hash may use, as one row of words that is filled anew for each packet: by the classifier
 * from a frame, or from a flow that a person named. A field that a packet lacks is zero (SAI: missing fields count as 0).
 */
import { addressToBytes, isIpv4, readIpv4 } from "../net/address.ts";
import type { Flow } from "../net/flow.ts";

/** Index of each word. IPv6 addresses fill four words, IPv4 addresses the first; MACs their first 16 and last 32 bits. */
export const FIELD = {
  family: 0,
  protocol: 1,
  sourcePort: 2,
  destinationPort: 3,
  source: 4,
  destination: 8,
  dscp: 12,
  flowLabel: 13,
  ethertype: 14,
  ingressPort: 15,
  sourceMac: 16,
  destinationMac: 18,
  /** Of the packet inside a tunnel; `innerFamily` is 0 where there is none. */
  innerFamily: 20,
  innerProtocol: 21,
  innerSourcePort: 22,
  innerDestinationPort: 23,
  innerSource: 24,
  innerDestination: 28,
  innerFlowLabel: 32,
  /** Of the outermost VLAN tag; 0 where the frame has none. */
  vlanId: 33,
  /** Where the classifier found the headers, from the start of the bytes: no input of a hash, but what extractors start from. */
  networkOffset: 34,
  /** 0 where there is no transport header to read: a fragment other than the first, a header cut short. */
  transportOffset: 35,
} as const;
export const FIELD_WORDS = 36;

export type Fields = Uint32Array;

export const createFields = (): Fields => new Uint32Array(FIELD_WORDS);

export function flowToFields(flow: Flow, fields: Fields): Fields {
  fields.fill(0);
  fields[FIELD.family] = isIpv4(flow.source) ? 4 : 6;
  fields[FIELD.protocol] = flow.protocol;
  fields[FIELD.sourcePort] = flow.sourcePort;
  fields[FIELD.destinationPort] = flow.destinationPort;
  const source = addressToBytes(flow.source);
  const destination = addressToBytes(flow.destination);
  for (let i = 0; i < source.length; i += 4) {
    fields[FIELD.source + i / 4] = readIpv4(source, i);
    fields[FIELD.destination + i / 4] = readIpv4(destination, i);
  }
  return fields;
}

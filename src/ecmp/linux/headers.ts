/**
 * What Linux's multipath hash may see of a packet: three readings of its headers, in one row of words that is filled anew
 * for each packet. `dissect.ts` fills it from bytes, `flowToHeaders` from a flow that a person named.
 *
 *   layer3       what policy 0 reads: the first header, or, of an ICMP error, the header that it quotes
 *   outer        the flow dissector's reading up to the first tunnel: policies 1 and 3
 *   innermost    its reading through every tunnel: policies 2 and 3. Without a tunnel the same as `outer`
 *
 * A reading is numbers in host order; ports are those of the last header read, zero where there are none.
 */
import type { Flow } from "../../net/flow.ts";
import { createFields, FIELD, type Fields, flowToFields } from "../fields.ts";

/** Words of a reading. IPv4 addresses fill the first of the four words. */
export const READING = {
  family: 0,
  protocol: 1,
  sourcePort: 2,
  destinationPort: 3,
  source: 4,
  destination: 8,
  flowLabel: 12,
  /** 1: a tunnel's header was met. */
  encapsulated: 13,
} as const;
const READING_WORDS = 14;

/** Where each reading begins. */
export const HEADERS = { layer3: 0, outer: READING_WORDS, innermost: 2 * READING_WORDS } as const;

export type Headers = Uint32Array;
export const createHeaders = (): Headers => new Uint32Array(3 * READING_WORDS);

/**
 * From the fields that the classifier knows: a packet that is no fragment and no ICMP error, with no extension headers and at
 * most one tunnel. Where what is inside has no flow label the outer one stays, as the dissector leaves it.
 */
export function fieldsToHeaders(fields: Fields, headers: Headers): Headers {
  headers.fill(0);
  for (const base of [HEADERS.layer3, HEADERS.outer, HEADERS.innermost]) {
    headers[base + READING.family] = fields[FIELD.family];
    headers[base + READING.protocol] = fields[FIELD.protocol];
    headers[base + READING.sourcePort] = fields[FIELD.sourcePort];
    headers[base + READING.destinationPort] = fields[FIELD.destinationPort];
    for (let i = 0; i < 4; i++) {
      headers[base + READING.source + i] = fields[FIELD.source + i];
      headers[base + READING.destination + i] = fields[FIELD.destination + i];
    }
    headers[base + READING.flowLabel] = fields[FIELD.flowLabel];
  }
  if (fields[FIELD.innerFamily] !== 0) fillInnermost(fields, headers);
  return headers;
}

function fillInnermost(fields: Fields, headers: Headers): void {
  const base = HEADERS.innermost;
  headers[base + READING.family] = fields[FIELD.innerFamily];
  headers[base + READING.protocol] = fields[FIELD.innerProtocol];
  headers[base + READING.sourcePort] = fields[FIELD.innerSourcePort];
  headers[base + READING.destinationPort] = fields[FIELD.innerDestinationPort];
  if (fields[FIELD.innerFlowLabel] !== 0) headers[base + READING.flowLabel] = fields[FIELD.innerFlowLabel];
  for (let i = 0; i < 4; i++) {
    headers[base + READING.source + i] = fields[FIELD.innerSource + i];
    headers[base + READING.destination + i] = fields[FIELD.innerDestination + i];
  }
  headers[base + READING.encapsulated] = 1;
  headers[HEADERS.outer + READING.encapsulated] = 1;
}

export function flowToHeaders(flow: Flow, headers: Headers, flowLabel = 0): Headers {
  const fields = flowToFields(flow, createFields());
  fields[FIELD.flowLabel] = flowLabel;
  return fieldsToHeaders(fields, headers);
}

/**
 * What a hash reads and a flow as people name it does not say: MACs, tags, labels, what is inside a tunnel. Such a field counts
 * as zero, so the answer is for packets without it; explanations, forecasts and experiments say so. A capture says all but the
 * port.
 */

import type { HashOptions } from "../ecmp/flow-hash.ts";
import { expandFieldNames, FIELD_ALIASES } from "../ecmp/key.ts";
import { DEFAULT_LINUX_FIELDS, LINUX_FIELD } from "../ecmp/linux/policy.ts";

const KNOWN: readonly string[] = FIELD_ALIASES["5-tuple"];

type Read = Pick<HashOptions, "algorithm" | "fields" | "linux">;

export function describeUnknownFields(hash: Read): string[] {
  const unknown = hash.algorithm === "linux" ? listLinux(hash.linux) : expandFieldNames(hash.fields).filter(isUnknown);
  return unknown.length === 0 ? [] : [`the hash reads ${unknown.join(", ")}, which flows do not say: counted as zero`];
}

const isUnknown = (field: string): boolean => !KNOWN.includes(field);

/** Of hashes of captured packets. What a capture's packets came in by is not in it. */
export function describeUncaptured({ algorithm, fields }: Read): string[] {
  const isRead = algorithm !== "linux" && expandFieldNames(fields).includes("ingress-port");
  return isRead ? ["the hash reads ingress-port, which a capture does not say: counted as zero"] : [];
}

const { flowLabel, innerSource, innerDestination, innerProtocol, innerFlowLabel } = LINUX_FIELD;
const { innerSourcePort, innerDestinationPort } = LINUX_FIELD;

const LINUX_NAMES: readonly (readonly [number, string])[] = [
  [flowLabel, "flow-label of IPv6"],
  [innerSource, "inner-source-address"],
  [innerDestination, "inner-destination-address"],
  [innerProtocol, "inner-protocol"],
  [innerFlowLabel, "inner-flow-label"],
  [innerSourcePort, "inner-source-port"],
  [innerDestinationPort, "inner-destination-port"],
];

/** What each policy reads beyond the 5-tuple; the protocol and the labels only over IPv6. */
function listLinux({ policy, fields = DEFAULT_LINUX_FIELDS }: NonNullable<HashOptions["linux"]> = { policy: 1 }): string[] {
  const inner = innerSource | innerDestination | innerProtocol | innerFlowLabel;
  const read = [flowLabel, 0, flowLabel | inner, fields][policy];
  return LINUX_NAMES.filter(([bit]) => (read & bit) !== 0).map(([, name]) => name);
}

/**
 * What a hash reads and a flow as people name it does not say: MACs, tags, labels, what is inside a tunnel. Such a field counts
 * as zero, so the answer is for packets without it; explanations and forecasts say so.
 */
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { expandFieldNames, FIELD_ALIASES } from "../ecmp/key.ts";

const KNOWN: readonly string[] = FIELD_ALIASES["5-tuple"];

export function describeUnknownFields({ algorithm, fields }: Pick<HashOptions, "algorithm" | "fields">): string[] {
  const unknown = algorithm === "linux" ? [] : expandFieldNames(fields).filter((field) => !KNOWN.includes(field));
  return unknown.length === 0 ? [] : [`the hash reads ${unknown.join(", ")}, which flows do not say: counted as zero`];
}

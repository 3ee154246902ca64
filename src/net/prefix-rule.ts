/**
 * One line of a prefix list, in the words that FRR and IOS have for it: "198.51.100.0/24 ge 25 le 32" means the prefixes
 * within 198.51.100.0/24 that are at least 25 and at most 32 bits long. Without `ge` and `le` it means that one prefix; with
 * `ge` alone, up to the longest; with `le` alone, from the prefix itself. The configuration reads them, import and export
 * policies match by them.
 */
import { formatPrefix, maximumLength, type Prefix, parsePrefix, prefixContains } from "./prefix.ts";

export interface PrefixRule {
  readonly prefix: Prefix;
  readonly shortest: number;
  readonly longest: number;
}

/** The rule that `text` writes, or undefined: prefix length <= ge <= le <= the longest of the family is wanted. */
export function parsePrefixRule(text: string): PrefixRule | undefined {
  const parts = /^(\S+?)(?: +ge +(\d{1,3}))?(?: +le +(\d{1,3}))?$/.exec(text.trim());
  const prefix = parts ? parsePrefix(parts[1]) : undefined;
  if (!parts || !prefix) return undefined;
  const [, , ge, le] = parts;
  const shortest = ge === undefined ? prefix.length : Number(ge);
  const ofOne = ge === undefined ? prefix.length : maximumLength(prefix.address);
  const longest = le === undefined ? ofOne : Number(le);
  const isOrdered = prefix.length <= shortest && shortest <= longest && longest <= maximumLength(prefix.address);
  return isOrdered ? { prefix, shortest, longest } : undefined;
}

export function formatPrefixRule({ prefix, shortest, longest }: PrefixRule): string {
  const ge = shortest === prefix.length ? "" : ` ge ${shortest}`;
  const implied = shortest === prefix.length ? prefix.length : maximumLength(prefix.address);
  return `${formatPrefix(prefix)}${ge}${longest === implied ? "" : ` le ${longest}`}`;
}

export const ruleMatches = ({ prefix, shortest, longest }: PrefixRule, { address, length }: Prefix): boolean =>
  length >= shortest && length <= longest && prefixContains(prefix, address);

/** The flags that `disrupt` and `balance` share, and how they are read: which selectors, members, flows and hash. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { HASHES } from "../ecmp/hash.ts";
import { expandFieldNames } from "../ecmp/key.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { MAXIMUM_BUCKETS, type Member } from "../ecmp/table.ts";
import type { FlowRecipe } from "../experiment/flows.ts";
import type { SelectorChoice } from "../experiment/scenario.ts";
import {
  DEFAULT_DESTINATION,
  DEFAULT_DESTINATION_PORT,
  DEFAULT_FLOWS,
  DEFAULT_SOURCES,
  equalMembers,
  MAXIMUM_SCENARIO_MEMBERS,
} from "../experiment/scenario-file.ts";
import { type Address, formatAddress, isIpv4, parseAddress } from "../net/address.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../net/prefix.ts";

export interface ExperimentOptions {
  readonly selector: readonly string[];
  readonly members: number;
  readonly weights?: readonly number[];
  readonly buckets?: number;
  readonly selectorSeed?: number;
  readonly flows: number;
  readonly seed: number;
  readonly sources: Prefix;
  readonly destination: Address;
  readonly hash: string;
  readonly fields: readonly string[];
  readonly hashSeed: number;
}

/** A whole number in the range, or commander's own complaint. */
export function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const number = Number(text);
    if (/^[0-9]+$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Wanted a whole number from ${least} to ${most}.`);
  };
}

export const listOf =
  <Value>(parse: (text: string) => Value) =>
  (text: string): Value[] =>
    text.split(",").map((part) => parse(part.trim()));

export function oneOf(names: readonly string[]) {
  return (text: string): string => {
    if (names.includes(text)) return text;
    throw new InvalidArgumentError(`Wanted one of ${names.join(", ")}.`);
  };
}

export function fieldList(text: string): readonly string[] {
  try {
    return expandFieldNames(listOf(String)(text));
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

function parsed<Value>(parse: (text: string) => Value | undefined, wanted: string) {
  return (text: string): Value => {
    const value = parse(text);
    if (value !== undefined) return value;
    throw new InvalidArgumentError(`Wanted ${wanted}.`);
  };
}

export function addExperimentOptions(command: Command): Command {
  const selectors = Object.keys(SELECTORS);
  const hashes = Object.keys(HASHES);
  // Values that are not text need a text for the help.
  const option = <Value>(
    flags: string,
    description: string,
    parse: (text: string) => Value,
    value: Value,
    shown: string,
  ): Option => new Option(flags, description).argParser(parse).default(value, shown);
  const sources = parsed(parsePrefix, "a prefix such as 172.16.0.0/12");
  const destination = parsed(parseAddress, "an address");
  return command
    .addOption(
      option("--selector <names>", `one or several of ${selectors.join(", ")}`, listOf(oneOf(selectors)), ["modulo"], "modulo"),
    )
    .option("--members <n>", "how many next hops there are", wholeNumber(1, MAXIMUM_SCENARIO_MEMBERS), 8)
    .option("--weights <list>", "their weights, in order: 3,1,1", listOf(wholeNumber(1, 256)))
    .option("--buckets <n>", "size of the table, for selectors that have one to choose", wholeNumber(1, MAXIMUM_BUCKETS))
    .option("--selector-seed <n>", "seed of selectors that scatter", wholeNumber(0, 0xffffffff))
    .option("--flows <n>", "how many flows", wholeNumber(1, 1e9), DEFAULT_FLOWS)
    .option("--seed <n>", "seed of the flows: the same flows for ever", wholeNumber(0, 0xffffffff), 1)
    .addOption(option("--sources <prefix>", "where flows come from", sources, DEFAULT_SOURCES, formatPrefix(DEFAULT_SOURCES)))
    .addOption(
      option<Address>(
        "--destination <address>",
        "where they go to",
        destination,
        DEFAULT_DESTINATION,
        formatAddress(DEFAULT_DESTINATION),
      ),
    )
    .option("--hash <name>", `one of ${hashes.join(", ")}`, oneOf(hashes), "xxh32")
    .addOption(
      option(
        "--fields <list>",
        "what is hashed: aliases or names of fields",
        fieldList,
        expandFieldNames(["5-tuple"]),
        "5-tuple",
      ),
    )
    .option("--hash-seed <n>", "the hash's seed", wholeNumber(0, 0xffffffff), 0);
}

/** As many as asked for, or as there are weights. */
export function membersOf({ members, weights }: Pick<ExperimentOptions, "members" | "weights">): Member[] {
  if (weights) return weights.map((weight, i) => ({ ...equalMembers(weights.length)[i], weight }));
  return equalMembers(members);
}

export const selectorsOf = ({ selector, buckets, selectorSeed }: ExperimentOptions): SelectorChoice[] =>
  selector.map((name) => ({ name, options: { buckets, seed: selectorSeed } }));

export function recipeOf({ flows, seed, sources, destination }: ExperimentOptions): FlowRecipe {
  if (isIpv4(sources.address) !== isIpv4(destination)) {
    throw new RangeError(`--destination: ${formatAddress(destination)}, wanted an address of the family of --sources`);
  }
  return { count: flows, seed, sources, destination, destinationPort: DEFAULT_DESTINATION_PORT };
}

export const hashOf = ({ hash, fields, hashSeed }: ExperimentOptions): HashOptions => ({
  algorithm: hash,
  fields,
  seed: hashSeed,
});

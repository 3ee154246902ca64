/** The flags that `disrupt` and `balance` share, and how they are read: which selectors, members, flows and hash. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { HASHES } from "../ecmp/hash.ts";
import { MEMBER_ORDERS, type MemberOrder } from "../ecmp/member-order.ts";
import { memberOrderOf, PROFILES } from "../ecmp/profile.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { equalMembers, MAXIMUM_BUCKETS, MAXIMUM_WEIGHT, type Member } from "../ecmp/table.ts";
import type { FlowRecipe } from "../experiment/flows.ts";
import type { Refusal } from "../experiment/scenario.ts";
import {
  DEFAULT_DESTINATION,
  DEFAULT_DESTINATION_PORT,
  DEFAULT_FLOWS,
  DEFAULT_SOURCES,
  MAXIMUM_SCENARIO_MEMBERS,
} from "../experiment/scenario-file.ts";
import { type Address, addressFamily, compareAddresses, formatAddress, isIpv4, parseAddress } from "../net/address.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../net/prefix.ts";
import { fieldList, listOf, oneOf, parsedBy, wholeNumber } from "./flag-value.ts";
import { addNamedValue } from "./named-value.ts";
import { CommandError } from "./output.ts";
import type { SelectorFlags } from "./selector-flags.ts";
import { membersOfRouter } from "./told-router.ts";

export interface ExperimentOptions extends SelectorFlags {
  readonly in?: string;
  readonly headersOnly?: boolean;
  readonly config?: string;
  readonly state?: string;
  /** How many, or which, in the order of the route. */
  readonly members?: number | readonly Address[];
  readonly memberOrder?: MemberOrder;
  readonly weights?: readonly number[];
  readonly flows: number;
  readonly seed: number;
  readonly sources: Prefix;
  readonly destination: Address;
  readonly json?: true;
  readonly csv?: true;
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
  const sources = parsedBy(parsePrefix, "a prefix such as 172.16.0.0/12");
  const destination = parsedBy(parseAddress, "an address");
  return command
    .option(
      "--profile <name>",
      "hash, and unless told otherwise select, as this router does: one of `ecmp profiles`",
      oneOf([...PROFILES.keys()]),
    )
    .option("--selector <names>", `one or several of ${selectors.join(", ")} (default: modulo)`, listOf(oneOf(selectors)))
    .option(
      "--members <n|list>",
      "how many next hops there are, or their addresses as a route writes them (default: 8)",
      memberList,
    )
    .addOption(
      new Option("--member-order <order>", "what a group makes of that order (default: the profile's, else address)").choices(
        MEMBER_ORDERS,
      ),
    )
    .option("--weights <list>", "their weights, in order: 3,1,1", listOf(wholeNumber(1, MAXIMUM_WEIGHT)))
    .option("--buckets <n>", "size of the table, for selectors that have one to choose", wholeNumber(1, MAXIMUM_BUCKETS))
    .option("--selector-seed <n>", "seed of selectors that scatter", wholeNumber(0, 0xffffffff))
    .option(
      "--selector-option <name=value>",
      "any other key that a configuration's selector takes, such as capacity=16 or banks=[[10.0.0.1],[10.0.0.2]]; again for more",
      addNamedValue,
    )
    .addOption(
      new Option(
        "--in <file>",
        "flows of a capture (pcap, pcapng) instead of flows from a seed: packets of a 5-tuple that hash alike, of those that `ecmp replay` forwards",
      ).conflicts(["flows", "seed", "sources", "destination"]),
    )
    .option("--headers-only", "the capture was cut on purpose: packets that have their ports count as whole")
    .option(
      "--config <file>",
      "with --in: only what this configuration's static routes send to next hops is of a flow; its hash, selector, order and next hops, unless flags say otherwise",
    )
    .addOption(
      new Option(
        "--state <file>",
        "with --in: the same by a saved `ecmp show groups --json`, and by its table as it is; what becomes of the rest is said",
      ).conflicts("config"),
    )
    .option("--flows <n>", "how many flows; each is drawn anew, so some may be repeats", wholeNumber(1, 1e9), DEFAULT_FLOWS)
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
    .option("--hash <name>", `one of ${hashes.join(", ")} (default: xxh32)`, oneOf(hashes))
    .option("--fields <list>", "what is hashed: aliases or names of fields (default: 5-tuple)", fieldList)
    .option("--hash-seed <n>", "the hash's seed (default: 0; of a profile, 1)", wholeNumber(0, 0xffffffff))
    .option(
      "--hash-option <name=value>",
      "any other key that a configuration's hash, or profile, takes, such as offset=5 or masks={source-address: {ipv4: 24}}",
      addNamedValue,
    )
    .option("--json", "one JSON array")
    .addOption(new Option("--csv", "comma-separated, with a header line").conflicts("json"));
}

/** Throws for flags that are about a capture where there is none. */
export function refuseIdleFlags({ in: capture, headersOnly, config, state }: ExperimentOptions): void {
  const idle = Object.entries({ "--headers-only": headersOnly, "--config": config, "--state": state });
  const given = idle.find(([, value]) => value !== undefined);
  if (given && capture === undefined) throw new CommandError(`${given[0]}: wanted only with --in, a capture`);
}

/** Flags that stand beside what says the same otherwise. */
export function refuseBeside(command: Command, allowed: readonly string[], what: string): void {
  const given = command.options.find(
    (option) => command.getOptionValueSource(option.attributeName()) === "cli" && !allowed.includes(option.attributeName()),
  );
  if (given) throw new CommandError(`${given.long}: wanted no such flag beside ${what}`);
}

/**
 * After the answer, in which JSON and CSV have them too: selectors that refused are said, and the exit is that of what could not
 * run.
 */
export function reportRefusals(command: string, refusals: readonly Refusal[]): void {
  if (refusals.length === 0) return;
  throw new CommandError(refusals.map(({ selector, reason }) => `${command}: ${selector}: ${reason}`).join("\n"));
}

const wantedMembers = `a number from 1 to ${MAXIMUM_SCENARIO_MEMBERS}, or a list of addresses of one family, each once`;
const memberCount = wholeNumber(1, MAXIMUM_SCENARIO_MEMBERS);

function memberList(text: string): number | readonly Address[] {
  if (/^[0-9]+$/.test(text)) return memberCount(text);
  const addresses = listOf(parsedBy(parseAddress, wantedMembers))(text);
  const isSound = new Set(addresses).size === addresses.length && new Set(addresses.map(addressFamily)).size === 1;
  if (isSound && addresses.length <= MAXIMUM_SCENARIO_MEMBERS) return addresses;
  throw new InvalidArgumentError(`Wanted ${wantedMembers}.`);
}

const DEFAULT_MEMBERS = 8;

/** As written: those named, or as many as asked for, or those of the router that a file tells of, or else as there are weights. */
export function membersOf({ members, weights, router }: Pick<ExperimentOptions, "members" | "weights" | "router">): Member[] {
  const named = membersNamed(members ?? (router ? membersOfRouter(router) : (weights?.length ?? DEFAULT_MEMBERS)));
  if (weights === undefined) return named;
  if (weights.length !== named.length) {
    const whose = members === undefined && router ? `the next hops of ${router.file}` : "--members";
    throw new CommandError(`--weights: ${weights.length} of them, wanted ${named.length}, one for each of ${whose}`);
  }
  return named.map((member, i) => ({ ...member, weight: weights[i] }));
}

function membersNamed(told: number | readonly (Address | Member)[]): Member[] {
  if (typeof told === "number") return equalMembers(told);
  return told.map((one) => (typeof one === "object" ? one : { address: one, weight: 1 }));
}

export const orderOf = ({ memberOrder, profile, router }: ExperimentOptions): MemberOrder =>
  memberOrder ?? (profile === undefined && router ? router.memberOrder : memberOrderOf(profile));

/** Of a next hop that arrives: the one after all that are there. */
export function addressAfter(members: readonly Member[]): Address {
  const greatest = members.map(({ address }) => address).sort(compareAddresses)[members.length - 1];
  if (isIpv4(greatest)) return greatest < 0xffffffff ? greatest + 1 : 1;
  return (BigInt(`0x${greatest}`) + 1n).toString(16).padStart(32, "0").slice(-32);
}

export function recipeOf({ flows, seed, sources, destination }: ExperimentOptions): FlowRecipe {
  if (isIpv4(sources.address) !== isIpv4(destination)) {
    throw new CommandError(`--destination: ${formatAddress(destination)}, wanted an address of the family of --sources`);
  }
  return { count: flows, seed, sources, destination, destinationPort: DEFAULT_DESTINATION_PORT };
}

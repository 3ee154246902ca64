/**
 * A scenario's text, checked with every mistake told at once, and the values it means (the picture is in `scenario.ts`). Hash
 * and selectors are as in a configuration. No file is opened here: flows that are in a file of their own are named, and
 * whoever has files reads them.
 */
import { z } from "zod";
import { experimentHashSchema, memberOrderSchema, selectorSchema } from "../config/ecmp-schema.ts";
import { type ConfigMistake, readYaml } from "../config/read.ts";
import { address, prefix, whole } from "../config/scalar.ts";
import { memberOrderOf } from "../ecmp/profile.ts";
import { equalMembers, MAXIMUM_WEIGHT, type Member } from "../ecmp/table.ts";
import { type Address, addressFamily, formatAddress, isIpv4 } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { FlowRecipe } from "./flows.ts";
import { applyEvent, isPossible, type MemberEvent, type Scenario } from "./scenario.ts";

/** A scenario whose flows may still be in a file. */
export type ScenarioFile = Omit<Scenario, "flows"> & { readonly flows: FlowRecipe | { readonly file: string } };

export const MAXIMUM_SCENARIO_MEMBERS = 4096;

/** Where flows come from and go to when nobody says: any client of 172.16.0.0/12, port 80 of 198.51.100.10. */
export const DEFAULT_SOURCES: Prefix = { address: 0xac100000, length: 12 };
export const DEFAULT_DESTINATION = 0xc633640a;
export const DEFAULT_DESTINATION_PORT = 80;
export const DEFAULT_FLOWS = 100_000;

const weight = whole(1, MAXIMUM_WEIGHT);
const seed = whole(0, 0xffffffff);

const membersSchema = z
  .union(
    [
      whole(1, MAXIMUM_SCENARIO_MEMBERS).transform(equalMembers),
      z.array(z.strictObject({ address, weight: weight.default(1) })).min(1),
    ],
    { error: `wanted a number from 1 to ${MAXIMUM_SCENARIO_MEMBERS}, or a list of {address, weight}` },
  )
  .refine((members) => new Set(members.map(({ address }) => address)).size === members.length, {
    error: "wanted each address once",
  })
  .refine((members) => new Set(members.map(({ address }) => addressFamily(address))).size === 1, {
    error: "wanted addresses of one family",
  });

/** By place in the list, from 1, or by address. */
const memberName = z.union([
  whole(1, MAXIMUM_SCENARIO_MEMBERS).transform((place) => ({ place })),
  address.transform((address) => ({ address })),
]);

const eventSchema = z.union(
  [
    z.strictObject({ remove: memberName }),
    z.strictObject({ add: address, weight: weight.default(1) }),
    z.strictObject({ return: memberName, weight: weight.optional() }),
    z.strictObject({ reweight: memberName, weight }),
  ],
  { error: "wanted {remove: M}, {add: ADDRESS}, {return: M} or {reweight: M, weight: W}, M a place from 1 or an address" },
);

const flowsSchema = z.union(
  [
    z.strictObject({ file: z.string() }),
    z.strictObject({
      count: whole(1, 1e9).default(DEFAULT_FLOWS),
      seed: seed.default(1),
      sources: prefix.default(DEFAULT_SOURCES),
      destination: address.default(DEFAULT_DESTINATION),
      destinationPort: whole(1, 65535).default(DEFAULT_DESTINATION_PORT),
    }),
  ],
  { error: "wanted {count, seed, sources, destination, destinationPort}, or {file: FLOWS.csv} or a capture" },
);

/** `maglev` alone is `{name: maglev}`. */
const selectorChoice = z.preprocess((choice) => (typeof choice === "string" ? { name: choice } : choice), selectorSchema);

const scenarioSchema = z
  .strictObject({
    members: membersSchema,
    selectors: z
      .array(selectorChoice, { error: "wanted a list of selectors" })
      .min(1, { error: "wanted at least one selector" })
      .refine((choices) => new Set(choices.map((choice) => JSON.stringify(choice))).size === choices.length, {
        error: "wanted each selector once, or with other options",
      }),
    events: z.array(eventSchema, { error: "wanted a list of events" }).min(1, { error: "wanted at least one event" }),
    flows: flowsSchema.prefault({}),
    hash: experimentHashSchema.prefault({}),
    memberOrder: memberOrderSchema.optional(),
  })
  .transform(({ members, selectors, events, flows, hash, memberOrder }, context): ScenarioFile => {
    const refuse = (path: readonly PropertyKey[], wanted: string): void =>
      void context.issues.push({ code: "custom", path: [...path], message: `wanted ${wanted}`, input: undefined });
    const named = events.map((event) => nameEvent(event, members));
    for (const { index, wanted } of judgeEvents(members, named)) refuse(["events", index], wanted);
    if ("sources" in flows && isIpv4(flows.sources.address) !== isIpv4(flows.destination))
      refuse(["flows"], "sources and a destination of one family");
    return {
      members,
      selectors: selectors.map(({ name, ...options }) => ({ name, options })),
      events: named.filter((event) => event !== undefined),
      flows,
      hash,
      memberOrder: memberOrder ?? memberOrderOf(hash.profile),
    };
  });

export function parseScenario(
  text: string,
): { readonly scenario: ScenarioFile } | { readonly mistakes: readonly ConfigMistake[] } {
  const result = readYaml(text, scenarioSchema);
  return "value" in result ? { scenario: result.value } : result;
}

/** What cannot be, event by event: each is judged by who is there after those before it that can. */
function judgeEvents(members: readonly Member[], events: readonly (MemberEvent | undefined)[]) {
  const [{ address: first }] = members;
  const mistakes: { readonly index: number; readonly wanted: string }[] = [];
  let present = members;
  events.forEach((event, index) => {
    const wanted =
      event === undefined
        ? `a place from 1 to ${members.length}`
        : isIpv4(event.address) !== isIpv4(first)
          ? `an address of the members' family, as ${formatAddress(first)} is`
          : describeImpossible(present, event);
    if (wanted !== undefined) mistakes.push({ index, wanted });
    else if (event) present = applyEvent(present, event, () => 0);
  });
  return mistakes;
}

function describeImpossible(present: readonly Member[], event: MemberEvent): string | undefined {
  if (isPossible(present, event)) return undefined;
  const address = formatAddress(event.address);
  return event.kind === "add"
    ? `a next hop that is not there then, as ${address} is`
    : `a next hop that is there then, as ${address} is not`;
}

/** The event with its member's address; undefined if there is no member in that place. */
function nameEvent(event: z.output<typeof eventSchema>, members: readonly Member[]): MemberEvent | undefined {
  if ("add" in event) return { kind: "add", label: `add ${formatAddress(event.add)}`, address: event.add, weight: event.weight };
  const [verb, name] =
    "remove" in event ? ["remove", event.remove] : "return" in event ? ["return", event.return] : ["reweight", event.reweight];
  const member = findMember(name, members);
  if (!member) return undefined;
  const label = `${verb} ${"place" in name ? name.place : formatAddress(name.address)}`;
  if ("remove" in event) return { kind: "remove", label, address: member.address };
  if ("return" in event) return { kind: "add", label, address: member.address, weight: event.weight ?? member.weight };
  return { kind: "reweight", label: `${label} to ${event.weight}`, address: member.address, weight: event.weight };
}

/** An address may be one that only an event brought. */
function findMember(name: z.output<typeof memberName>, members: readonly Member[]): Member | undefined {
  if ("place" in name) return members[name.place - 1];
  return members.find(({ address }) => address === name.address) ?? newcomer(name.address);
}

const newcomer = (address: Address): Member => ({ address, weight: 1 });

/**
 * A scenario: members, what happens to them one after the other, and the selectors to compare over the same flows. From the
 * flags of `ecmp disrupt` or from a file; either way the events become changes of groups, made by the selectors themselves.
 *
 *   members: 8                                   # or a list of {address, weight}
 *   selectors: [modulo, {name: maglev, buckets: 65537}]
 *   events: [{remove: 3}, {add: 10.0.0.99}, {reweight: 10.0.0.2, weight: 4}, {return: 3}]
 *   flows: {count: 100000, seed: 7}              # or {file: flows.csv}, or of a capture
 *   hash: {algorithm: xxh32, fields: 5-tuple, seed: 42}      # or {profile: linux-l4, seed: 42, socketHash: 7}
 *   memberOrder: configured                      # or address, announced; unless told, the profile's
 *
 * A member is named by its address, or by its place in the list of the beginning, as it is written, from 1.
 */
import { changeGroup, type GroupChange } from "../ecmp/change.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { type MemberOrder, orderMembers } from "../ecmp/member-order.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import type { Member, SelectionTable, SelectorOptions } from "../ecmp/table.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { type Disruption, disrupt } from "./disruption.ts";
import type { Hashing } from "./flow-hashes.ts";
import type { FlowRecipe } from "./flows.ts";
import { sweep } from "./sweep.ts";

export interface Scenario {
  /** As written; what order groups have them in is `memberOrder`. */
  readonly members: readonly Member[];
  readonly memberOrder: MemberOrder;
  readonly selectors: readonly SelectorChoice[];
  readonly events: readonly MemberEvent[];
  /** Those of a recipe, or the hashes of listed ones by a way of `hashingsOf`. */
  readonly flows: FlowRecipe | ((hashing: Hashing) => Uint32Array);
  readonly hash: HashOptions;
  /** The table before the first event, where members in this order have one already; absent: it is filled. */
  readonly tableOf?: (selector: SelectorChoice, members: readonly Member[]) => SelectionTable | undefined;
}

export interface SelectorChoice {
  readonly name: string;
  readonly options: SelectorOptions;
}

/** What happens to one member; `label` is how whoever asked calls it. */
export type MemberEvent = { readonly label: string; readonly address: Address } & (
  | { readonly kind: "remove" }
  | { readonly kind: "add"; readonly weight: number }
  | { readonly kind: "reweight"; readonly weight: number }
);

/** One selector's answer to one event. */
export interface Outcome {
  readonly choice: SelectorChoice;
  readonly memberOrder: MemberOrder;
  readonly event: string;
  /** How many there were before the event. */
  readonly members: number;
  readonly change: GroupChange;
  readonly disruption: Disruption;
}

/** A selector that cannot be filled with these members or options, and why: too few buckets, no prime, no room. */
export interface Refusal {
  readonly selector: string;
  readonly reason: string;
}

export interface PlayedScenario {
  readonly outcomes: readonly Outcome[];
  readonly refusals: readonly Refusal[];
}

/** Throws a RangeError for an event that cannot be, and for a hash that flows cannot be asked by. */
export async function playScenario(scenario: Scenario, threads?: number): Promise<PlayedScenario> {
  const { flows, hash } = scenario;
  const lists = listMembers(scenario);
  const { made, refusals } = tryEach(scenario.selectors, (selector) => planSteps(scenario, lists, selector));
  const steps = made.flat();
  const changes = steps.map(({ choice, change }) => ({ change, hashBits: SELECTORS[choice.name].hashBits }));
  const disruptions =
    typeof flows === "function"
      ? changes.map(({ change, hashBits }) => disrupt(change, flows({ options: hash, bits: hashBits })))
      : await sweep(changes, flows, hash, threads);
  return { outcomes: steps.map((step, i) => ({ ...step, disruption: disruptions[i] })), refusals };
}

/** One selector's refusal is no reason to say nothing of the others. */
export function tryEach<Made>(
  selectors: readonly SelectorChoice[],
  make: (selector: SelectorChoice) => Made,
): { readonly made: readonly Made[]; readonly refusals: readonly Refusal[] } {
  const made: Made[] = [];
  const refusals: Refusal[] = [];
  for (const selector of selectors) {
    try {
      made.push(make(selector));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      refusals.push({ selector: selector.name, reason: error.message });
    }
  }
  return { made, refusals };
}

/** All ways of hashing that playing it takes. */
export const hashingsOf = ({ selectors, hash }: Pick<Scenario, "selectors" | "hash">): Hashing[] =>
  selectors.map(({ name }) => ({ options: hash, bits: SELECTORS[name].hashBits }));

/** Before the first event, and after each, in the order of the group. */
function listMembers(scenario: Scenario): (readonly Member[])[] {
  const placeOf = placesOf(scenario);
  const lists: (readonly Member[])[] = [scenario.members];
  for (const event of scenario.events) lists.push(applyEvent(lists[lists.length - 1], event, placeOf));
  return lists.map((members) => orderMembers(scenario.memberOrder, members, placeOf));
}

/** Each event changes the table that the one before it left. */
function planSteps(
  { memberOrder, events, tableOf }: Scenario,
  [first, ...later]: readonly (readonly Member[])[],
  choice: SelectorChoice,
): Omit<Outcome, "disruption">[] {
  const { name, options } = choice;
  const selector = SELECTORS[name];
  let members = first;
  let table = tableOf?.(choice, first) ?? changeGroup(undefined, first, selector, options).after;
  return events.map((event, i) => {
    const count = members.length;
    members = later[i];
    const change = changeGroup(table, members, selector, options);
    table = change.after;
    return { choice, memberOrder, event: event.label, members: count, change };
  });
}

/** As they are written, and as they come: the members of the beginning, then those that events add. */
export function placesOf({ members, events }: Pick<Scenario, "members" | "events">): (address: Address) => number {
  const all = new Set([...members, ...events].map(({ address }) => address));
  const places = new Map(Array.from(all, (address, place) => [address, place]));
  return (address) => places.get(address) ?? places.size;
}

/** Who departs or is weighed anew is there, who arrives is not. */
export const isPossible = (members: readonly Member[], { kind, address }: MemberEvent): boolean =>
  members.some((member) => member.address === address) === (kind !== "add");

/** Members stay in the order of their places: who returns stands where it stood. */
export function applyEvent(members: readonly Member[], event: MemberEvent, placeOf: (address: Address) => number): Member[] {
  if (!isPossible(members, event)) {
    const state = event.kind === "add" ? "there already" : "not there";
    throw new RangeError(`Cannot ${event.kind} ${formatAddress(event.address)} as it is ${state} then`);
  }
  const others = members.filter(({ address }) => address !== event.address);
  if (event.kind === "remove") return others;
  const changed = { address: event.address, weight: event.weight };
  if (event.kind === "reweight") return members.map((member) => (member.address === event.address ? changed : member));
  return [...others, changed].sort((a, b) => placeOf(a.address) - placeOf(b.address));
}

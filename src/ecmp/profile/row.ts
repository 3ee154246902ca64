/**
 * What a profile is, and the words that its rows are written in. The rows are beside this, by who makes the router; the list of
 * them is `../profile.ts`.
 *
 * A row claims what is shown and no more. Its two halves, the hash and the selection, are each
 *
 *   bit-exact    the same answer as the real thing for every input that the named tests try
 *   algorithm    the published algorithm, held by the named tests against published vectors or a slow twin of its text, and
 *                not against the real thing
 *   policy       the published behavior (what moves, what counts); the arithmetic behind it is ours
 *   structure    what goes in is published, what is made of it is not: another function stands in
 *
 * and the row as a whole is the lesser of the two.
 */
import type { MemberOrder } from "../member-order.ts";
import type { FragmentRule, IcmpErrorRule } from "../packet-rule.ts";
import type { SelectorOptions } from "../table.ts";

export const FIDELITIES = ["bit-exact", "algorithm", "policy", "structure"] as const;
export type Fidelity = (typeof FIDELITIES)[number];

/** "given": whatever the configuration says; "none": the router has no such thing. */
export type SeedRule = "given" | "none";

export interface ProfileHash {
  /** A row of HASHES, or "linux", which is `linux/policy.ts` with this policy and these bits of fields. */
  readonly algorithm: string;
  readonly policy?: 0 | 1 | 2 | 3;
  readonly mask?: number;
  /** In key order, by the names of `key.ts`. */
  readonly fields: readonly string[];
  readonly seed: SeedRule;
  /** How many of the seed's low bits count, if not all 32. */
  readonly seedBits?: number;
  /** SAI's: by how many bits the hash is turned. Absent: the router has no such thing. */
  readonly offset?: number;
  /** Both directions of a flow hash alike. */
  readonly symmetric: boolean;
}

export interface ProfileSelector {
  /** A row of SELECTORS. */
  readonly name: string;
  readonly options: SelectorOptions;
}

export interface Claim {
  readonly level: Fidelity;
  /** With bit-exact and algorithm: the tests that show it. */
  readonly shownBy?: readonly string[];
  /** What is ours, where it is not the router's. */
  readonly note?: string;
}

export interface Profile {
  readonly name: string;
  readonly summary: string;
  readonly hash: ProfileHash;
  readonly selector: ProfileSelector;
  /** Where it is known; by address elsewhere. */
  readonly memberOrder?: MemberOrder;
  readonly fragments: FragmentRule;
  readonly icmpErrors: IcmpErrorRule;
  readonly hashClaim: Claim;
  readonly selectionClaim: Claim;
  /** Where the router itself departs from what this row says, and the switch that departs with it. */
  readonly departs?: string;
  readonly sources: readonly string[];
}

/** The lesser of the two claims. */
export const fidelityOf = ({ hashClaim, selectionClaim }: Profile): Fidelity =>
  FIDELITIES[Math.max(FIDELITIES.indexOf(hashClaim.level), FIDELITIES.indexOf(selectionClaim.level))];

export const ADDRESSES = ["source-address", "destination-address"];
export const THREE_TUPLE = [...ADDRESSES, "protocol"];
export const PORTS = ["source-port", "destination-port"];
export const FIVE_TUPLE = [...THREE_TUPLE, ...PORTS];

export const standIn = (name: string, more = ""): Claim => ({
  level: "structure",
  note: `the function is not published; ${name} stands in${more}`,
});
export const published = (shownBy: readonly string[], note: string): Claim => ({ level: "algorithm", shownBy, note });
export const hashTest = (name: string): string[] => [`test/ecmp/hash/${name}.test.ts`];
export const selectorTest = (name: string): string[] => [`test/ecmp/select/${name}.test.ts`];
export const behavior = (note: string): Claim => ({ level: "policy", note });
export const unknownTable: Claim = {
  level: "structure",
  note: "how the hash becomes a next hop is not published; modulo stands in",
};
export const modulo: ProfileSelector = { name: "modulo", options: {} };
export const hash = (algorithm: string, fields: readonly string[], seed: SeedRule, symmetric = false): ProfileHash => ({
  algorithm,
  fields,
  seed,
  symmetric,
});

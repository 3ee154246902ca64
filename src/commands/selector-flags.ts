/** Selectors and their options, from flags: `--selector`, `--buckets`, `--selector-seed`, `--selector-option`; or those of the router that a file tells of. */
import type { z } from "zod";
import { selectorSchema } from "../config/ecmp-schema.ts";
import { flattenIssues, formatPath } from "../config/read.ts";
import { selectorsWith, takesOption } from "../ecmp/selector-options.ts";
import type { SelectorChoice } from "../experiment/scenario.ts";
import { type HashFlags, routerOf } from "./hash-flags.ts";
import type { NamedValues } from "./named-value.ts";
import { CommandError } from "./output.ts";

export interface SelectorFlags extends HashFlags {
  readonly selector?: readonly string[];
  readonly buckets?: number;
  readonly selectorSeed?: number;
  readonly selectorOption?: NamedValues;
}

/** Each selector with those of the options that it takes; an option that none takes is a mistake. */
export function selectorsOf(options: SelectorFlags): SelectorChoice[] {
  const { profile, selector, router } = options;
  const ownOf = (name: string) => ({ name, ...(name === router?.selector.name ? router.selector.options : {}) });
  const isProfile = profile !== undefined && selector === undefined;
  const chosen = isProfile ? [routerOf(options).selector] : (selector ?? [router?.selector.name ?? "modulo"]).map(ownOf);
  const repeated = chosen.find(({ name }, i) => chosen.findIndex((other) => other.name === name) < i);
  if (repeated) throw new CommandError(`--selector: ${repeated.name}, wanted each selector once`);
  const told = selectorOptionsOf(options);
  for (const [option, { flag, value }] of told) {
    if (chosen.some(({ name }) => takesOption(name, option))) continue;
    const takers = selectorsWith(option);
    const wanted = takers.length === 0 ? "an option of a selector" : `only with ${takers.join(", ")}`;
    throw new CommandError(`${flag}: ${JSON.stringify(value)}, wanted ${wanted}`);
  }
  return chosen.map(({ name, ...own }) => {
    const taken = [...told].filter(([option]) => takesOption(name, option));
    const result = selectorSchema.safeParse({ name, ...Object.fromEntries(taken.map(([option, { value }]) => [option, value])) });
    if (result.success) return { name, options: { ...own, ...withoutName(result.data) } };
    const [{ path, wanted }] = flattenIssues(result.error);
    const { flag, value } = told.get(String(path[0])) ?? { flag: formatPath(path), value: undefined };
    throw new CommandError(`${flag}: ${JSON.stringify(value)}, wanted ${wanted}`);
  });
}

const withoutName = ({ name: _, ...options }: z.output<typeof selectorSchema>) => options;

interface Told {
  readonly flag: string;
  readonly value: unknown;
}

/** By the name that a configuration has for them. */
function selectorOptionsOf({ buckets, selectorSeed, selectorOption = {} }: SelectorFlags) {
  const told = new Map<string, Told>(
    Object.entries(selectorOption).map(([name, value]) => [name, { flag: `--selector-option ${name}`, value }]),
  );
  const ownFlags = { buckets: ["--buckets", buckets], seed: ["--selector-seed", selectorSeed] } as const;
  for (const [name, [flag, value]] of Object.entries(ownFlags)) {
    if (value === undefined) continue;
    if (told.has(name)) throw new CommandError(`${flag}: ${value}, wanted once; --selector-option says it too`);
    told.set(name, { flag, value });
  }
  return told;
}

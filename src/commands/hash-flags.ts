/**
 * A hash from flags: built by hand (`--hash`, `--fields`), or that of a router (`--profile`); of either `--hash-seed`,
 * `--hash-option`. Where a file tells of a router, what no flag says is as that has it.
 */
import type { z } from "zod";
import { ecmpSchema, experimentHashSchema } from "../config/ecmp-schema.ts";
import { flattenIssues, formatPath } from "../config/read.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { PROFILES, type Profile } from "../ecmp/profile.ts";
import type { NamedValues } from "./named-value.ts";
import { CommandError } from "./output.ts";
import type { ToldRouter } from "./told-router.ts";

export interface HashFlags {
  /** A whole router, whose hash takes the place of the flags that build one, and whose selector is the default one. */
  readonly profile?: string;
  readonly hash?: string;
  readonly fields?: readonly string[];
  readonly hashSeed?: number;
  readonly hashOption?: NamedValues;
  readonly router?: ToldRouter | undefined;
}

/** What the hash would not look at is a mistake, as it is in a configuration. `seedFlag`: what gave the seed. */
export function hashOf(options: HashFlags, seedFlag = "--hash-seed"): HashOptions {
  const { router, profile, hash, fields, hashSeed, hashOption } = options;
  if (router && [profile, hash, fields, hashSeed, hashOption].every((value) => value === undefined)) return router.hash;
  return options.profile === undefined ? read(experimentHashSchema, options, seedFlag) : routerOf(options, seedFlag).hash;
}

/** The hash and the selector of `--profile`. */
export const routerOf = (options: HashFlags, seedFlag?: string) => read(ecmpSchema, options, seedFlag);

/** Of a hash built by hand: what goes with the algorithm, and not with what is hashed. */
const OF_ALGORITHM: readonly string[] = ["algorithm", "seed", "offset", "key"];

/** By the names that a configuration has for them; what flags leave no place for is not among them. */
function toldByRouter({ router, profile, hash, fields }: HashFlags): [name: string, told: Told][] {
  if (router === undefined || profile !== undefined) return [];
  const { file, hash: own } = router;
  const isBuilt = own.profile === undefined;
  if (!isBuilt && (hash !== undefined || fields !== undefined)) return [];
  const { linux: _, profile: _p, ...built } = own;
  return Object.entries(isBuilt ? { ...built, seed: own.seed || undefined } : profileKeysOf(own))
    .filter(([name, value]) => value !== undefined && !(hash !== undefined && OF_ALGORITHM.includes(name)))
    .map(([name, value]) => [name, [`${file}: ${name} of the hash`, value]]);
}

/** What made this hash of its profile. */
function profileKeysOf({ profile = "", seed, offset, fragments, icmpErrors, linux }: HashOptions): Record<string, unknown> {
  const { hash } = PROFILES.get(profile) as Profile;
  return {
    profile,
    seed: hash.seed === "given" ? seed : undefined,
    offset,
    ...(linux
      ? { fields: hash.mask === undefined ? undefined : linux.fields, socketHash: linux.socketHash }
      : { fragments, icmpErrors }),
  };
}

type Told = readonly [where: string, value: unknown];

/** Keys of a profile that are no part of its hash, and their flags. */
const BESIDE_HASH: Readonly<Record<string, string | undefined>> = { profile: "--profile", memberOrder: "--member-order" };

function read<Value>(schema: z.ZodType<Value>, options: HashFlags, seedFlag = "--hash-seed"): Value {
  const { profile, hash, fields, hashSeed, hashOption = {} } = options;
  if (profile !== undefined && (hash !== undefined || fields !== undefined))
    throw new CommandError(`--profile: ${profile}, wanted neither --hash nor --fields beside it`);
  const flags = new Map<string, Told>(
    Object.entries({
      profile: ["--profile", profile] as const,
      algorithm: ["--hash", hash] as const,
      fields: ["--fields", fields] as const,
      seed: [seedFlag, hashSeed] as const,
    }).filter(([, [, value]]) => value !== undefined),
  );
  for (const [name, value] of Object.entries(hashOption)) {
    const instead = BESIDE_HASH[name];
    if (instead !== undefined) throw new CommandError(`--hash-option ${name}: ${JSON.stringify(value)}, wanted ${instead}`);
    const twice = flags.get(name)?.[0];
    if (twice !== undefined) throw new CommandError(`${twice}: wanted once; --hash-option says it too`);
    flags.set(name, [`--hash-option ${name}`, value]);
  }
  const told = new Map([...toldByRouter(options), ...flags]);
  const result = schema.safeParse(Object.fromEntries([...told].map(([name, [, value]]) => [name, value])));
  if (result.success) return result.data;
  const [{ path, wanted }] = flattenIssues(result.error);
  const [flag, value] = told.get(String(path[0])) ?? [formatPath(path), undefined];
  throw new CommandError(`${flag}: ${JSON.stringify(value)}, wanted ${wanted}`);
}

/**
 * A hash from flags: built by hand (`--hash`, `--fields`), or that of a router (`--profile`); of either `--hash-seed`,
 * `--hash-option`.
 */
import type { z } from "zod";
import { ecmpSchema, experimentHashSchema } from "../config/ecmp-schema.ts";
import { flattenIssues, formatPath } from "../config/read.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import type { NamedValues } from "./named-value.ts";
import { CommandError } from "./output.ts";

export interface HashFlags {
  /** A whole router, whose hash takes the place of the flags that build one, and whose selector is the default one. */
  readonly profile?: string;
  readonly hash?: string;
  readonly fields?: readonly string[];
  readonly hashSeed?: number;
  readonly hashOption?: NamedValues;
}

/** What the hash would not look at is a mistake, as it is in a configuration. `seedFlag`: what gave the seed. */
export function hashOf(options: HashFlags, seedFlag = "--hash-seed"): HashOptions {
  return options.profile === undefined ? read(experimentHashSchema, options, seedFlag) : routerOf(options, seedFlag).hash;
}

/** The hash and the selector of `--profile`. */
export const routerOf = (options: HashFlags, seedFlag?: string) => read(ecmpSchema, options, seedFlag);

/** Keys of a profile that are no part of its hash, and their flags. */
const BESIDE_HASH: Readonly<Record<string, string | undefined>> = { profile: "--profile", memberOrder: "--member-order" };

function read<Value>(schema: z.ZodType<Value>, options: HashFlags, seedFlag = "--hash-seed"): Value {
  const { profile, hash, fields, hashSeed, hashOption = {} } = options;
  if (profile !== undefined && (hash !== undefined || fields !== undefined))
    throw new CommandError(`--profile: ${profile}, wanted neither --hash nor --fields beside it`);
  const flags = new Map<string, readonly [string, unknown]>(
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
  const result = schema.safeParse(Object.fromEntries([...flags].map(([name, [, value]]) => [name, value])));
  if (result.success) return result.data;
  const [{ path, wanted }] = flattenIssues(result.error);
  const [flag, value] = flags.get(String(path[0])) ?? [formatPath(path), undefined];
  throw new CommandError(`${flag}: ${JSON.stringify(value)}, wanted ${wanted}`);
}

/** A hash from flags: built by hand (`--hash`, `--fields`, `--hash-seed`), or that of a router (`--profile`). */
import type { z } from "zod";
import { ecmpSchema, experimentHashSchema } from "../config/ecmp-schema.ts";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { CommandError } from "./output.ts";

export interface HashFlags {
  /** A whole router, whose hash takes the place of the three flags of the hash, and whose selector is the default one. */
  readonly profile?: string;
  readonly hash?: string;
  readonly fields?: readonly string[];
  readonly hashSeed?: number;
}

/** What the hash would not look at is a mistake, as it is in a configuration. */
export function hashOf(options: HashFlags): HashOptions {
  const { profile, hash, fields, hashSeed } = options;
  if (profile !== undefined) {
    if (hash !== undefined || fields !== undefined)
      throw new CommandError(`--profile: ${profile}, wanted neither --hash nor --fields beside it`);
    return routerOf(options, profile).hash;
  }
  return checked("--hash", hash, hashSeed, experimentHashSchema.safeParse({ algorithm: hash, fields, seed: hashSeed }));
}

/** Its hash and its selector. */
export const routerOf = ({ hashSeed: seed }: HashFlags, profile: string) =>
  checked("--profile", profile, seed, ecmpSchema.safeParse({ profile, seed }));

function checked<Value>(
  flag: string,
  value: string | undefined,
  seed: number | undefined,
  result: z.ZodSafeParseResult<Value>,
): Value {
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  throw new CommandError(path[0] === "seed" ? `--hash-seed: ${seed}, ${message}` : `${flag}: ${value}, ${message}`);
}

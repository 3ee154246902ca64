/**
 * Reading a file of a lab with every mistake said at once: those of single values, which its schema finds, and those that show only
 * where values are seen together. The latter are looked for in what is sound, whatever else is wrong: `lab-check.ts` and
 * `scenario-check.ts` get the value without its unsound parts. Used by `lab-file.ts` and `scenario-file.ts`.
 */
import type { z } from "zod";
import { type ConfigMistake, readYaml } from "../config/read.ts";
import type { Prefix } from "../net/prefix.ts";

type Leaf = string | number | boolean | undefined | null | Prefix;

/** A value of which any part may be missing, because it is missing or wrong; an entry of a list or record keeps its place. */
export type Sound<Value> = Value extends Leaf
  ? Value
  : Value extends readonly (infer Entry)[]
    ? readonly (Sound<Entry> | undefined)[]
    : { readonly [Key in keyof Value]?: Sound<Value[Key]> | undefined };

/** Says what is wanted at a path of the file. */
export type Refuse = (path: readonly PropertyKey[], wanted: string) => void;

export function readSound<Value>(
  text: string,
  schema: z.ZodType<Value>,
  check: (sound: Sound<Value>, refuse: Refuse) => void,
): { readonly value: Value } | { readonly mistakes: readonly ConfigMistake[] } {
  const checked = schema.superRefine(
    (value, context) => {
      const sound = context.issues.reduce(withoutUnsound, value as unknown);
      const said = new Set<string>();
      const refuse: Refuse = (path, wanted) => {
        const name = JSON.stringify([path, wanted]);
        if (!said.has(name)) context.addIssue({ code: "custom", path: [...path], message: `wanted ${wanted}` });
        said.add(name);
      };
      if (sound !== undefined) check(sound as Sound<Value>, refuse);
    },
    { when: () => true },
  );
  const result = readYaml(text, checked);
  return "value" in result ? result : { mistakes: result.mistakes.map(withoutCollection) };
}

function withoutUnsound(value: unknown, issue: z.core.$ZodRawIssue): unknown {
  // The value beside an unknown key is sound.
  if (issue.code === "unrecognized_keys") return value;
  const path = issue.path ?? [];
  // Of which kind it is, nobody knows, and so nothing of the rest.
  const isOfNoKind = issue.code === "invalid_union" && "discriminator" in issue;
  return without(value, isOfNoKind ? path.slice(0, -1) : path);
}

/** A copy in which nothing stands at the path. */
function without(value: unknown, path: readonly PropertyKey[]): unknown {
  if (path.length === 0 || typeof value !== "object" || value === null) return undefined;
  const [key, ...rest] = path;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<PropertyKey, unknown>;
  copy[key] = without(copy[key], rest);
  return copy;
}

/** Whether no part of it is wrong or missing. */
export const isWhole = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.values(value).every(isWhole) : value !== undefined;

/** Of a whole part of the file its line says enough. */
const withoutCollection = (mistake: ConfigMistake): ConfigMistake =>
  /^\[?\{/.test(mistake.value ?? "") ? { ...mistake, value: undefined } : mistake;

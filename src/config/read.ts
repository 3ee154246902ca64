/**
 * Text to configuration: YAML, then the schema, and every mistake of both at once as where (line and path), value, wanted.
 */
import { isNode, isScalar, LineCounter, parseDocument, type YAMLParseError } from "yaml";
import type { z } from "zod";
import { legible } from "./legible.ts";
import { lookAtFiles, type NamedFiles } from "./named-files.ts";
import { type Config, configSchema } from "./schema.ts";

export interface ConfigMistake {
  /** From 1. */
  readonly line: number;
  /** "bgp.neighbors[0].address", or "" for the file as a whole. */
  readonly path: string;
  /** What stands there, as JSON or, where that is long, an excerpt of it; undefined where nothing does. */
  readonly value: string | undefined;
  readonly wanted: string;
}

export type ConfigResult = { readonly config: Config } | { readonly mistakes: readonly ConfigMistake[] };

/** With `files` those that it names are looked at, too, and passwords that lie in them are put in their places. */
export function readConfig(text: string, files?: NamedFiles): ConfigResult {
  const schema = files ? configSchema.superRefine(lookAtFiles(files)) : configSchema;
  const result = readYaml(text, schema);
  return "value" in result ? { config: result.value } : result;
}

/** The same for any schema: an experiment's scenario is read so too. */
export function readYaml<Value>(
  text: string,
  schema: z.ZodType<Value>,
): { readonly value: Value } | { readonly mistakes: readonly ConfigMistake[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return { mistakes: syntaxMistakes(document.errors, lines) };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // An alias without its anchor, or one that would grow without bound.
    return { mistakes: [{ line: 1, path: "", value: undefined, wanted: `valid YAML: ${(error as Error).message}` }] };
  }
  if (value === null || value === undefined)
    return { mistakes: [{ line: 1, path: "", value: undefined, wanted: "something in it; there is nothing" }] };
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data };

  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  /** What has a short form stands where the keys of the long one would be: `read: in.pcap` for `read: {file: in.pcap}`. */
  const placeOf = (path: PropertyKey[]): PropertyKey[] => {
    const short = path.findIndex((_, length) => {
      const node = document.getIn(path.slice(0, length), true);
      return isScalar(node) && typeof node.value === "string";
    });
    return short < 0 ? path : path.slice(0, short);
  };
  const mistakes = flattenIssues(result.error).map(({ path: found, wanted }) => {
    const path = placeOf(found);
    const value = document.getIn(path);
    const shown = path.some(isSecret) ? "(not shown)" : isNode(value) ? value.toJSON() : value;
    return { line: lineOf(path), path: formatPath(path), value: shown === undefined ? undefined : excerpt(shown), wanted };
  });
  return { mistakes: mistakes.sort((a, b) => a.line - b.line) };
}

/** What is no YAML is often no text either, and has one such mistake after the other. */
const MAXIMUM_SYNTAX_MISTAKES = 20;
const MAXIMUM_MESSAGE = 200;

function syntaxMistakes(errors: readonly YAMLParseError[], lines: LineCounter): ConfigMistake[] {
  const more = errors.length - MAXIMUM_SYNTAX_MISTAKES;
  return errors.slice(0, MAXIMUM_SYNTAX_MISTAKES).map(({ pos, message }, i) => ({
    line: lines.linePos(pos[0]).line,
    path: "",
    value: undefined,
    wanted: `valid YAML: ${legible(message, MAXIMUM_MESSAGE)}${i === MAXIMUM_SYNTAX_MISTAKES - 1 && more > 0 ? ` (and ${more} more)` : ""}`,
  }));
}

const excerpt = (value: unknown): string => legible(JSON.stringify(value));

/** Also where the key itself is mistyped; the name of a file that has a secret is none. */
const isSecret = (key: PropertyKey): boolean => /pas+w|secret/i.test(String(key)) && !/file$/i.test(String(key));

export interface FlatIssue {
  readonly path: PropertyKey[];
  readonly wanted: string;
}

/** What a schema found, one issue a thing that is wrong: unknown keys each on their own, a union by its first kind. */
export const flattenIssues = ({ issues }: z.ZodError): FlatIssue[] => issues.flatMap(flattenIssue);

/** In our words, where a schema has none of its own. */
const KINDS: Readonly<Record<string, string>> = {
  object: "keys with values",
  array: "a list",
  string: "a text",
  number: "a number",
};

function flattenIssue(issue: z.core.$ZodIssue): FlatIssue[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...issue.path, key], wanted: "no such key here" }));
  }
  const isPlain = issue.code === "invalid_type" && !issue.message.startsWith("wanted ");
  const wanted = (isPlain && KINDS[issue.expected]) || issue.message.replace(/^wanted /, "");
  return [{ path: [...issue.path], wanted }];
}

export const formatPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text ? `${text}.${legible(String(key))}` : legible(String(key)),
    "",
  );

export function formatMistake(file: string, { line, path, value, wanted }: ConfigMistake): string {
  const where = `${file}:${line}${path ? `: ${path}` : ""}`;
  return `${where}: ${value === undefined ? "" : `${value}, `}wanted ${wanted}`;
}

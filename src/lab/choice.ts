/**
 * A part of a file that has one of several shapes, told apart by a key that each has for itself ({constant: 5} or {poisson: 5}), or
 * by being no such part at all. What is wrong with it is said of the shape that is meant, never of all of them.
 */
import { z } from "zod";
import { takes } from "./json-schema.ts";

interface ChoiceWords {
  /** Where it is none of them. */
  readonly wanted: string;
  /** What it may be that has no keys. */
  readonly other?: z.ZodType;
  /** What is said of a key that its shape does not have. */
  readonly whyUnknown?: (part: Readonly<Record<string, unknown>>, key: string) => string;
}

/** The shapes are looked for in their order. */
export function choice<Chosen>(shapes: Readonly<Record<string, z.ZodType>>, { wanted, other, whyUnknown }: ChoiceWords) {
  const part = z.unknown().transform((value, context): Chosen => {
    const keyed = typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
    const key = keyed && Object.keys(shapes).find((each) => Object.hasOwn(keyed, each));
    const schema = key === undefined ? (keyed ? undefined : other) : shapes[key];
    const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message, input: value });
    if (!schema) {
      refuse([], `wanted ${wanted}`);
      return z.NEVER;
    }
    const result = schema.safeParse(value);
    if (result.success) return result.data as Chosen;
    for (const issue of result.error.issues) {
      if (whyUnknown && keyed && issue.code === "unrecognized_keys" && issue.path.length === 0)
        for (const unknown of issue.keys) refuse([unknown], whyUnknown(keyed, unknown));
      else context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
    }
    // What of it is right stands as it is written.
    return value as Chosen;
  });
  return takes(part, ...(other ? [other] : []), ...Object.values(shapes));
}

/** How the values of flags are read: whoever gets something else throws commander's own complaint, which names the flag. */
import { InvalidArgumentError } from "commander";
import { expandFieldNames } from "../ecmp/key.ts";

export function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const number = Number(text);
    if (/^[0-9]+$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Wanted a whole number from ${least} to ${most}.`);
  };
}

export const listOf =
  <Value>(parse: (text: string) => Value) =>
  (text: string): Value[] =>
    text.split(",").map((part) => parse(part.trim()));

export function oneOf(names: readonly string[]) {
  return (text: string): string => {
    if (names.includes(text)) return text;
    throw new InvalidArgumentError(`Wanted one of ${names.join(", ")}.`);
  };
}

export function fieldList(text: string): readonly string[] {
  try {
    return expandFieldNames(listOf(String)(text));
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

/** What `parse` has no value for is told as what was wanted. */
export function parsedBy<Value>(parse: (text: string) => Value | undefined, wanted: string) {
  return (text: string): Value => {
    const value = parse(text);
    if (value !== undefined) return value;
    throw new InvalidArgumentError(`Wanted ${wanted}.`);
  };
}

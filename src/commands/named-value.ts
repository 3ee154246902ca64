/**
 * `--selector-option capacity=16`, `--hash-option offset=5`: a key and its value as a configuration file has them, flag by flag.
 */
import { InvalidArgumentError } from "commander";
import { parse as parseYaml } from "yaml";

export type NamedValues = Readonly<Record<string, unknown>>;

export function addNamedValue(text: string, values: NamedValues = {}): NamedValues {
  const [, name, value] = /^([a-z]+)=(.+)$/i.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("Wanted name=value.");
  if (Object.hasOwn(values, name)) throw new InvalidArgumentError("Wanted each name once.");
  try {
    return { ...values, [name]: parseYaml(value) };
  } catch {
    throw new InvalidArgumentError("Wanted a value as a configuration file has it.");
  }
}

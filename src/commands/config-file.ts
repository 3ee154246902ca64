/** Reads a configuration file for a command, or says every mistake in it at once. */
import { readFileSync } from "node:fs";
import { formatMistake, readConfig } from "../config/read.ts";
import type { Config } from "../config/schema.ts";
import { CommandError, EXIT } from "./output.ts";

/** `mistakeCode`: for `check` a mistake is the answer no; for the others it means they could not run. */
export function loadConfig(file: string, mistakeCode: number = EXIT.couldNotRun): Config {
  const result = readConfig(readText(file));
  if ("config" in result) return result.config;
  throw new CommandError(result.mistakes.map((mistake) => formatMistake(file, mistake)).join("\n"), mistakeCode);
}

export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandError(`${file}: ${(error as NodeJS.ErrnoException).code ?? error}, wanted a file that can be read`);
  }
}

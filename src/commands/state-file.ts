/**
 * What offline commands decide by: the FIB of a configuration's static routes, or a saved one; or the mistake, with the file's
 * name.
 */
import type { Config } from "../config/schema.ts";
import { describeUnresolved, stateOfConfig } from "../experiment/configured.ts";
import type { FibState } from "../fib/state.ts";
import { loadConfig, readText } from "./config-file.ts";
import { CommandError, warn } from "./output.ts";

export const loadConfiguredState = (file: string): FibState => stateOf(file, loadConfig(file));

/** Of the configuration that the file has. */
export function stateOf(file: string, config: Config): FibState {
  warn(describeUnresolved(config).map((text) => `${file}: ${text}`));
  try {
    return stateOfConfig(config);
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message}`);
  }
}

export function loadSavedState(file: string): FibState {
  const text = readText(file);
  try {
    return JSON.parse(text) as FibState;
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message}, wanted what \`ecmp show groups --json\` prints`);
  }
}

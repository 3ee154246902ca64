/** What offline commands decide by: the FIB of a configuration's static routes, or a saved one; or the mistake, with the file's name. */
import { stateOfConfig } from "../experiment/configured.ts";
import type { FibState } from "../fib/state.ts";
import { loadConfig, readText } from "./config-file.ts";
import { CommandError } from "./output.ts";

export function loadConfiguredState(file: string): FibState {
  const config = loadConfig(file);
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

/** The options that say by which state flows are explained, for the commands that have them. */
import { type Command, Option } from "commander";
import { createExplainer, type Explanation } from "../experiment/explain.ts";
import { describeUnknownFields } from "../experiment/unknown-fields.ts";
import type { FibState } from "../fib/state.ts";
import type { Flow } from "../net/flow.ts";
import { DEFAULT_CONTROL_SOCKET } from "../router/control.ts";
import { askOnce } from "./control-client.ts";
import { CommandError, warn } from "./output.ts";
import { loadConfiguredState, loadSavedState } from "./state-file.ts";

export interface StateOptions {
  readonly config?: string;
  readonly state?: string;
  readonly live?: boolean;
  readonly control: string;
}

export const addStateOptions = (command: Command): Command =>
  command
    .option("--config <file>", "decide by this configuration and its static routes")
    .addOption(new Option("--state <file>", "decide by a saved `ecmp show groups --json`").conflicts("config"))
    .addOption(new Option("--live", "decide by the running router's groups").conflicts(["config", "state"]))
    .option("--control <socket>", "with --live: the router's control socket", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET);

/** Undefined: none was asked for. */
export async function loadState({ config, state, live, control }: StateOptions): Promise<FibState | undefined> {
  if (state !== undefined) return loadSavedState(state);
  if (live) return (await askOnce(control, { show: ["groups"] })) as FibState;
  return config === undefined ? undefined : loadConfiguredState(config);
}

export function explainerOf(state: FibState, options: StateOptions): (flow: Flow) => Explanation {
  try {
    const explain = createExplainer(state);
    // Only now is it known that the state has a hash.
    warn(describeUnknownFields(state.hash));
    return explain;
  } catch (error) {
    throw new CommandError(
      `${options.state ?? (options.live ? undefined : options.config) ?? "the router"}: ${(error as Error).message}`,
    );
  }
}

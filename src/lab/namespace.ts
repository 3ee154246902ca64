/** Network namespaces by name, inside the lab's own mount namespace (where `/run` is ours). */
import { type Clock, delay } from "../net/clock.ts";
import { LabFailure } from "./failure.ts";
import { execute } from "./process.ts";

/** The command that runs `command` in a namespace. nsenter replaces itself, so the process keeps its id and gets our signals. */
export const inNamespace = (name: string, command: readonly string[]): string[] => [
  "nsenter",
  `--net=/run/netns/${name}`,
  "--",
  ...command,
];

/** `execute`, again every `everyMs` until it succeeds; after `deadlineMs` its last failure is the answer. */
export async function executeUntilDone(clock: Clock, command: readonly string[], deadlineMs: number): Promise<string> {
  const everyMs = 50;
  const endMs = clock.nowMs() + deadlineMs;
  for (;;) {
    try {
      return await execute(command);
    } catch (error) {
      if (!(error instanceof LabFailure) || clock.nowMs() > endMs) throw error;
      await delay(clock, everyMs);
    }
  }
}

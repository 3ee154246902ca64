/** Whether the kernel lets us carry flows here: it is too old, or CAP_BPF is not ours in the machine's own user namespace. */
import { test } from "vitest";
import { openFlowOffload } from "#src/port/flow-offload.ts";

/** Why tests of carried flows cannot be run, or nothing. */
export function missingForFlowOffload(): string | undefined {
  try {
    openFlowOffload({ ports: 1, processors: 1, lanes: 1, nextHops: 1, flows: 4, seed: 1, ringSlots: 8192 }, [true]).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * What `flowOffload` can be here, for suites whose packets fare alike with it and without: `describe.each(flowOffloadChoices())`. Where it
 * cannot be had that is a skipped test of its own.
 */
export function flowOffloadChoices(): boolean[] {
  const missing = missingForFlowOffload();
  if (missing === undefined) return [false, true];
  test.skip(`carried flows: ${missing}`);
  return [false];
}

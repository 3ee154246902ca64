/** Whether the kernel lets us carry flows here: it is too old, or CAP_BPF is not ours in the machine's own user namespace. */
import { openFlowOffload } from "#src/port/flow-offload.ts";

/** Why tests of carried flows cannot be run, or nothing. */
export function missingForFlowOffload(): string | undefined {
  try {
    openFlowOffload({ ports: 1, processors: 1, lanes: 1, nextHops: 1, flows: 4, seed: 1 }, [true]).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

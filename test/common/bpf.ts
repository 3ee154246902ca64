/** Whether BPF can be had here: CAP_BPF and CAP_NET_ADMIN of the machine, Linux 6.6, JIT or not. */
import { type FlowOffload, openFlowOffload } from "#src/port/flow-offload.ts";

/** What stands in the way, or nothing. */
export function bpfObstacle(): string | undefined {
  let offload: FlowOffload;
  try {
    offload = openFlowOffload({ ports: 2, processors: 1, lanes: 1, nextHops: 2, flows: 8, seed: 1 }, [true]);
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
  offload.close();
  return undefined;
}

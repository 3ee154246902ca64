/**
 * What may happen to a speaker in an experiment, a row each: `lab.yaml` names a row as `event.kind`, and a run in namespaces
 * (`inside.ts`) strikes by it. Either way the node itself stays up, and goes on forwarding what it is sent.
 */
import type { FaultKind } from "./lab.ts";

export interface Fault {
  /** Sent to the process that speaks BGP. */
  readonly signal: NodeJS.Signals;
  /** "n2's speaker ...". */
  readonly past: string;
  /** Whether the router learns of it by its hold timer alone; else the kernel closes the session at once. */
  readonly silent: boolean;
}

export const FAULTS: Readonly<Record<FaultKind, Fault>> = {
  "kill-speaker": { signal: "SIGKILL", past: "killed", silent: false },
  "stop-speaker": { signal: "SIGSTOP", past: "stopped", silent: true },
};

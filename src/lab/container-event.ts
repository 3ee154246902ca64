/**
 * The event of a lab whose machines are containers: a node does it to its own speaker when SIGUSR1 tells it to, so it is one that
 * a signal can do. `part.ts` does it; `compose.ts` and `containerlab.ts` tell the user what it will be.
 */
import { LabFailure } from "./failure.ts";
import type { FaultKind, Lab } from "./lab.ts";

export interface ContainerEvent {
  readonly signal: NodeJS.Signals;
  /** What the node says that it has done to its speaker. */
  readonly done: string;
  /** "n2's ..." */
  readonly what: (lab: Lab) => string;
}

const EVENTS: { readonly [kind in FaultKind]?: ContainerEvent } = {
  "kill-speaker": { signal: "SIGKILL", done: "killed", what: () => "speaker dies" },
  "stop-speaker": {
    signal: "SIGSTOP",
    done: "stopped",
    what: ({ router }) => `speaker falls silent, the hold timer (${router.holdTimeSeconds} s) finds it`,
  },
};

export function containerEventOf({ experiment: { event } }: Lab): ContainerEvent {
  const found = EVENTS[event.kind];
  if (found) return found;
  throw new LabFailure("lab export", `the event is ${event.kind}`, `one that a signal can do: ${Object.keys(EVENTS).join(", ")}`);
}

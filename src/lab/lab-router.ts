/**
 * What the rest of a lab knows of the router in its middle, ours or another: what it has learned, what it decides by, when that
 * changed. `router-view.ts` is the view of ours, `linux-router.ts` that of a Linux router.
 */
import type { FibState } from "../fib/state.ts";
import type { Clock } from "../net/clock.ts";
import type { EventLog } from "./event-log.ts";
import type { RouterNode } from "./lab.ts";
import type { PeerSummary, RouteSummary } from "./router-view.ts";
import type { RouterStates } from "./tiers.ts";

export interface LabView {
  /** Among them `converged`, whenever packets go by a change. */
  readonly events: EventLog;
  /** By the address of the peer. */
  summary(): Promise<Readonly<Record<string, PeerSummary>>>;
  /** Of one prefix; of all it would be a long answer beside a full table. */
  routes(prefix: string): Promise<readonly RouteSummary[]>;
  /** All that it decides by, for the offline code. */
  groups(): Promise<FibState>;
  /**
   * The next hops that the packets of each flow have left for, by the flow's name: what a Linux kernel recorded behind its choice.
   */
  departures?(): Promise<ReadonlyMap<string, ReadonlySet<string>>>;
  /** Where our router is asked; another has none. */
  readonly controlSocket?: string;
}

export interface LabRouter {
  readonly node: RouterNode;
  readonly view: LabView;
  lastLines(count: number): readonly string[];
  stop(clock: Clock): Promise<void>;
}

/** All that each router decides by. */
export async function statesOf(routers: Readonly<Record<string, LabView>>): Promise<RouterStates> {
  return Object.fromEntries(
    await Promise.all(Object.entries(routers).map(async ([name, view]) => [name, await view.groups()] as const)),
  );
}

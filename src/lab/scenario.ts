/**
 * A scenario as a value: which lab, which router in the middle of it, what traffic, what happens to whom and when, and what
 * must come of it. `scenario-file.ts` makes it from YAML; `scenario-run.ts` plays it. Times are seconds since the traffic is up.
 */
import type { ToldFault } from "./fault-setting.ts";
import type { SessionSettings } from "./lab.ts";
import type { RouterSettings } from "./router-settings.ts";

/** Long-lived connections with a heartbeat, one from each source port; one that breaks is dialed again from another port. */
export interface ConnectionTraffic {
  readonly kind: "connections";
  readonly service: string;
  readonly count: number;
  /** Between two heartbeats of one of them. */
  readonly everyMs: number;
  readonly firstSourcePort: number;
}

/** What the load client is good for, of heartbeats and of datagrams; what a file asks beyond it is refused. */
export const MOST_BEATS_PER_SECOND = 5000;

/** How requests arrive: evenly, as a Poisson process, or as one whose rate goes from trough to peak and back in a period. */
export type Arrivals =
  | { readonly kind: "constant" | "poisson"; readonly perSecond: number }
  | {
      readonly kind: "diurnal";
      readonly troughPerSecond: number;
      readonly peakPerSecond: number;
      readonly periodSeconds: number;
    };

/**
 * How many exchanges a connection is kept for: always as many, any number between two alike, or as many as chance makes it with
 * that mean.
 */
export type Exchanges =
  | { readonly kind: "fixed"; readonly count: number }
  | { readonly kind: "uniform"; readonly least: number; readonly most: number }
  | { readonly kind: "geometric"; readonly mean: number };

/**
 * Short connections, by HTTP/1.1 where the service speaks that: each asks `exchanges` questions of `bytes` bytes, one every
 * `everyMs`, is answered with as many, and is tried again `retries` times from its beginning.
 */
export interface RequestTraffic {
  readonly kind: "requests";
  readonly service: string;
  readonly arrivals: Arrivals;
  readonly exchanges: Exchanges;
  readonly everyMs: number;
  readonly bytes: number;
  readonly retries: number;
  readonly firstSourcePort: number;
}

/** Flows of UDP, each a datagram with a number every `everyMs`, from one source port. */
export interface DatagramTraffic {
  readonly kind: "datagrams";
  readonly service: string;
  readonly flows: number;
  readonly everyMs: number;
  readonly firstSourcePort: number;
}

export type Traffic = ConnectionTraffic | RequestTraffic | DatagramTraffic;

/** Something happens to a node; with `untilSeconds` it is undone then. */
export interface FaultStep extends ToldFault {
  readonly atSeconds: number;
  readonly untilSeconds?: number | undefined;
}

/** Nothing of what stands behind it begins before the router has done what the faults before it lead to. */
export interface WaitStep {
  readonly wait: WaitName;
}

/** A name is moved to another service, as an operator does before what the first one stands on goes. */
export interface NameStep {
  readonly atSeconds: number;
  readonly name: string;
  readonly to: string;
}

/** `converged`: packets go by every change so far; `established`: every session is up. */
export const WAIT_NAMES = ["converged", "established"] as const;
export type WaitName = (typeof WAIT_NAMES)[number];

export type Step = FaultStep | WaitStep | NameStep;

export type Comparison = "<" | "<=" | "=" | ">=" | ">";

/** Something demanded of the outcome, as it was written. Without a demand: that all was as forecast, or for a named reason. */
export interface Assertion {
  readonly text: string;
  readonly demand?: {
    /** A row of `assertion.ts`. */
    readonly quantity: string;
    /** Whose flows; all when absent. */
    readonly service: string | undefined;
    readonly comparison: Comparison;
    /** In the unit of the row. */
    readonly limit: number;
  };
}

/** One strategy of a scenario file. */
export interface Scenario extends SessionSettings {
  readonly name: string;
  readonly description: string;
  readonly lab: string;
  readonly seed: number;
  readonly router: RouterSettings;
  readonly traffic: readonly Traffic[];
  readonly timeline: readonly Step[];
  /** How long everything is watched after the last step. */
  readonly watchSeconds: number;
  readonly assertions: readonly Assertion[];
}

/** One client has all connections, and one beat for them: that of the slowest. */
export const heartbeatMsOf = ({ traffic }: Scenario): number =>
  Math.max(...traffic.flatMap((each) => (each.kind === "connections" ? each.everyMs : [])), 10);

/** How long a connection may be silent before its client gives it up: three heartbeats, and never less than two seconds. */
export const patienceMsOf = (scenario: Scenario): number => Math.max(2000, 3 * heartbeatMsOf(scenario));

/**
 * A running router as the rest of a lab sees it: its events as they come, and the answers of `ecmp show`. It is asked through
 * its control socket by the commands that anybody would use, so what a lab believes is what a user is told.
 */
import type { FibState } from "../fib/state.ts";
import type { Clock } from "../net/clock.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { EventLog, type RouterEvent } from "./event-log.ts";
import type { Place } from "./place.ts";
import { Daemon, execute } from "./process.ts";

export interface PeerSummary {
  readonly state: string;
  /** Prefixes received. */
  readonly pfxRcd: number;
}

export interface RouteSummary {
  readonly prefix: string;
  readonly nextHops: readonly { readonly address: string; readonly weight: number }[];
}

export class RouterView {
  readonly events: EventLog;
  readonly controlSocket: string;
  readonly #place: Place;
  readonly #follower: Daemon;

  private constructor(clock: Clock, place: Place, controlSocket: string, follower: Daemon) {
    this.events = new EventLog(clock);
    this.controlSocket = controlSocket;
    this.#place = place;
    this.#follower = follower;
    follower.onLine((line) => this.events.add(JSON.parse(line) as RouterEvent));
  }

  /** Of a router that is ready. */
  static async follow(clock: Clock, place: Place, controlSocket: string): Promise<RouterView> {
    const command = [...ECMP_COMMAND, "show", "events", "--follow", "--json", "--control", controlSocket];
    return new RouterView(clock, place, controlSocket, await Daemon.start("events", place(command)));
  }

  /** Settles when no more events can come. */
  get ended(): Promise<unknown> {
    return this.#follower.exited;
  }

  async summary(): Promise<Readonly<Record<string, PeerSummary>>> {
    return ((await this.#show("bgp", "summary")) as { peers: Record<string, PeerSummary> }).peers;
  }

  /** Of one prefix; of all it would be a long answer beside a full table. */
  routes = async (prefix: string): Promise<readonly RouteSummary[]> => (await this.#show("routes", prefix)) as RouteSummary[];
  groups = async (): Promise<FibState> => (await this.#show("groups")) as FibState;

  async stop(clock: Clock): Promise<void> {
    await this.#follower.stop(clock);
  }

  async #show(...words: string[]): Promise<unknown> {
    return await askRouter(this.#place, this.controlSocket, ...words);
  }
}

/** What `ecmp show ...words --json` says. */
export async function askRouter(place: Place, controlSocket: string, ...words: string[]): Promise<unknown> {
  return JSON.parse(await execute(place([...ECMP_COMMAND, "show", ...words, "--json", "--control", controlSocket])));
}

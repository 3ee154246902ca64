/** The router of a lab: `ecmp run` in its namespace, asked through `ecmp show` as anybody would ask it. */
import { writeFile } from "node:fs/promises";
import type { FibState } from "../fib/state.ts";
import type { Clock } from "../net/clock.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { EventLog, type RouterEvent } from "./event-log.ts";
import { LabFailure } from "./failure.ts";
import type { Lab, SelectorChoice } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { Daemon, execute } from "./process.ts";
import { renderRouterConfig } from "./router-config.ts";

const READY_DEADLINE_MS = 15_000;

export interface PeerSummary {
  readonly state: string;
}

export interface RouteSummary {
  readonly prefix: string;
  readonly nextHops: readonly { readonly address: string; readonly weight: number }[];
}

export class RouterProcess {
  readonly events: EventLog;
  readonly controlSocket: string;
  readonly #namespace: string;
  readonly #daemon: Daemon;
  #follower: Daemon | undefined;
  #stopping = false;

  private constructor(clock: Clock, namespace: string, controlSocket: string, daemon: Daemon) {
    this.events = new EventLog(clock);
    this.controlSocket = controlSocket;
    this.#namespace = namespace;
    this.#daemon = daemon;
  }

  /** A router that ends by itself ends every wait for it, with its last words. */
  #watch(): void {
    void this.#daemon.exited.then(({ code, signal }) => {
      if (this.#stopping) return;
      const words = [`it ended (${code ?? signal})`, ...this.#daemon.lastLines(5)].join("\n    ");
      this.events.end(new LabFailure("router", words, "a router that runs until it is stopped"));
    });
  }

  static async start(clock: Clock, lab: Lab, selector: SelectorChoice, directory: string): Promise<RouterProcess> {
    const file = `${directory}/router.yaml`;
    const controlSocket = `${directory}/router.sock`;
    const namespace = lab.router.name;
    await writeFile(file, renderRouterConfig(lab, selector));
    const command = [...ECMP_COMMAND, "run", file, "--control", controlSocket];
    const daemon = await Daemon.start("router", inNamespace(namespace, command));
    const router = new RouterProcess(clock, namespace, controlSocket, daemon);
    await daemon.untilLine("ready", clock, READY_DEADLINE_MS);
    router.#watch();
    await router.#follow();
    return router;
  }

  async summary(): Promise<Readonly<Record<string, PeerSummary>>> {
    return ((await this.#show("bgp", "summary")) as { peers: Record<string, PeerSummary> }).peers;
  }

  routes = async (): Promise<readonly RouteSummary[]> => (await this.#show("routes")) as RouteSummary[];
  groups = async (): Promise<FibState> => (await this.#show("groups")) as FibState;

  lastLines = (count: number): string[] => this.#daemon.lastLines(count);

  /** SIGTERM: a Cease to every peer, then the end. */
  async stop(clock: Clock): Promise<void> {
    this.#stopping = true;
    await this.#follower?.stop(clock);
    await this.#daemon.stop(clock);
  }

  async #show(...words: string[]): Promise<unknown> {
    const command = [...ECMP_COMMAND, "show", ...words, "--json", "--control", this.controlSocket];
    return JSON.parse(await execute(inNamespace(this.#namespace, command)));
  }

  async #follow(): Promise<void> {
    const command = [...ECMP_COMMAND, "show", "events", "--follow", "--json", "--control", this.controlSocket];
    this.#follower = await Daemon.start("events", inNamespace(this.#namespace, command));
    this.#follower.onLine((line) => this.events.add(JSON.parse(line) as RouterEvent));
  }
}

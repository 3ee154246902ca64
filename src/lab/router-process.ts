/** The router of a lab: `ecmp run` in its namespace, and the view of it that the lab works with. */
import { writeFile } from "node:fs/promises";
import type { Clock } from "../net/clock.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import type { Lab, RouterNode } from "./lab.ts";
import type { LabRouter } from "./lab-router.ts";
import { placeOf } from "./place.ts";
import { Daemon } from "./process.ts";
import { renderRouterConfig } from "./router-config.ts";
import { RouterView } from "./router-view.ts";
import { controlSocketOf } from "./stage.ts";

const READY_DEADLINE_MS = 60_000;

export class RouterProcess implements LabRouter {
  readonly node: RouterNode;
  readonly view: RouterView;
  readonly #daemon: Daemon;
  #stopping = false;

  private constructor(node: RouterNode, daemon: Daemon, view: RouterView) {
    this.node = node;
    this.#daemon = daemon;
    this.view = view;
  }

  /** A router that ends by itself ends every wait for it, with its last words. */
  #watch(): void {
    void this.#daemon.exited.then(({ code, signal }) => {
      if (this.#stopping) return;
      const words = [`it ended (${code ?? signal})`, ...this.#daemon.lastLines(5)].join("\n    ");
      this.view.events.end(new LabFailure("router", words, "a router that runs until it is stopped"));
    });
  }

  static async start(clock: Clock, lab: Lab, node: RouterNode, ecmp: object, directory: string): Promise<RouterProcess> {
    const file = `${directory}/${node.name}.yaml`;
    const controlSocket = controlSocketOf(node.name);
    const place = placeOf(node.name);
    await writeFile(file, renderRouterConfig(lab, node, ecmp, "by interface"));
    const daemon = await Daemon.start(node.name, place([...ECMP_COMMAND, "run", file, "--control", controlSocket]));
    await daemon.untilLine("ready", clock, READY_DEADLINE_MS);
    const router = new RouterProcess(node, daemon, await RouterView.follow(clock, place, controlSocket));
    router.#watch();
    return router;
  }

  get running(): boolean {
    return this.#daemon.running;
  }

  lastLines = (count: number): string[] => this.#daemon.lastLines(count);

  /** SIGKILL: its peers are told by its kernel. */
  async kill(clock: Clock): Promise<void> {
    this.#stopping = true;
    this.#daemon.kill("SIGKILL");
    await this.#daemon.exited;
    await this.view.stop(clock);
  }

  /** SIGTERM: a Cease to every peer, then the end. */
  async stop(clock: Clock): Promise<void> {
    this.#stopping = true;
    await this.view.stop(clock);
    await this.#daemon.stop(clock);
  }
}

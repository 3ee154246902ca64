/** The load client's process as the run sees it: orders go in, records come back. */
import { fileURLToPath } from "node:url";
import type { Clock } from "../net/clock.ts";
import type { ConnectionRecord, ConnectionTarget } from "./connection.ts";
import { LabFailure } from "./failure.ts";
import type { Place } from "./place.ts";
import { Daemon } from "./process.ts";
import type { RequestOrder, RequestRecord } from "./request.ts";

const LOAD_PROCESS = fileURLToPath(new URL("./load-process.js", import.meta.url));

export interface LoadReport {
  readonly connections: readonly ConnectionRecord[];
  readonly requests: readonly RequestRecord[];
}

export class Load {
  readonly #daemon: Daemon;
  #answer: ((line: string) => void) | undefined;

  private constructor(daemon: Daemon) {
    this.#daemon = daemon;
    daemon.onLine((line) => this.#answer?.(line));
  }

  /** `broken`: what becomes of a connection that broke. */
  static async start(place: Place, broken: "left" | "redialed" = "left"): Promise<Load> {
    const words = broken === "redialed" ? ["--redial"] : [];
    return new Load(await Daemon.start("load client", place([process.execPath, LOAD_PROCESS, ...words])));
  }

  open = async (targets: readonly ConnectionTarget[]): Promise<readonly ConnectionRecord[]> =>
    (await this.#order({ open: targets })).connections;
  begin = (orders: readonly RequestOrder[]): Promise<LoadReport> => this.#order({ begin: orders });
  report = (): Promise<LoadReport> => this.#order({ report: true });

  async close(clock: Clock): Promise<void> {
    await this.#order({ close: true });
    await this.#daemon.stop(clock);
  }

  async #order(order: object): Promise<LoadReport> {
    const answered = new Promise<string>((resolve) => {
      this.#answer = resolve;
    });
    this.#daemon.send(`${JSON.stringify(order)}\n`);
    const line = await Promise.race([answered, this.#daemon.exited]);
    if (typeof line === "string") return JSON.parse(line) as LoadReport;
    throw new LabFailure("load client", `ended (${line.code ?? line.signal})`, "an answer", this.#daemon.lastLines(5).join("\n"));
  }
}

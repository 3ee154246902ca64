/** The load client's process as the run sees it: orders go in, records come back. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Clock } from "../net/clock.ts";
import type { ConnectionRecord, ConnectionTarget } from "./connection.ts";
import { LabFailure } from "./failure.ts";
import type { LoadOptions } from "./load-client.ts";
import type { Place } from "./place.ts";
import { Daemon, execute } from "./process.ts";
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

  /** `sockets`: how many it will have open at once. */
  static async start(place: Place, sockets: number, options: Partial<LoadOptions> = {}): Promise<Load> {
    const command = [process.execPath, LOAD_PROCESS, JSON.stringify(options)];
    const daemon = await Daemon.start("load client", place(command));
    await allowFiles(daemon.pid, sockets + SPARE_FILES);
    return new Load(daemon);
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

/** Of a Node process, and of attempts that are made again. */
const SPARE_FILES = 500;

/** More than a session's usual limit only an administrator may allow. */
async function allowFiles(pid: number, wanted: number): Promise<void> {
  const limits = await readFile(`/proc/${pid}/limits`, "utf8");
  const allowed = Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  try {
    if (allowed < wanted) await execute(["prlimit", "--pid", String(pid), `--nofile=${wanted}:${wanted}`]);
  } catch {
    throw new LabFailure(
      "load client",
      `${allowed} open files allowed (ulimit -Hn)`,
      `${wanted}`,
      "fewer connections, or run it as root",
    );
  }
}

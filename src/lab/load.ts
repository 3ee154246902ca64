/** The load client's processes as the run sees them: orders go in, records come back. As many as the connections need. */
import { fileURLToPath } from "node:url";
import type { Clock } from "../net/clock.ts";
import type { ConnectionRecord, ConnectionTarget } from "./connection.ts";
import type { DatagramOrder, DatagramRecord } from "./datagram.ts";
import { LabFailure } from "./failure.ts";
import type { LoadOptions } from "./load-client.ts";
import type { Place } from "./place.ts";
import { Daemon } from "./process.ts";
import type { RequestOrder, RequestRecord } from "./request.ts";

const LOAD_PROCESS = fileURLToPath(new URL("./load-process.js", import.meta.url));

export interface LoadReport {
  readonly connections: readonly ConnectionRecord[];
  readonly requests: readonly RequestRecord[];
  readonly datagrams: readonly DatagramRecord[];
}

/** A process may have some ten thousand files open, and one processor beats for as many. */
const MOST_SOCKETS = 8000;

export class Load {
  /** Connections are dealt to them in turn; requests and datagrams are the first one's. */
  readonly #processes: readonly LoadProcess[];

  private constructor(processes: readonly LoadProcess[]) {
    this.#processes = processes;
  }

  /** `sockets`: how many connections it will have open at once. */
  static async start(place: Place, sockets: number, options: Partial<LoadOptions> = {}): Promise<Load> {
    const command = place([process.execPath, LOAD_PROCESS, JSON.stringify(options)]);
    const count = Math.max(1, Math.ceil(sockets / MOST_SOCKETS));
    return new Load(await Promise.all(Array.from({ length: count }, () => LoadProcess.start(command))));
  }

  get processCount(): number {
    return this.#processes.length;
  }

  async open(targets: readonly ConnectionTarget[]): Promise<readonly ConnectionRecord[]> {
    const count = this.#processes.length;
    const dealt = this.#processes.map((_, i) => ({ open: targets.filter((_target, index) => index % count === i) }));
    return (await this.#order((i) => dealt[i])).connections;
  }

  /** Until each flow has its first answer. */
  async send(orders: readonly DatagramOrder[]): Promise<void> {
    await this.#processes[0].order({ send: orders });
  }

  async begin(orders: readonly RequestOrder[]): Promise<void> {
    await this.#processes[0].order({ begin: orders });
  }

  report = (): Promise<LoadReport> => this.#order(() => ({ report: true }));

  /** Ends all that is open. */
  async close(): Promise<void> {
    await this.#order(() => ({ close: true }));
  }

  /** Ends the processes, and with them what is still open. */
  async stop(clock: Clock): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.stop(clock)));
  }

  async #order(orderOf: (process: number) => object): Promise<LoadReport> {
    const reports = await Promise.all(this.#processes.map((each, i) => each.order(orderOf(i))));
    return {
      connections: reports.flatMap(({ connections }) => connections),
      requests: reports.flatMap(({ requests }) => requests),
      datagrams: reports.flatMap(({ datagrams }) => datagrams),
    };
  }
}

class LoadProcess {
  readonly #daemon: Daemon;
  #answer: ((line: string) => void) | undefined;

  private constructor(daemon: Daemon) {
    this.#daemon = daemon;
    daemon.onLine((line) => this.#answer?.(line));
  }

  static start = async (command: readonly string[]): Promise<LoadProcess> =>
    new LoadProcess(await Daemon.start("load client", command));

  stop = (clock: Clock): Promise<unknown> => this.#daemon.stop(clock);

  async order(order: object): Promise<LoadReport> {
    const answered = new Promise<string>((resolve) => {
      this.#answer = resolve;
    });
    this.#daemon.send(`${JSON.stringify(order)}\n`);
    const line = await Promise.race([answered, this.#daemon.exited]);
    if (typeof line === "string") return JSON.parse(line) as LoadReport;
    throw new LabFailure("load client", `ended (${line.code ?? line.signal})`, "an answer", this.#daemon.lastLines(5).join("\n"));
  }
}

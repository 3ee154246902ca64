/**
 * BFD as the router has it: a thread of its own with all sessions (`worker.ts`), so that nothing the main thread does, a full
 * table say, fails a timer. It is started with the first session and ends with the last. A thread that dies is replaced, and
 * its sessions begin anew; that is no loss of any path. What cannot be had, a thread or a socket, is tried again.
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "../net/clock.ts";
import type { Random } from "../net/random.ts";
import { Wake } from "../port/wake.ts";
import { DROPS, type Drop } from "./packet.ts";
import type { BfdChange, BfdPeer, BfdSessionView } from "./sessions.ts";
import type { BfdOrder, BfdReport, BfdWorkerSetup } from "./worker.ts";

export interface BfdOptions {
  readonly clock: Clock;
  readonly random: Random;
  onChange(change: BfdChange): void;
  /** It has no thread, or not all of its sockets, and tries again. */
  onDeath(reason: string): void;
}

interface Seat {
  readonly worker: Worker;
  readonly wake: Wake;
  readonly exited: Promise<void>;
}

const RETRY_AFTER_MS = 1000;
const NO_DROPS = Object.fromEntries(DROPS.map((drop) => [drop, 0])) as Record<Drop, number>;

export class Bfd {
  private readonly options: BfdOptions;
  private peers: readonly BfdPeer[] = [];
  private seat: Seat | undefined;
  private latest: { readonly views: readonly BfdSessionView[]; readonly drops: Readonly<Record<Drop, number>> };
  private answer: ((problems: readonly string[]) => void) | undefined;
  private cancelRetry = (): void => {};
  private last: Promise<void> = Promise.resolve();

  constructor(options: BfdOptions) {
    this.options = options;
    this.latest = { views: [], drops: NO_DROPS };
  }

  /** These are the sessions, after whatever was asked for before; rejects with the reasons if there is no socket for some. */
  configure(peers: readonly BfdPeer[]): Promise<void> {
    const done = this.last.then(() => this.bringTo(peers));
    this.last = done.catch(() => undefined);
    return done;
  }

  private async bringTo(peers: readonly BfdPeer[]): Promise<void> {
    this.cancelRetry();
    this.peers = peers;
    if (peers.length === 0) return this.stop();
    try {
      const problems = await this.order(this.seat ?? this.start());
      if (problems.length > 0) throw new Error(problems.join("; "));
    } catch (error) {
      this.tryAgain();
      throw new Error(`BFD: ${(error as Error).message}`);
    }
  }

  /** States as of the last change, counters of the last second. */
  state() {
    return this.latest;
  }

  private start(): Seat {
    const wake = new Wake();
    const workerData: BfdWorkerSetup = { seed: this.options.random(), wakeDescriptor: wake.descriptor };
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData, name: "bfd" });
    let reason = "it ended";
    worker.on("message", (report: BfdReport) => this.hear(report));
    worker.on("error", (error) => {
      reason = error.message;
    });
    const exited = new Promise<void>((resolve) => {
      worker.on("exit", () => {
        wake.close();
        if (this.seat === seat) this.bury(reason);
        resolve();
      });
    });
    const seat: Seat = { worker, wake, exited };
    this.seat = seat;
    return seat;
  }

  private order({ worker, wake }: Seat): Promise<readonly string[]> {
    return new Promise((resolve) => {
      this.answer = resolve;
      worker.postMessage({ kind: "configure", peers: this.peers } satisfies BfdOrder);
      wake.signal();
    });
  }

  private hear(report: BfdReport): void {
    if (report.kind === "change") this.options.onChange(report.change);
    else if (report.kind === "views") this.latest = report;
    else this.answer?.(report.problems);
  }

  private bury(reason: string): void {
    this.seat = undefined;
    this.latest = { views: [], drops: NO_DROPS };
    this.answer?.([`its thread died: ${reason}`]);
    this.options.onDeath(reason);
    this.tryAgain();
  }

  private tryAgain(): void {
    this.cancelRetry();
    this.cancelRetry = this.options.clock.setTimer(RETRY_AFTER_MS, () => this.retry());
  }

  /** Nobody waits for it: what is in its way (no descriptor is left, say) is told, and throws past nobody. */
  private retry(): void {
    let seat: Seat;
    try {
      seat = this.seat ?? this.start();
    } catch (error) {
      return this.bury((error as Error).message);
    }
    void this.order(seat).then((problems) => {
      if (problems.length === 0 || this.seat !== seat) return;
      this.options.onDeath(problems.join("; "));
      this.tryAgain();
    });
  }

  private async stop(): Promise<void> {
    const { seat } = this;
    this.seat = undefined;
    if (seat) {
      seat.worker.postMessage({ kind: "stop" } satisfies BfdOrder);
      seat.wake.signal();
      await seat.exited;
    }
    // Its last words were about sessions that are no more.
    this.latest = { views: [], drops: NO_DROPS };
  }
}

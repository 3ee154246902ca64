/**
 * The workers' keeper: starts them, wakes them when there is something new, replaces one that dies (its counters are shared
 * memory of ours and go on), and stops them all. They may take over from those of another data plane, which forward until all of
 * ours are seated and wait for their end; where one cannot be seated those go on. One more stands by, loaded and warm, its rings
 * open and deaf, because to start a thread and to open rings takes longer than a router may be silent. From then on it never gives
 * up on a worker: one that cannot open its rings because an interface is gone, for however long, is back soon after the interface is.
 */
import { Worker } from "node:worker_threads";
import { type ChannelEntry, type ChannelReader, createChannelMemory, createChannelReader } from "../dataplane/channel.ts";
import { createCounterMemory } from "../dataplane/counters.ts";
import { createEndings, ENDING, setEnding } from "../dataplane/ending.ts";
import { LANES_A_WORKER } from "../dataplane/offload.ts";
import type { WorkerMessage, WorkerSeat, WorkerStart } from "../dataplane/worker.ts";
import type { Clock } from "../net/clock.ts";
import type { Wake } from "../port/wake.ts";

export interface SupervisorOptions extends Omit<WorkerStart, "stop" | "endings"> {
  readonly clock: Clock;
  /** By worker: what ends its wait. Whoever made them closes them, after `stop`. */
  readonly wakes: readonly Wake[];
  /** Whose place ours take; absent: nobody forwards. */
  readonly before?: Predecessor | undefined;
  /** Whether a worker that cannot begin, when nobody else goes on, is replaced as one that dies later; else that is told, and the end. */
  readonly isPersistent?: boolean;
  launch(start: WorkerStart): Worker;
  onEntry(entry: ChannelEntry): void;
  onAcknowledged(): void;
  onDeath(index: number, reason: string): void;
}

/** Entries taken from one worker's channel before the main thread looks at anything else. */
const ENTRIES_PER_TURN = 256;
/** How long a seat stays empty, by how often in a row its worker has died; the last holds for all deaths after. */
const PAUSES_MS = [0, 100, 200, 500, 1000, 2000, 5000];
/** A worker that has forwarded for so long has died for the first time, whatever was before. */
const STEADY_MS = 10_000;
/** Workers that a seat is given, one after the other, before nobody waits for it any more. */
const WORKERS_TO_WAIT_FOR = 3;

/** A worker without a seat: it warms up, opens its rings, and waits to be posted its seat. */
export const launchWorker = (start: WorkerStart): Worker =>
  new Worker(new URL("../dataplane/worker.js", import.meta.url), { workerData: start, name: "worker" });

interface Seat {
  readonly counters: SharedArrayBuffer;
  readonly channel: SharedArrayBuffer;
  reader: ChannelReader;
  readonly wake: Wake;
  /** That sits there. */
  worker: Worker | undefined;
  /** How far that one is: `waits` for the end of those before. */
  stage: "begins" | "waits" | "forwards";
  /** Workers that have sat there. */
  turns: number;
  /** In a row. */
  deaths: number;
  cancelReplacement: () => void;
}

export type Supervisor = ReturnType<typeof createSupervisor>;

/** The keeper of the workers whose place ours take. */
export interface Predecessor {
  readonly endings: SharedArrayBuffer;
  end(): void;
}

export function createSupervisor(options: SupervisorOptions) {
  const { clock, wakes, before, isPersistent = false, launch, onEntry, onAcknowledged, onDeath, ...shared } = options;
  const stop = new SharedArrayBuffer(4);
  const stopWord = new Int32Array(stop);
  const endings = createEndings(wakes.length);
  const isEnding = (): boolean => Atomics.load(stopWord, 0) !== 0;
  const seats: Seat[] = wakes.map((wake) => {
    const channel = createChannelMemory();
    return {
      counters: createCounterMemory(),
      channel,
      reader: createChannelReader(channel),
      wake,
      worker: undefined,
      stage: "begins",
      turns: 0,
      deaths: 0,
      cancelReplacement: () => {},
    };
  });

  const drain = (seat: Seat): void => {
    if (seat.reader.drain(ENTRIES_PER_TURN, onEntry).more) setImmediate(drain, seat);
  };

  /** Of every worker that ever had a seat and has not ended. */
  const exits = new Set<Promise<void>>();
  /** Without a seat: warm, or getting so. */
  const spares: Worker[] = [];
  const launchOne = (): Worker => launch({ ...shared, stop, endings });

  /** Resolves when it is warm; rejects with what it said if it cannot be. */
  const standBy = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = launchOne();
      spares.push(worker);
      let reason = "it ended";
      const leave = (): void => {
        if (spares.includes(worker)) spares.splice(spares.indexOf(worker), 1);
        reject(new Error(reason));
      };
      worker.on("message", (message: WorkerMessage) => message === "warm" && resolve());
      worker.on("error", (error) => {
        reason = error.message;
        leave();
      });
      worker.on("exit", leave);
    });

  /** For whoever dies next. If it cannot be had, that is told when it is needed. */
  const keepOne = (): void => {
    if (spares.length === 0 && !isEnding()) standBy().catch(() => {});
  };

  /** When a seat is another worker's, or its worker has come further. */
  let onStage = (): void => {};

  /** Resolves when the worker waits for the end of those before, or forwards; rejects with what it said if it does neither. */
  const seatWorker = (seat: Seat, index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = spares.shift() ?? launchOne();
      seat.worker = worker;
      const advance = (stage: Seat["stage"]): void => {
        if (seat.worker !== worker) return;
        seat.stage = stage;
        onStage();
      };
      advance("begins");
      let reason = "it ended";
      let readyAtMs: number | undefined;
      worker.on("message", (message: WorkerMessage) => {
        if (message === "bell") drain(seat);
        else if (message === "acknowledged") onAcknowledged();
        else if (message === "waits") {
          advance("waits");
          resolve();
        } else if (message === "ready") {
          readyAtMs = clock.nowMs();
          keepOne();
          advance("forwards");
          resolve();
        }
      });
      let isOver = false;
      const leave = (): void => {
        if (isOver) return;
        isOver = true;
        seat.worker = undefined;
        if (isEnding()) setEnding(endings, index, ENDING.drained);
        const { stage } = seat;
        seat.stage = "begins";
        if (stage === "begins") return reject(new Error(reason));
        if (readyAtMs !== undefined && clock.nowMs() - readyAtMs >= STEADY_MS) seat.deaths = 0;
        mourn(seat, index, reason);
      };
      // It does nothing any more but close its rings, for which the kernel takes 25 ms each: nobody waits for that.
      worker.on("error", (error) => {
        reason = error.message;
        leave();
      });
      const exit = new Promise<void>((resolve) => worker.on("exit", () => resolve()));
      exits.add(exit);
      void exit.then(() => exits.delete(exit));
      worker.on("exit", leave);
      const { counters, channel, wake } = seat;
      const after = before?.endings;
      const lane = index * LANES_A_WORKER + (seat.turns++ % LANES_A_WORKER);
      worker.postMessage({ index, counters, channel, wakeDescriptor: wake.descriptor, lane, after } satisfies WorkerSeat);
    });

  const mourn = (seat: Seat, index: number, reason: string): void => {
    if (isEnding()) return;
    onDeath(index, reason);
    const pauseMs = PAUSES_MS[Math.min(seat.deaths++, PAUSES_MS.length - 1)];
    if (pauseMs === 0) replace(seat, index);
    else seat.cancelReplacement = clock.setTimer(pauseMs, () => replace(seat, index));
    onStage();
  };

  const replace = (seat: Seat, index: number): void => {
    new Int32Array(seat.channel).fill(0, 0, 4);
    seat.reader = createChannelReader(seat.channel);
    seatWorker(seat, index).catch((error: Error) => mourn(seat, index, error.message));
  };

  /** Those before go on meanwhile: a seat may be tried more than once, and not for ever. */
  const seatToWait = async (seat: Seat, index: number): Promise<void> => {
    for (let left = WORKERS_TO_WAIT_FOR; ; left--) {
      try {
        return await seatWorker(seat, index);
      } catch (error) {
        if (left === 1 || isEnding()) throw error;
        onDeath(index, (error as Error).message);
      }
    }
  };

  /** Resolves when every seat's worker is so far, or is replaced for so often that nobody waits for it. */
  const untilAll = (stage: Seat["stage"]): Promise<void> =>
    new Promise((resolve) => {
      const isSettled = (seat: Seat): boolean =>
        seat.stage === stage || seat.stage === "forwards" || seat.deaths >= WORKERS_TO_WAIT_FOR;
      onStage = () => {
        if (isEnding() || seats.every(isSettled)) resolve();
      };
      onStage();
    });

  const wake = (): void => {
    for (const seat of seats) seat.wake.signal();
  };

  const end = (): void => {
    if (isEnding()) return;
    Atomics.store(stopWord, 0, 1);
    for (const [index, seat] of seats.entries()) {
      seat.cancelReplacement();
      if (seat.worker === undefined) setEnding(endings, index, ENDING.drained);
    }
    onStage();
    wake();
  };

  return {
    counterMemories: seats.map((seat) => seat.counters),
    /** Of our workers, for those of the next data plane. */
    endings,

    /**
     * Resolves when there is a warm worker for every seat, which sits there and waits if there are others before: what cannot be
     * had is known before anybody else's end.
     */
    async prepare(): Promise<void> {
      const warm = seats.map(standBy);
      if (isPersistent && !before) return void (await Promise.allSettled(warm));
      await Promise.all(warm);
      if (before) await Promise.all(seats.map(seatToWait));
    },

    /**
     * Resolves when all forward: at once, or from the moment when all of ours wait for the end of those before. As those go on
     * until then, one of ours that dies is replaced, and waited for.
     */
    async start(): Promise<void> {
      if (before) {
        await untilAll("waits");
        before.end();
      } else await Promise.all(seats.map(isPersistent ? replace : seatWorker));
      await untilAll("forwards");
    },

    wake,

    /** Ends a worker where it stands, as if it had failed; false: nobody sits there. */
    kill(index: number): boolean {
      const seat = seats[index];
      if (seat?.worker === undefined) return false;
      void seat.worker.terminate();
      // It may be asleep in the kernel, where no end reaches it.
      seat.wake.signal();
      return true;
    },

    /** They go deaf, forward what they have heard, and end; nobody takes their place. */
    end,

    /** Resolves when they have ended and all that they left for the main thread is taken. */
    async stop(): Promise<void> {
      end();
      await Promise.all(spares.splice(0).map((spare) => spare.terminate()));
      await Promise.all(exits);
      for (const seat of seats) seat.reader.drain(Number.POSITIVE_INFINITY, onEntry);
    },
  };
}

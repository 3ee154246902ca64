/**
 * The workers' keeper: starts them, wakes them when there is something new, replaces one that dies (its counters are shared
 * memory of ours and go on), and stops them all.
 */
import { Worker } from "node:worker_threads";
import { type ChannelEntry, type ChannelReader, createChannelMemory, createChannelReader } from "../dataplane/channel.ts";
import { createCounterMemory } from "../dataplane/counters.ts";
import type { WorkerMessage, WorkerPort, WorkerSetup } from "../dataplane/worker.ts";
import type { ImageBuffers } from "../fib/image.ts";
import type { HashState } from "../fib/state.ts";
import type { Clock } from "../net/clock.ts";
import { Wake } from "../port/wake.ts";

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly workers: number;
  readonly ports: readonly WorkerPort[];
  readonly slots: number;
  readonly hash: HashState;
  readonly selector: string;
  readonly image: ImageBuffers;
  readonly taps: readonly SharedArrayBuffer[];
  onEntry(entry: ChannelEntry): void;
  onAcknowledged(): void;
  onDeath(index: number, reason: string): void;
}

/** Entries taken from one worker's channel before the main thread looks at anything else. */
const ENTRIES_PER_TURN = 256;
/** A worker that dies more often than this, counted since the start, is a fault that a restart does not mend. */
const MAXIMUM_DEATHS = 100;
/** A worker that cannot open its rings (an interface is gone) tries again. */
const RESEAT_AFTER_MS = 1000;

interface Seat {
  readonly counters: SharedArrayBuffer;
  readonly channel: SharedArrayBuffer;
  reader: ChannelReader;
  readonly wake: Wake;
  worker: Worker | undefined;
  exited: Promise<void>;
}

export type Supervisor = ReturnType<typeof createSupervisor>;

export function createSupervisor(options: SupervisorOptions) {
  const stop = new SharedArrayBuffer(4);
  const stopWord = new Int32Array(stop);
  let deaths = 0;
  const seats: Seat[] = Array.from({ length: options.workers }, () => {
    const channel = createChannelMemory();
    const reader = createChannelReader(channel);
    return { counters: createCounterMemory(), channel, reader, wake: new Wake(), worker: undefined, exited: Promise.resolve() };
  });

  const drain = (seat: Seat): void => {
    if (seat.reader.drain(ENTRIES_PER_TURN, options.onEntry).more) setImmediate(drain, seat);
  };

  /** Resolves when the worker forwards; rejects with what it said if it cannot. */
  const seatWorker = (seat: Seat, index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const {
        workers: _,
        clock: _clock,
        onEntry: _onEntry,
        onAcknowledged: _onAcknowledged,
        onDeath: _onDeath,
        ...shared
      } = options;
      const setup: WorkerSetup = {
        ...shared,
        index,
        counters: seat.counters,
        channel: seat.channel,
        stop,
        wakeDescriptor: seat.wake.descriptor,
      };
      const worker = new Worker(new URL("../dataplane/worker.js", import.meta.url), {
        workerData: setup,
        name: `worker-${index}`,
      });
      let reason = "it ended";
      let isReady = false;
      worker.on("message", (message: WorkerMessage) => {
        if (message === "bell") drain(seat);
        else if (message === "acknowledged") options.onAcknowledged();
        else {
          isReady = true;
          resolve();
        }
      });
      worker.on("error", (error) => {
        reason = error.message;
      });
      seat.worker = worker;
      seat.exited = new Promise((exited) => {
        worker.on("exit", () => {
          exited();
          seat.worker = undefined;
          if (!isReady) return reject(new Error(reason));
          if (Atomics.load(stopWord, 0) !== 0) return;
          options.onDeath(index, reason);
          if (++deaths < MAXIMUM_DEATHS) replace(seat, index);
        });
      });
    });

  const replace = (seat: Seat, index: number): void => {
    if (Atomics.load(stopWord, 0) !== 0) return;
    new Int32Array(seat.channel).fill(0, 0, 4);
    seat.reader = createChannelReader(seat.channel);
    seatWorker(seat, index).catch((error: Error) => {
      options.onDeath(index, error.message);
      if (++deaths < MAXIMUM_DEATHS) options.clock.setTimer(RESEAT_AFTER_MS, () => replace(seat, index));
    });
  };

  return {
    counterMemories: seats.map((seat) => seat.counters),

    start: async (): Promise<void> => {
      await Promise.all(seats.map(seatWorker));
    },

    wake(): void {
      for (const seat of seats) seat.wake.signal();
    },

    async stop(): Promise<void> {
      Atomics.store(stopWord, 0, 1);
      this.wake();
      await Promise.all(seats.map((seat) => seat.exited));
      for (const seat of seats) seat.wake.close();
    },
  };
}

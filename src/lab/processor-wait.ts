/**
 * How long the processes on the packets' way were kept from a processor while a scenario was played. The kernel counts it for
 * each thread: `/proc/PID/task/TID/schedstat` has the nanoseconds that it ran, and those that it was ready to and did not
 * (Documentation/scheduler/sched-stats.rst); of who is stopped by a signal it counts nothing, but `/proc/PID/stat` says so. The
 * witness of the reason `stalled`; `scenario-run.ts` begins and ends it.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { CancelTimer, Clock } from "../net/clock.ts";

const EVERY_MS = 250;

/** What is shorter is the daily life of a process. */
const LEAST_MS = 20;

export interface Wait {
  readonly fromMs: number;
  readonly toMs: number;
  readonly waitedMs: number;
}

/** By the name of the process. */
export type Waits = ReadonlyMap<string, readonly Wait[]>;

export interface Watched {
  readonly name: string;
  readonly pid: number;
}

export class ProcessorWaits {
  readonly #clock: Clock;
  readonly #watched: () => readonly Watched[];
  readonly #waits = new Map<string, Wait[]>();
  #before: Sample;
  #cancel: CancelTimer;

  /** `watched` is asked again each time: a process may have ended, and another one begun. */
  constructor(clock: Clock, watched: () => readonly Watched[]) {
    this.#clock = clock;
    this.#watched = watched;
    this.#before = this.#sample();
    this.#cancel = this.#lookLater();
  }

  stop(): Waits {
    this.#cancel();
    this.#look();
    return this.#waits;
  }

  #lookLater(): CancelTimer {
    return this.#clock.setTimer(EVERY_MS, () => {
      this.#look();
      this.#cancel = this.#lookLater();
    });
  }

  #look(): void {
    const before = this.#before;
    const now = this.#sample();
    this.#before = now;
    for (const name of now.threads.keys()) {
      const wait = waitBetween(before, now, name);
      if (wait.waitedMs >= LEAST_MS) this.#waits.set(name, [...(this.#waits.get(name) ?? []), wait]);
    }
  }

  #sample(): Sample {
    const own = timesOf(`${process.pid}/task/${process.pid}`) ?? { ranMs: 0, waitedMs: 0 };
    const watched = this.#watched();
    const threads = new Map(watched.map(({ name, pid }) => [name, waitsOf(pid)] as const));
    const stopped = new Set(watched.filter(({ pid }) => isStopped(pid)).map(({ name }) => name));
    return { atMs: this.#clock.nowMs(), own, threads, stopped };
  }
}

interface Times {
  readonly ranMs: number;
  readonly waitedMs: number;
}

export interface Sample {
  readonly atMs: number;
  /** Of the thread that samples. */
  readonly own: Times;
  /** Since it began, by the thread's number, by the process's name. */
  readonly threads: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Processes that do nothing until they are told to go on. */
  readonly stopped: ReadonlySet<string>;
}

/** Of one process. What it waited is counted when that ends, and may have begun before either of the two looks. */
export function waitBetween(before: Sample, now: Sample, name: string): Wait {
  const lastedMs = now.atMs - before.atMs;
  const isStopped = before.stopped.has(name) && now.stopped.has(name);
  const keptMs = isStopped ? lastedMs : Math.min(lastedMs, standstillMs(before, now, EVERY_MS));
  const waitedMs = Math.max(keptMs, longestWaitMs(before.threads.get(name), now.threads.get(name)));
  return { fromMs: Math.min(before.atMs, now.atMs - waitedMs), toMs: now.atMs, waitedMs };
}

/** Time in which who looks neither slept as it meant to, nor ran, nor waited to: the whole machine stood still. */
export const standstillMs = (before: Sample, now: Sample, sleptMs: number): number =>
  now.atMs - before.atMs - sleptMs - (now.own.ranMs - before.own.ranMs) - (now.own.waitedMs - before.own.waitedMs);

function longestWaitMs(before: ReadonlyMap<string, number> = new Map(), now: ReadonlyMap<string, number> = new Map()): number {
  return Math.max(0, ...[...now].map(([thread, waitedMs]) => waitedMs - (before.get(thread) ?? waitedMs)));
}

/** The longest that one of these processes waited in that time, all its waits together. */
export function longestWait(waits: Waits, names: readonly string[], fromMs: number, toMs: number): number {
  const within = (wait: Wait) => Math.max(0, Math.min(wait.toMs, toMs) - Math.max(wait.fromMs, fromMs));
  const waitedMs = (name: string) =>
    (waits.get(name) ?? []).reduce((sum, wait) => sum + Math.min(wait.waitedMs, within(wait)), 0);
  return Math.max(0, ...names.map(waitedMs));
}

/** Of the threads of a process and of those that it has started itself: HAProxy's own work is a child's. */
function waitsOf(pid: number): Map<string, number> {
  const children = (readMaybe(`${pid}/task/${pid}/children`) ?? "").split(" ").filter(Boolean);
  const threads = [String(pid), ...children].flatMap((each) =>
    listMaybe(`${each}/task`).map((thread) => `${each}/task/${thread}`),
  );
  return new Map(
    threads.flatMap((thread): [string, number][] => {
      const times = timesOf(thread);
      return times ? [[thread, times.waitedMs]] : [];
    }),
  );
}

/** Its state stands behind its name, which may have anything in it. */
const isStopped = (pid: number): boolean => /\) [Tt] [^)]*$/.test(readMaybe(`${pid}/stat`) ?? "");

function timesOf(thread: string): Times | undefined {
  const [ran, waited] = (readMaybe(`${thread}/schedstat`) ?? "").split(" ").map(Number);
  return waited === undefined ? undefined : { ranMs: ran / 1e6, waitedMs: waited / 1e6 };
}

/** It may have ended this moment. */
function readMaybe(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return undefined;
  }
}

function listMaybe(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`);
  } catch {
    return [];
  }
}

/**
 * The door to a port over capture files: opens its thread, tells it to begin, and passes on what becomes of the files. The ports
 * themselves are `ServedPort`s over the memory. Files that cannot be read or written are news and no error: the router goes on.
 */
import { Worker } from "node:worker_threads";
import type { CaptureFileNews, CaptureFileOrder, CaptureFileStart } from "./capture-file-thread.ts";
import { createRecordReader } from "./record-ring.ts";
import { createServedMemory, SERVED, type ServedMemory } from "./served-memory.ts";

export interface CaptureFileOptions extends CaptureFileStart {
  onChange(news: CaptureFileNews): void;
}

export interface CaptureFile {
  /** Once: from now on it is read. */
  begin(): void;
  /** When the file to be written is open, or it has been said why not. */
  readonly settled: Promise<void>;
  /** When all that was sent is written; once more does nothing. */
  close(): Promise<void>;
}

/** Little is on its way to the worker, so that all of it can be written whatever becomes of it. */
const RECEIVED_BYTES = 512 * 1024;

/** `threads`: how many may send; the first of them receives. */
export const createFileMemory = (threads: number): ServedMemory => createServedMemory(threads, RECEIVED_BYTES);

/** Nobody takes what is sent any more: it counts as such, and holds up no other port that reads. */
function takeDown({ state, sent }: ServedMemory): void {
  const words = new Int32Array(state);
  Atomics.store(words, SERVED.isUp, 0);
  for (const ring of sent.map((memory) => createRecordReader(memory, 0)))
    while (ring.next()) Atomics.add(words, SERVED.unsent, 1);
}

export function openCaptureFile({ onChange, ...start }: CaptureFileOptions): CaptureFile {
  // What is sent before the thread runs waits for it.
  Atomics.store(new Int32Array(start.memory.state), SERVED.isUp, start.write ? 1 : 0);
  const thread = new Worker(new URL("capture-file-thread.js", import.meta.url), { workerData: start, name: "capture file" });
  const order = (what: CaptureFileOrder): void => thread.postMessage(what);
  let problem: string | undefined = "the thread of the files ended";
  thread.on("error", ({ message }) => {
    problem = message;
  });
  thread.on("message", onChange);
  const exited = new Promise<void>((resolve) => {
    thread.on("exit", () => {
      takeDown(start.memory);
      if (problem !== undefined) onChange({ state: "ended", problem });
      resolve();
    });
  });
  const opened = new Promise<void>((resolve) => {
    if (!start.write) resolve();
    thread.on("message", ({ state }: CaptureFileNews) => {
      if (state === "writing" || state === "unwritable") resolve();
    });
  });
  return {
    begin: () => order("begin"),
    settled: Promise.race([opened, exited]),
    async close() {
      problem = undefined;
      order("close");
      await exited;
    },
  };
}

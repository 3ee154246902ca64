/**
 * The door to a port over capture files: opens its thread, tells it to begin, and passes on what becomes of the files. The ports
 * themselves are `ServedPort`s over the memory. Files that cannot be read or written are news and no error: the router goes on.
 */
import { Worker } from "node:worker_threads";
import type { CaptureFileNews, CaptureFileOrder, CaptureFileStart } from "./capture-file-thread.ts";
import { createServedMemory, SERVED, type ServedMemory } from "./served-memory.ts";

export interface CaptureFileOptions extends CaptureFileStart {
  onChange(news: CaptureFileNews): void;
}

export interface CaptureFile {
  /** Once: from now on it is read. */
  begin(): void;
  /** When all that was sent is written; once more does nothing. */
  close(): Promise<void>;
}

/** Little is on its way to the worker, so that all of it can be written whatever becomes of it. */
const RECEIVED_BYTES = 512 * 1024;

/** `threads`: how many may send; the first of them receives. */
export const createFileMemory = (threads: number): ServedMemory => createServedMemory(threads, RECEIVED_BYTES);

export function openCaptureFile({ onChange, ...start }: CaptureFileOptions): CaptureFile {
  const thread = new Worker(new URL("capture-file-thread.js", import.meta.url), { workerData: start, name: "capture file" });
  // What is sent before the thread runs waits for it.
  Atomics.store(new Int32Array(start.memory.state), SERVED.isUp, start.write ? 1 : 0);
  const order = (what: CaptureFileOrder): void => thread.postMessage(what);
  const exited = new Promise<void>((resolve) => void thread.on("exit", () => resolve()));
  thread.on("message", onChange);
  thread.on("error", (error) => onChange({ state: "over", packets: 0, skipped: 0, problem: error.message }));
  return {
    begin: () => order("begin"),
    async close() {
      order("close");
      await exited;
    },
  };
}

/**
 * A live capture of one interface, opened once and shared by the ports of the kind `pcap-live` of all threads: the door to its
 * thread and, behind that, its process. Whoever opens it hears when the process dies and when there is one again.
 */
import { Worker } from "node:worker_threads";
import type { CaptureNews, CaptureOrder, CaptureStart } from "./pcap-live-thread.ts";
import { createServedMemory, type ServedMemory } from "./served-memory.ts";

export interface CaptureOptions {
  readonly interface: string;
  /** How many threads may send; the first of them receives. */
  readonly threads: number;
  /** Not of the first process, nor of the last one's end. */
  onChange?(news: CaptureNews): void;
}

export interface Capture {
  readonly memory: ServedMemory;
  /** Of the process; undefined: there is none now. */
  process(): number | undefined;
  close(): Promise<void>;
}

/** Rejects with what the first process said if it cannot capture. */
export async function openCapture({ interface: name, threads, onChange }: CaptureOptions): Promise<Capture> {
  const memory = createServedMemory(threads);
  const start: CaptureStart = { interface: name, memory };
  const thread = new Worker(new URL("pcap-live-thread.js", import.meta.url), { workerData: start, name: "capture" });
  let process: number | undefined;
  const exited = new Promise<void>((resolve) => void thread.on("exit", () => resolve()));
  const close = async (): Promise<void> => {
    onChange = undefined;
    thread.postMessage("close" satisfies CaptureOrder);
    await exited;
  };
  let isOpen = false;
  try {
    await new Promise<void>((resolve, reject) => {
      thread.on("error", reject);
      thread.on("message", (news: CaptureNews) => {
        process = news.state === "up" ? news.process : undefined;
        if (isOpen) onChange?.(news);
        else if (news.state === "up") resolve();
        else if (news.state === "down") reject(new Error(news.reason));
      });
    });
  } catch (error) {
    await close();
    throw error;
  }
  isOpen = true;
  return { memory, process: () => process, close };
}

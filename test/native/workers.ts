/** The worker scripts beside this file, run with a deadline. They are JavaScript over the built product. */
import { Worker } from "node:worker_threads";

export interface Running<T> {
  readonly worker: Worker;
  /** The next message of the worker; an error if it fails or ends before. */
  next(): Promise<T>;
}

export function startWorker<T>(script: string, workerData: object): Running<T> {
  const worker = new Worker(new URL(script, import.meta.url), { workerData, execArgv: [] });
  const arrived: T[] = [];
  const waiting: { resolve: (value: T) => void; reject: (reason: Error) => void }[] = [];
  worker.on("message", (message: T) => {
    const first = waiting.shift();
    if (first) first.resolve(message);
    else arrived.push(message);
  });
  const end = (error: Error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on("error", end);
  worker.on("exit", (code) => end(new Error(`${script}: ended with ${code} before it said what was waited for`)));
  const next = () =>
    new Promise<T>((resolve, reject) => {
      if (arrived.length > 0) resolve(arrived.shift()!);
      else waiting.push({ resolve, reject });
    });
  return { worker, next };
}

/** UDP from 10.0.0.1:1024 to 10.0.0.2:9, 60 bytes: 64 on a real wire. */
export function udpTemplate(): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
  frame.set([0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14);
  frame.set([4, 0, 0, 9, 0, 26, 0, 0], 34);
  return frame;
}

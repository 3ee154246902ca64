/**
 * The thread of a `pcap-live` port: starts the process that captures, moves frames between its pipes and the rings of records,
 * and starts it again when it dies, for as long as the port is open. What becomes of the process is told to who opened the port.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../net/clock.ts";
import { createMessageReader, MESSAGE, MESSAGE_HEAD_BYTES, writeMessage } from "./pcap-live-stream.ts";
import { createRecordReader, createRecordWriter } from "./record-ring.ts";
import { SERVED, type ServedMemory, toBeWoken } from "./served-memory.ts";
import { signalWake } from "./wake.ts";

export interface CaptureStart {
  readonly interface: string;
  readonly memory: ServedMemory;
}

export type CaptureOrder = "close";

export type CaptureNews =
  | { readonly state: "up"; readonly process: number }
  | { readonly state: "down"; readonly reason: string }
  | { readonly state: "closed" };

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

const PROGRAM = fileURLToPath(new URL("pcap-live-process.js", import.meta.url));
/** How long until the next process, by how many have died in a row; the last holds for all after. */
const PAUSES_MS = [0, 100, 200, 500, 1000];
const STEADY_MS = 10_000;
/** What waits for a process that does not read; beyond it frames are lost, and counted. */
const WAITING_BYTES = 4 * 1024 * 1024;
const REASON_BYTES = 2000;

const { interface: device, memory } = workerData as CaptureStart;
const state = new Int32Array(memory.state);
const received = createRecordWriter(memory.received);
const sent = memory.sent.map((ring) => createRecordReader(ring, 0));
const wireLength = new Uint32Array(1);
let child: Child | undefined;
let isClosing = false;
let deaths = 0;
/** Of processes that are gone: each one counts from nothing. */
const past = { drops: 0, unsent: 0 };

const say = (news: CaptureNews): void => parentPort?.postMessage(news);

function start(): void {
  const startedMs = systemClock.nowMs();
  const started = spawn(process.execPath, [PROGRAM, device], { stdio: "pipe" });
  child = started;
  let said = "";
  let reason: string | undefined;
  started.stderr.on("data", (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-REASON_BYTES);
  });
  const take = createMessageReader((kind, value, bytes) => receive(started, kind, value, bytes));
  started.stdout.on("data", (chunk: Buffer) => {
    try {
      take(chunk);
    } catch (error) {
      reason = (error as Error).message;
      started.kill("SIGKILL");
    }
    const wake = toBeWoken(state);
    if (wake !== undefined && received.takeBell()) signalWake(wake);
  });
  // What was on its way is lost with the process; its end says so.
  started.stdin.on("error", () => {});
  started.on("error", (error) => {
    reason = error.message;
  });
  started.on("close", (code, signal) => {
    child = undefined;
    Atomics.store(state, SERVED.isUp, 0);
    past.drops = state[SERVED.lost];
    past.unsent = state[SERVED.unsent];
    if (isClosing) return end();
    if (systemClock.nowMs() - startedMs >= STEADY_MS) deaths = 0;
    say({ state: "down", reason: reason ?? (complaintOf(said) || `its process ended with ${signal ?? code}`) });
    systemClock.setTimer(PAUSES_MS[Math.min(deaths++, PAUSES_MS.length - 1)], () => (isClosing ? end() : start()));
  });
}

/** Without the warning of `cap` that an interface has no IPv4 address. */
const complaintOf = (said: string): string =>
  said
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("Warning: "))
    .join("; ");

function receive(from: Child, kind: number, value: number, bytes: Buffer): void {
  if (kind === MESSAGE.frame) {
    wireLength[0] = value;
    if (!received.push(wireLength, bytes, 0, bytes.length)) Atomics.add(state, SERVED.queueDrops, 1);
  } else if (kind === MESSAGE.drops) Atomics.store(state, SERVED.lost, past.drops + value);
  else if (kind === MESSAGE.unsent) Atomics.store(state, SERVED.unsent, past.unsent + value);
  else {
    Atomics.store(state, SERVED.isUp, 1);
    say({ state: "up", process: from.pid ?? 0 });
  }
}

/** Hands over what the threads sent, in one piece. */
function send(): void {
  const pieces: Buffer[] = [];
  for (const ring of sent) {
    for (;;) {
      const record = ring.next();
      if (record) pieces.push(toMessage(record.bytes));
      else if (ring.arm()) break;
    }
  }
  if (pieces.length === 0) return;
  if (child && child.stdin.writableLength <= WAITING_BYTES) child.stdin.write(Buffer.concat(pieces));
  else {
    past.unsent += pieces.length;
    Atomics.add(state, SERVED.unsent, pieces.length);
  }
}

function toMessage(frame: Uint8Array): Buffer {
  const message = Buffer.alloc(MESSAGE_HEAD_BYTES + frame.length);
  writeMessage(message, 0, MESSAGE.frame, frame.length, frame);
  return message;
}

async function listen(): Promise<void> {
  while (!isClosing) {
    const bell = Atomics.load(state, SERVED.bell);
    send();
    await Atomics.waitAsync(state, SERVED.bell, bell).value;
  }
}

function end(): void {
  say({ state: "closed" });
  parentPort?.close();
  // The wait for the bell would go on.
  process.exit();
}

parentPort?.on("message", (_: CaptureOrder) => {
  isClosing = true;
  if (child) child.stdin.end();
  else end();
});
start();
void listen();

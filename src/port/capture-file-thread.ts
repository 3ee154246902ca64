/**
 * The thread of a port over capture files: what it reads from one comes to the worker as if a wire had brought it, and what the
 * router sends is written to another. Nothing is read while the worker has no room, nor while any such port is behind with
 * writing, so a trace goes through whole at any pace: what is in flight fits into what may wait to be written, for up to three
 * ports that read at once.
 */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../net/clock.ts";
import type { Mac } from "../net/mac.ts";
import { describeLinkType, LINK_TYPE } from "../pcap/link-type.ts";
import { CAPTURE_DIRECTION, encodeCaptureHead, encodePacket } from "../pcap/pcapng-writer.ts";
import { MAXIMUM_CAPTURED_BYTES } from "../pcap/stretch.ts";
import { CaptureSource, type SourceFault, type SourceFrame } from "./capture-source.ts";
import { LARGEST_FRAME } from "./frame-slots.ts";
import { createPace } from "./pace.ts";
import { createRecordGauge, createRecordReader, createRecordWriter, type RecordReader } from "./record-ring.ts";
import { RotatingFile } from "./rotating-file.ts";
import { SERVED, type ServedMemory, toBeWoken } from "./served-memory.ts";
import { nameThread } from "./thread.ts";
import { signalWake } from "./wake.ts";

export interface CaptureRead {
  readonly file: string;
  /** It may not be there yet, and grow. */
  readonly follow: boolean;
  /** As its packets came then, or as fast as all that follows takes them. */
  readonly pace: "recorded" | "fastest";
  /** Frames to any station are for the port, not only those to its MAC. */
  readonly isToAnyMac: boolean;
}

export interface CaptureWrite {
  readonly file: string;
  readonly maximumMegabytes: number;
  readonly files: number;
}

export interface CaptureFileStart {
  /** Of the port. */
  readonly name: string;
  readonly mac: Mac;
  readonly read?: CaptureRead | undefined;
  readonly write?: CaptureWrite | undefined;
  readonly memory: ServedMemory;
  /** What is still to be written, of all ports over files. */
  readonly unwritten: readonly SharedArrayBuffer[];
}

export type CaptureFileOrder = "begin" | "close";

/** `packets` came to the router; `skipped` are no frames. */
export type CaptureFileNews =
  | { readonly state: "reading" }
  | { readonly state: "skipping"; readonly problem: string }
  | { readonly state: "over"; readonly packets: number; readonly skipped: number }
  /** Over before its time. */
  | ({ readonly state: "failed"; readonly packets: number; readonly skipped: number } & SourceFault)
  | { readonly state: "writing" }
  | { readonly state: "unwritable"; readonly problem: string }
  /** The thread, unasked: nothing is read or written any more. */
  | { readonly state: "ended"; readonly problem: string };

/** How often a file that is followed is looked at, and those that write, while they are behind. */
const FOLLOW_MS = 20;
const BEHIND_MS = 1;
/** Beyond it a port is behind. A quarter of its ring. */
const BEHIND_BYTES = 1024 * 1024;
/** Until the bell rings. */
const NO_TIME = Number.POSITIVE_INFINITY;
/** Frames written before anything is read, or an order heard. */
const WRITTEN_A_TURN = 1024;
const READ_A_TURN = 1024;
const LINK_TYPES_NAMED = 8;

const { name, mac, read, write, memory, unwritten } = workerData as CaptureFileStart;
const state = new Int32Array(memory.state);
const received = createRecordWriter(memory.received);
const sent = memory.sent.map((ring) => createRecordReader(ring, 0));
const receivedBytes = createRecordGauge(memory.received);
const unwrittenBytes = unwritten.map(createRecordGauge);
const wireLength = new Uint32Array(1);
const unknownLinks = new Set<number>();
const dueMs = read?.pace === "recorded" ? createPace() : (_: unknown, nowMs: number) => nowMs;
let source: CaptureSource | undefined;
let pending: { readonly frame: SourceFrame; readonly dueMs: number } | undefined;
let packets = 0;
let isReading = false;
let isClosing = false;

const say = (news: CaptureFileNews): void => parentPort?.postMessage(news);

const file =
  write &&
  new RotatingFile({
    file: write.file,
    maximumBytes: write.maximumMegabytes * 1_000_000,
    files: write.files,
    preamble: () => encodeCaptureHead(name, "ecmp-router", MAXIMUM_CAPTURED_BYTES),
    onFailure(problem) {
      Atomics.store(state, SERVED.isUp, 0);
      say({ state: "unwritable", problem });
    },
  });

function skip(linkType: number): void {
  Atomics.add(state, SERVED.lost, 1);
  if (unknownLinks.has(linkType) || unknownLinks.size === LINK_TYPES_NAMED) return;
  unknownLinks.add(linkType);
  const wanted = Object.values(LINK_TYPE).map(describeLinkType).join(", ");
  say({ state: "skipping", problem: `link type ${describeLinkType(linkType)}, wanted one of ${wanted}` });
}

/** The next frame, and when it is due; undefined: there is none now. */
function look(from: CaptureSource): typeof pending {
  const frame = from.next();
  return frame && { frame, dueMs: dueMs(frame.seconds, systemClock.nowMs()) };
}

/** Once the router has all that came before. False: not yet, and the bell will be rung. */
function finish({ problem: found }: CaptureSource): boolean {
  Atomics.store(state, SERVED.wantsRoom, 1);
  if (receivedBytes() > 0) return false;
  source = undefined;
  const counts = { packets, skipped: Atomics.load(state, SERVED.lost) };
  say(found ? { state: "failed", ...counts, ...found } : { state: "over", ...counts });
  return true;
}

/** False: there is no room, and the bell will be rung when there is. A frame longer than any that can be counts as cut. */
function push({ bytes, start, length, wireLength: whole }: SourceFrame): boolean {
  wireLength[0] = whole;
  const kept = Math.min(length, LARGEST_FRAME);
  if (received.push(wireLength, bytes, start, kept)) return true;
  Atomics.store(state, SERVED.wantsRoom, 1);
  // Some may have been made before anybody could know that it is wanted.
  return received.push(wireLength, bytes, start, kept);
}

/** Hands over what is due, as far as there is room; how many milliseconds until there may be more to do. */
function bring(): number {
  for (let count = 0; source && count < READ_A_TURN; count++) {
    if (unwrittenBytes.some((waiting) => waiting() > BEHIND_BYTES)) return BEHIND_MS;
    pending ??= look(source);
    if (pending === undefined) {
      if (source.state === "waiting") return FOLLOW_MS;
      if (source.state === "over" && !finish(source)) return NO_TIME;
      continue;
    }
    if (!isReading) say({ state: "reading" });
    isReading = true;
    const waitMs = pending.dueMs - systemClock.nowMs();
    if (waitMs > 0) return waitMs;
    if (!push(pending.frame)) return NO_TIME;
    pending = undefined;
    packets++;
  }
  return source ? 0 : NO_TIME;
}

async function writeFrame(frame: Uint8Array): Promise<void> {
  const nowMicroseconds = systemClock.unixMicroseconds();
  const block = encodePacket({
    bytes: frame,
    wireLength: frame.length,
    timeHigh: Math.floor(nowMicroseconds / 0x100000000),
    timeLow: nowMicroseconds % 0x100000000,
    direction: CAPTURE_DIRECTION.out,
  });
  if (file?.write(block)) return;
  // The disk is slower than the router.
  await file?.settled();
  if (!file?.write(block)) Atomics.add(state, SERVED.unsent, 1);
}

/** Writes what the threads sent. True: there is more. */
async function take(ring: RecordReader): Promise<boolean> {
  for (let count = 0; count < WRITTEN_A_TURN; count++) {
    const record = ring.next();
    if (record) await writeFrame(record.bytes);
    else if (ring.arm()) return false;
  }
  return true;
}

async function takeAll(): Promise<boolean> {
  let isMore = false;
  for (const ring of sent) isMore = (await take(ring)) || isMore;
  return isMore;
}

async function serve(): Promise<void> {
  while (!isClosing) {
    const bell = Atomics.load(state, SERVED.bell);
    const isMore = await takeAll();
    const pauseMs = bring();
    const wake = toBeWoken(state);
    if (wake !== undefined && received.takeBell()) signalWake(wake);
    const rest = Atomics.waitAsync(state, SERVED.bell, bell, isMore ? 0 : pauseMs);
    // Where there is nothing to wait for, orders and the disk still have their turn.
    await (rest.async ? rest.value : new Promise(setImmediate));
  }
  while (await takeAll());
  source?.close();
  await file?.close();
  parentPort?.close();
  // A wait for the bell may go on.
  process.exit();
}

parentPort?.on("message", (order: CaptureFileOrder) => {
  if (order === "close") isClosing = true;
  else if (read) source = new CaptureSource({ ...read, mac, onUnknownLink: skip });
  Atomics.add(state, SERVED.bell, 1);
  Atomics.notify(state, SERVED.bell);
});
nameThread("capture file");
void file?.settled().then(() => file.problem ?? say({ state: "writing" }));
void serve();

/**
 * A capture through the forwarding core, on several threads: this one reads and decodes windows, workers forward them, and
 * their results are taken in the order of the file. So the answer and the captures are the same whatever the number of
 * threads. Memory is bounded whatever the file's size: a few windows, what they become, and the flow census.
 *
 *   reader -> window -> worker -> result -> totals
 *     ^                             `-----> captures, one a next hop
 *     `------ window, free again ---'
 */
import { readdirSync } from "node:fs";
import { join, parse } from "node:path";
import { Piscina } from "piscina";
import type { VlanStack } from "../dataplane/vlan.ts";
import { isPerPacket } from "../ecmp/flow-hash.ts";
import type { FibState } from "../fib/state.ts";
import { type Address, formatAddress, parseAddress } from "../net/address.ts";
import { CaptureDirectory } from "../port/capture-directory.ts";
import { type CaptureFault, CaptureReader, createWindow, type Window } from "../port/capture-reader.ts";
import { refuseInner } from "./captured-headers.ts";
import { createReplayImage, type ReplayImage } from "./replay-image.ts";
import { createReplayTotals, type ReplayReport } from "./replay-report.ts";
import type { SplitCapture } from "./replay-split.ts";
import type { ReplayResult, ReplaySetup, ReplayTask } from "./replay-window.ts";
import { restoreFib } from "./restore.ts";

export interface ReplayOptions {
  readonly state: FibState;
  /** Of the router's ports, in their order; without any, tagged packets are nobody's. */
  readonly vlans?: readonly VlanStack[];
  /** A path, or a descriptor. */
  readonly capture: string | number;
  /** Where a capture for each next hop goes, if wanted. */
  readonly directory?: string;
  readonly threads: number;
  /** Packets that were cut behind their ports count as whole; not for hashes that read what a tunnel carries. */
  readonly headersOnly?: boolean;
  /** Called now and then. `sizeBytes` is 0 where it is not known. */
  onProgress?(readBytes: number, sizeBytes: number): void;
}

export interface Replay {
  readonly report: ReplayReport;
  /** Where the capture stopped making sense; the report is of what came before. */
  readonly fault: CaptureFault | undefined;
}

/** Named with each task: so who has none loads nothing, for Node aborts when a thread is ended while it loads a module. */
const WORKER = { filename: new URL("./replay-worker.js", import.meta.url).href, name: "forwardWindow" };

/** Windows beyond one a thread: one that is being read, one that waits. */
const SPARE_WINDOWS = 2;

/** Of those in the way. */
const NAMED_FILES = 5;

/** Of what is forwarded by. */
export class ReplayStateError extends Error {}

/** Of the directory that captures are written to; other errors are about the capture that is read. */
export class ReplayOutputError extends Error {}

export async function replayCapture(options: ReplayOptions): Promise<Replay> {
  const reader = new CaptureReader(options.capture);
  try {
    return { report: await replayFrom(reader, options), fault: reader.fault };
  } finally {
    reader.close();
  }
}

async function replayFrom(reader: CaptureReader, options: ReplayOptions): Promise<ReplayReport> {
  const { hash, selector } = options.state;
  const { vlans = [] } = options;
  if (options.headersOnly) refuseInner(hash);
  const { format } = reader;
  const { buffers, nextHops } = restoreImage(options.state, vlans.length);
  const names = nextHops.map((address) => captureName(address, format));
  const output = options.directory === undefined ? undefined : openOutput(options.directory);
  const setup: ReplaySetup = {
    hash,
    selector: selector.name,
    image: buffers,
    vlans,
    nextHops: nextHops.length,
    format,
    headersOnly: options.headersOnly ?? false,
    split: output !== undefined,
  };
  // A hash that looks at the order of packets and not at their keys has to see them in one order.
  const threads = isPerPacket(hash.algorithm) ? 1 : options.threads;
  const pool = new Piscina<ReplayTask, ReplayResult>({
    minThreads: threads,
    maxThreads: threads,
    workerData: setup,
  });
  const totals = createReplayTotals(nextHops);
  const absorb = (result: ReplayResult): void => {
    totals.add(result);
    if (output && result.split) writeCaptures(output, result.split, names);
    options.onProgress?.(reader.readBytes, reader.sizeBytes);
  };
  try {
    await pump(reader, pool, threads + SPARE_WINDOWS, absorb);
    return totals.report();
  } finally {
    await pool.destroy();
  }
}

/** Keeps every window but the one being read with the workers, and absorbs their results in the order of the file. */
async function pump(
  reader: CaptureReader,
  pool: Piscina<ReplayTask, ReplayResult>,
  windows: number,
  absorb: (result: ReplayResult) => void,
): Promise<void> {
  const free = Array.from({ length: windows }, () => createWindow());
  const underway: { window: Window; result: Promise<ReplayResult> }[] = [];
  const settleOldest = async (): Promise<void> => {
    const oldest = underway.shift();
    if (!oldest) return;
    absorb(await oldest.result);
    free.push(oldest.window);
  };
  for (;;) {
    if (free.length === 0) await settleOldest();
    const window = free.pop() as Window;
    if (!reader.read(window)) break;
    const { bytes, table } = window;
    const result = pool.run({ bytes, records: table.words, count: table.count }, WORKER);
    // Awaited in its turn; until then a failure is not unhandled.
    result.catch(() => {});
    underway.push({ window, result });
  }
  while (underway.length > 0) await settleOldest();
}

function restoreImage(state: FibState, egress: number): ReplayImage {
  try {
    return createReplayImage(restoreFib(state), egress);
  } catch (error) {
    throw new ReplayStateError((error as Error).message);
  }
}

/** A colon is no part of a file's name everywhere. */
const captureName = (address: Address, extension: string): string =>
  `${formatAddress(address).replaceAll(":", "-")}.${extension}`;

const isCaptureName = (name: string): boolean => {
  const { name: stem, ext } = parse(name);
  return [".pcap", ".pcapng"].includes(ext) && parseAddress(stem.replaceAll("-", ":")) !== undefined;
};

/**
 * Nothing is written over, the capture that is read included, and what an earlier run left does not come to lie among what this
 * one writes: its next hops may be others.
 */
function openOutput(directory: string): CaptureDirectory {
  const output = tryOutput(directory, () => new CaptureDirectory(directory));
  const left = tryOutput(directory, () => readdirSync(directory).filter(isCaptureName).sort());
  if (left.length === 0) return output;
  const named = `${left.slice(0, NAMED_FILES).join(", ")}${left.length > NAMED_FILES ? ` and ${left.length - NAMED_FILES} more` : ""}`;
  throw new ReplayOutputError(`${directory} has ${named}, wanted a directory without captures of next hops`);
}

function writeCaptures(output: CaptureDirectory, { bytes, ends }: SplitCapture, names: readonly string[]): void {
  names.forEach((name, i) => {
    const piece = bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]);
    if (piece.length > 0) tryOutput(join(output.path, name), () => output.append(name, piece));
  });
}

function tryOutput<Value>(name: string, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    throw new ReplayOutputError(`${name}: ${(error as Error).message}, wanted a directory to write captures to`);
  }
}

/**
 * Capture files: read a window at a time into memory that other threads share, and written piece by piece. A window is one
 * stretch of a file with the rows that were decoded from it; what it ends in the middle of is carried to the next window.
 *
 *   file    |--- window 0 ---|--- window 1 ---| ...
 *   window  | headroom | carried | read from the file ........ | and its rows
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { createDecoder, MAGIC_BYTES } from "../pcap/decoder.ts";
import { openRecordTable, RECORD_WORDS, type RecordTable } from "../pcap/record.ts";
import { type CaptureDecoder, type CaptureFormat, MAXIMUM_WHOLE_BYTES } from "../pcap/stretch.ts";

/** Room for the longest thing that must be seen whole, several times over, and small enough to stay in a cache. */
export const WINDOW_BYTES = 4 * MAXIMUM_WHOLE_BYTES;
const WINDOW_RECORDS = 32_768;

/** Left free at the start of a window, for those who put another header in front of its first packet. */
export const WINDOW_HEADROOM = 32;

export interface Window {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly table: RecordTable & { readonly words: Uint32Array<SharedArrayBuffer> };
}

export function createWindow(bytes = WINDOW_BYTES, records = WINDOW_RECORDS): Window {
  const words = new Uint32Array(new SharedArrayBuffer(records * RECORD_WORDS * 4));
  return { bytes: new Uint8Array(new SharedArrayBuffer(bytes)), table: { ...openRecordTable(words), words } };
}

/** Where a file stopped making sense. What came before is sound and was handed out. */
export interface CaptureFault {
  readonly offset: number;
  readonly problem: string;
}

export class CaptureReader {
  readonly format: CaptureFormat;
  /** 0 where it is not known: a pipe. */
  readonly sizeBytes: number;
  /** Set once, when the file ends otherwise than it should. */
  fault: CaptureFault | undefined;
  readonly #descriptor: number;
  readonly #decoder: CaptureDecoder;
  /** Of the byte that the next window begins with. */
  #offset = 0;
  #carried: Uint8Array;
  #ended = false;

  /** `file`: a path, or the descriptor of a file that is open. Throws an Error for people where that is no capture. */
  constructor(file: string | number) {
    this.#descriptor = typeof file === "number" ? file : openSync(file, "r");
    this.sizeBytes = fstatSync(this.#descriptor).size;
    this.#carried = new Uint8Array(MAGIC_BYTES);
    const magic = this.#carried.subarray(0, this.#fill(this.#carried, 0));
    const decoder = createDecoder(magic);
    if (!decoder) {
      closeSync(this.#descriptor);
      const beginning = magic.length === 0 ? "is empty" : `begins with ${Buffer.from(magic).toString("hex")}`;
      throw new Error(`offset 0: the file ${beginning}, wanted the magic number of a pcap or pcapng file`);
    }
    this.#decoder = decoder;
    this.format = decoder.format;
  }

  /** Bytes of the file that have been decoded. */
  get readBytes(): number {
    return this.#offset;
  }

  /** Fills the window; false: the file is over, and `fault` says whether it ended well. */
  read(window: Window): boolean {
    const { bytes, table } = window;
    table.count = 0;
    while (!this.#ended && table.count === 0) this.#readStretch(bytes, table);
    return table.count > 0;
  }

  #readStretch(bytes: Uint8Array, table: RecordTable): void {
    bytes.set(this.#carried, WINDOW_HEADROOM);
    const end = this.#fill(bytes, WINDOW_HEADROOM + this.#carried.length);
    const answer = this.#decoder.decode(bytes, WINDOW_HEADROOM, end, table);
    this.#offset += answer.at - WINDOW_HEADROOM;
    // Only a file that is over leaves a window unfilled, so nothing more can come.
    if (answer.kind === "more" && end < bytes.length) this.#endShort(answer, end);
    else if (answer.kind === "wrong") this.#end({ offset: this.#offset, problem: answer.problem });
    this.#carried = bytes.slice(answer.at, end);
  }

  #endShort({ at, wanted, what }: { at: number; wanted: number; what: string }, end: number): void {
    const problem = `${what} of at least ${wanted} bytes, but the file ends after ${end - at}`;
    this.#end(wanted === 0 ? undefined : { offset: this.#offset, problem });
  }

  #end(fault: CaptureFault | undefined): void {
    this.#ended = true;
    this.fault = fault;
  }

  /** Reads until `bytes` is full or the file is over; returns how far it is filled. */
  #fill(bytes: Uint8Array, start: number): number {
    let at = start;
    while (at < bytes.length) {
      const count = readSync(this.#descriptor, bytes, at, bytes.length - at, null);
      if (count === 0) break;
      at += count;
    }
    return at;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Captures of a directory, written at the end of each. A file is open only while it is written: there may be thousands. */
export class CaptureDirectory {
  readonly path: string;
  readonly #begun = new Set<string>();

  constructor(path: string) {
    this.path = path;
    makeDirectory(path);
  }

  /** What an earlier run left under the same name is replaced. */
  append(name: string, bytes: Uint8Array): void {
    const descriptor = openSync(join(this.path, name), this.#begun.has(name) ? "a" : "w");
    this.#begun.add(name);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** With those above it. Node's own recursion does not come back from a place like /proc, where nothing can be made. */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  makeDirectory(dirname(path));
  mkdirSync(path);
}

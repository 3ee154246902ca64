/**
 * Capture files, read a window at a time into memory that other threads share. A window is one stretch of a file with the rows
 * that were decoded from it; what it ends in the middle of is carried to the next window.
 *
 *   file    |--- window 0 ---|--- window 1 ---| ...
 *   window  | headroom | carried | read from the file ........ | and its rows
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
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

export interface CaptureReaderOptions {
  /** Somebody writes to it: where it ends, the rest is to come. */
  readonly isGrowing?: boolean;
}

export class CaptureReader {
  readonly format: CaptureFormat;
  /** 0 where it is not known: a pipe. */
  readonly sizeBytes: number;
  /** Set once, when the file ends otherwise than it should. */
  fault: CaptureFault | undefined;
  readonly #descriptor: number;
  readonly #decoder: CaptureDecoder;
  readonly #isGrowing: boolean;
  /** Of the byte that the next window begins with. */
  #offset = 0;
  #carried: Uint8Array;
  #ended = false;

  /** `file`: a path, or the descriptor of a file that is open. Throws an Error for people where that is no capture. */
  constructor(file: string | number, { isGrowing = false }: CaptureReaderOptions = {}) {
    this.#isGrowing = isGrowing;
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

  /** Whether nothing will come of it any more; then `fault` says whether it ended well. */
  get isOver(): boolean {
    return this.#ended;
  }

  /** Fills the window; false: the file is over, or, if it grows, there is no more of it yet. */
  read(window: Window): boolean {
    const { bytes, table } = window;
    table.count = 0;
    let mayHaveMore = true;
    while (mayHaveMore && table.count === 0) mayHaveMore = this.#readStretch(bytes, table);
    return table.count > 0;
  }

  /** False: now there is no more of the file. */
  #readStretch(bytes: Uint8Array, table: RecordTable): boolean {
    if (this.#ended) return false;
    bytes.set(this.#carried, WINDOW_HEADROOM);
    const end = this.#fill(bytes, WINDOW_HEADROOM + this.#carried.length);
    const answer = this.#decoder.decode(bytes, WINDOW_HEADROOM, end, table);
    this.#offset += answer.at - WINDOW_HEADROOM;
    // Only a file that is over leaves a window unfilled, so nothing more can come, but of one that grows.
    const isDrained = answer.kind === "more" && end < bytes.length;
    if (isDrained && !this.#isGrowing) this.#endShort(answer, end);
    else if (answer.kind === "wrong") this.#end({ offset: this.#offset, problem: answer.problem });
    this.#carried = bytes.slice(answer.at, end);
    if (isDrained && this.#isGrowing) this.#expectWhole();
    return !isDrained;
  }

  /** Who begins a file anew while it is followed leaves nothing to go on with. */
  #expectWhole(): void {
    const [size, known] = [fstatSync(this.#descriptor).size, this.#offset + this.#carried.length];
    if (size < known) this.#end({ offset: size, problem: `the file was cut to ${size} bytes; ${known} of it were read already` });
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

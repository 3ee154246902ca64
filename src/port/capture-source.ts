/**
 * A capture file as a source of Ethernet frames, one after the other, for the thread of a port over files. It reads a window at a
 * time, so memory is bounded whatever the file; what is wrong with the file ends the source and nothing else. A file that is
 * followed need not be there yet, and does not end.
 */
import { statSync } from "node:fs";
import { type Mac, macHigh, macLow } from "../net/mac.ts";
import { MAGIC_BYTES } from "../pcap/decoder.ts";
import { LINK_TYPE } from "../pcap/link-type.ts";
import { createPacketTime, type PacketTime } from "../pcap/packet-time.ts";
import { RECORD, RECORD_FLAG, RECORD_WORDS } from "../pcap/record.ts";
import { isGroupMac, writeMac } from "../wire/ethernet.ts";
import { type CaptureFault, CaptureReader, createWindow, type Window } from "./capture-reader.ts";
import { makeFrame } from "./captured-frame.ts";

export interface CaptureSourceOptions {
  readonly file: string;
  readonly follow: boolean;
  /** Of the port that the frames arrive at. */
  readonly mac: Mac;
  /** Frames to any other station are for the port, too. */
  readonly isToAnyMac: boolean;
  /** A packet of a link type that cannot be made a frame. */
  onUnknownLink(linkType: number): void;
}

/** Good until the next is asked for. */
export interface SourceFrame {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly length: number;
  /** More than `length`: it was cut when it was captured. */
  readonly wireLength: number;
  /** When it was captured, if the file tells. */
  readonly seconds: number | undefined;
}

/** Where the file is none that can be read, or stops making sense: at the offset, unless it is about all of it. */
export type SourceFault = Pick<CaptureFault, "problem"> & Partial<CaptureFault>;

const MAC_BYTES = 6;

export class CaptureSource {
  /** Set once. */
  problem: SourceFault | undefined;
  readonly #options: CaptureSourceOptions;
  readonly #window: Window = createWindow();
  #reader: CaptureReader | undefined;
  #timeOf: PacketTime = () => undefined;
  /** In the window's table, of the next packet. */
  #row = 0;
  #state: "waiting" | "reading" | "over" = "waiting";

  constructor(options: CaptureSourceOptions) {
    this.#options = options;
  }

  /** Waiting: for the file that is followed, or for more of it. */
  get state(): "waiting" | "reading" | "over" {
    return this.#state;
  }

  /** The next frame. Undefined: `state` says why; while it is reading, ask again: no call looks at more than a window. */
  next(): SourceFrame | undefined {
    try {
      return this.#next();
    } catch (error) {
      this.#end({ problem: (error as Error).message });
      return undefined;
    }
  }

  close(): void {
    this.#reader?.close();
    this.#reader = undefined;
  }

  #next(): SourceFrame | undefined {
    if (this.#state === "over" || !this.#isOpen()) return undefined;
    const reader = this.#reader as CaptureReader;
    const { table } = this.#window;
    const { words } = table;
    if (this.#row === table.count * RECORD_WORDS) {
      this.#row = 0;
      if (!reader.read(this.#window)) {
        if (reader.isOver) this.#end(reader.fault);
        else this.#state = "waiting";
        return undefined;
      }
      this.#state = "reading";
    }
    while (this.#row < table.count * RECORD_WORDS) {
      const row = this.#row;
      this.#row += RECORD_WORDS;
      const seconds = this.#timeOf(this.#window.bytes, words, row);
      if ((words[row + RECORD.flags] & RECORD_FLAG.header) === 0 && this.#makeFrame(words, row))
        return {
          bytes: this.#window.bytes,
          start: words[row + RECORD.offset],
          length: words[row + RECORD.length],
          wireLength: words[row + RECORD.wireLength],
          seconds,
        };
    }
    return undefined;
  }

  #isOpen(): boolean {
    if (this.#reader) return true;
    const { file, follow } = this.#options;
    const found = statSync(file, { throwIfNoEntry: !follow });
    // To open a pipe would hold this thread up for as long as nobody writes into it.
    if (found && !found.isFile()) throw new Error("that is no plain file, wanted one");
    if (found === undefined || (follow && found.size < MAGIC_BYTES)) return false;
    this.#reader = new CaptureReader(file, { isGrowing: follow });
    this.#timeOf = createPacketTime(this.#reader.format);
    this.#state = "reading";
    return true;
  }

  #makeFrame(words: Uint32Array, row: number): boolean {
    const { mac, isToAnyMac, onUnknownLink } = this.#options;
    const { bytes } = this.#window;
    const linkType = words[row + RECORD.linkType];
    if (!makeFrame(bytes, words, row)) {
      onUnknownLink(linkType);
      return false;
    }
    const frame = words[row + RECORD.offset];
    const isOurs = isToAnyMac || linkType !== LINK_TYPE.ethernet;
    if (isOurs && words[row + RECORD.length] >= MAC_BYTES && !isGroupMac(bytes, frame))
      writeMac(bytes, frame, macHigh(mac), macLow(mac));
    return true;
  }

  #end(problem: SourceFault | undefined): void {
    this.#state = "over";
    this.problem = problem;
    this.close();
  }
}

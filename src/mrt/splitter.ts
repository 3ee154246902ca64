/**
 * Cuts a recording's bytes into records, whatever chunks they come in. It holds back one record at most, and believes no
 * length beyond the bound of its form; after that, or at a cut-off end, there is no next record to be found.
 */
import { joinBytes } from "../bgp/bytes.ts";
import { bodyLength, decodeRecord as decodeMrt, MRT_HEADER_BYTES } from "./decode.ts";
import { parseRecord } from "./json-line.ts";
import { MAXIMUM_RECORD_BYTES, type RecordingRecord } from "./record.ts";

/** What is wrong with a record; reading has gone on behind it unless it was the last. */
export interface RecordingFault {
  readonly kind: "fault";
  readonly problem: string;
}

export interface Recorded {
  /** Where it begins, in bytes, after decompression. */
  readonly offset: number;
  readonly record: RecordingRecord | RecordingFault;
}

/** How records lie in bytes. */
export interface RecordingForm {
  readonly name: "mrt" | "json";
  /** How long the record at the beginning of `bytes` is; "more", or how many bytes are needed to tell or to have it. */
  lengthOf(bytes: Uint8Array): { readonly length: number } | { readonly needed: number } | { readonly problem: string };
  decode(bytes: Uint8Array): RecordingRecord | string;
}

export const MRT: RecordingForm = {
  name: "mrt",
  lengthOf(bytes) {
    if (bytes.length < MRT_HEADER_BYTES) return { needed: MRT_HEADER_BYTES };
    const length = MRT_HEADER_BYTES + bodyLength(bytes);
    if (length > MAXIMUM_RECORD_BYTES) return { problem: `a record of ${length} bytes, at most ${MAXIMUM_RECORD_BYTES} wanted` };
    return bytes.length < length ? { needed: length } : { length };
  },
  decode: decodeMrt,
};

/** A message of 65,535 bytes in hex, and the words around it. */
const MAXIMUM_LINE_BYTES = 140_000;
const LINE_FEED = 10;

export const JSON_LINES: RecordingForm = {
  name: "json",
  lengthOf(bytes) {
    const end = bytes.subarray(0, MAXIMUM_LINE_BYTES).indexOf(LINE_FEED);
    if (end >= 0) return { length: end + 1 };
    if (bytes.length >= MAXIMUM_LINE_BYTES) return { problem: `a line of ${MAXIMUM_LINE_BYTES} bytes and no end` };
    return { needed: bytes.length + 1 };
  },
  decode: (bytes) => parseRecord(new TextDecoder().decode(bytes)),
};

export class Splitter {
  private readonly form: RecordingForm;
  /** What no record was made of yet, in the chunks that it came in; joined when there is enough of it. */
  private parts: Uint8Array[] = [];
  private held = 0;
  private needed = 1;
  private offset = 0;
  private isOver = false;

  constructor(form: RecordingForm) {
    this.form = form;
  }

  push(chunk: Uint8Array): Recorded[] {
    if (this.isOver) return [];
    this.parts.push(chunk);
    this.held += chunk.length;
    return this.held < this.needed ? [] : this.cut(this.join());
  }

  /** The bytes have ended. */
  end(): Recorded[] {
    if (this.isOver || this.held === 0) return [];
    return [this.fault(`the end, ${this.held} bytes into a record`)];
  }

  /** Whether there is any sense in pushing more. */
  get over(): boolean {
    return this.isOver;
  }

  private join(): Uint8Array {
    const [first] = this.parts;
    return this.parts.length === 1 ? first : joinBytes(...this.parts);
  }

  private cut(bytes: Uint8Array): Recorded[] {
    const records: Recorded[] = [];
    let at = 0;
    while (at < bytes.length) {
      const answer = this.form.lengthOf(bytes.subarray(at));
      if ("problem" in answer) {
        this.isOver = true;
        records.push(this.fault(answer.problem));
        break;
      }
      if ("needed" in answer) {
        this.needed = answer.needed;
        break;
      }
      const record = this.form.decode(bytes.subarray(at, at + answer.length));
      records.push(typeof record === "string" ? this.fault(`a record that ${record}`) : { offset: this.offset, record });
      at += answer.length;
      this.offset += answer.length;
    }
    if (at === bytes.length) this.needed = 1;
    this.parts = at === bytes.length ? [] : [bytes.subarray(at)];
    this.held = bytes.length - at;
    return records;
  }

  /** How far the records went. */
  get position(): number {
    return this.offset;
  }

  private fault(problem: string): Recorded {
    return { offset: this.offset, record: { kind: "fault", problem } };
  }
}

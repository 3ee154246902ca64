/**
 * The journal: everything that the speaker hears and says and how its sessions fare, on disk, as MRT or JSON lines. Sessions
 * hand it records and never wait for it; what the disk cannot take is lost by count. `ecmp replay-bgp` makes the same RIB of
 * it again: so that every file can be read by itself, each begins with the OPENs of the sessions that are up.
 */

import { encodeText } from "../bgp/bytes.ts";
import { HEADER_LENGTH } from "../bgp/framer.ts";
import { MESSAGE } from "../bgp/iana.ts";
import { encodeRecord } from "../mrt/encode.ts";
import { formatRecord } from "../mrt/json-line.ts";
import type { MessageRecord, SessionRecord, StateRecord } from "../mrt/record.ts";
import type { Address } from "../net/address.ts";
import { RotatingFile } from "../port/rotating-file.ts";

const ENCODERS = {
  json: (record: SessionRecord): Uint8Array => encodeText(`${formatRecord(record)}\n`),
  mrt: encodeRecord,
};

export interface JournalOptions {
  readonly file: string;
  readonly format: keyof typeof ENCODERS;
  readonly maximumMegabytes: number;
  readonly files: number;
}

export interface JournalState {
  readonly file: string;
  readonly format: string;
  readonly records: number;
  readonly bytes: number;
  /** Records that the disk was too slow for, or that came after it had failed. */
  readonly lost: number;
  readonly problem?: string;
}

/** In these an OPEN was heard, or may be. Of an attempt that came to nothing no word is kept: anybody can make one. */
const TALKING: ReadonlySet<StateRecord["to"]> = new Set(["OpenSent", "OpenConfirm"]);

/** What tells a reader how to read the rest of a session. */
interface Beginning {
  sent?: MessageRecord;
  received?: MessageRecord;
  established?: StateRecord;
}

export class Journal {
  private readonly onFailure: (file: string, problem: string) => void;
  private readonly beginnings = new Map<Address, Beginning>();
  private open: { readonly options: JournalOptions; readonly to: RotatingFile } | undefined;
  private counts = { records: 0, bytes: 0, lost: 0 };

  constructor(onFailure: (file: string, problem: string) => void) {
    this.onFailure = onFailure;
  }

  /** Undefined: nothing is written from now on. Settles when what was written before is on disk. */
  async configure(options: JournalOptions | undefined): Promise<void> {
    const { open } = this;
    this.open = undefined;
    await open?.to.close();
    this.counts = { records: 0, bytes: 0, lost: 0 };
    if (!options) return;
    const to = new RotatingFile({
      file: options.file,
      maximumBytes: options.maximumMegabytes * 1024 * 1024,
      files: options.files,
      preamble: () => this.preamble(ENCODERS[options.format]),
      onFailure: (problem) => this.onFailure(options.file, problem),
    });
    this.open = { options, to };
  }

  /** When what was recorded is on disk, or can no longer be: at first, when the file is open, or its problem is known. */
  async settled(): Promise<void> {
    await this.open?.to.settled();
  }

  record(record: SessionRecord): void {
    this.remember(record);
    if (!this.open) return;
    const bytes = ENCODERS[this.open.options.format](record);
    if (!this.open.to.write(bytes)) {
      this.counts.lost++;
      return;
    }
    this.counts.records++;
    this.counts.bytes += bytes.length;
  }

  state(): JournalState | undefined {
    if (!this.open) return undefined;
    const { options, to } = this.open;
    const { file, format } = options;
    return { file, format, ...this.counts, ...(to.problem !== undefined && { problem: to.problem }) };
  }

  private remember(record: SessionRecord): void {
    if (record.kind === "state") {
      if (record.to === "Established") this.beginningOf(record.peer).established = record;
      else if (!TALKING.has(record.to)) this.beginnings.delete(record.peer);
    } else if (record.message[HEADER_LENGTH - 1] === MESSAGE.open) {
      this.beginningOf(record.peer)[record.direction] = record;
    }
  }

  private beginningOf(peer: Address): Beginning {
    const beginning = this.beginnings.get(peer) ?? {};
    this.beginnings.set(peer, beginning);
    return beginning;
  }

  private preamble(encode: (record: SessionRecord) => Uint8Array): Uint8Array[] {
    return Array.from(this.beginnings.values()).flatMap(({ sent, received, established }) =>
      [sent, received, established].flatMap((record) => (record && established ? [encode(record)] : [])),
    );
  }
}

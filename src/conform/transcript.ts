/**
 * The evidence of one check: everything that was sent and received, decoded and as hex, in order. Bounded, whatever the
 * speaker sends: beyond the bounds there are only counts.
 */
import { formatHex } from "../bgp/bytes.ts";
import type { Clock } from "../net/clock.ts";

export interface Entry {
  /** Since the check began. */
  readonly atMs: number;
  readonly direction: "sent" | "received" | "event";
  readonly text: string;
  readonly hex?: string;
}

const MAXIMUM_ENTRIES = 80;
const MAXIMUM_HEX_BYTES = 256;

export class Transcript {
  private readonly clock: Clock;
  private readonly startMs: number;
  private readonly kept: Entry[] = [];
  private omitted = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startMs = clock.nowMs();
  }

  add(direction: Entry["direction"], text: string, bytes?: Uint8Array): void {
    if (this.kept.length >= MAXIMUM_ENTRIES) {
      this.omitted++;
      return;
    }
    this.kept.push({ atMs: this.elapsedMs(), direction, text, ...(bytes && { hex: shortHex(bytes) }) });
  }

  entries(): Entry[] {
    if (this.omitted === 0) return [...this.kept];
    return [...this.kept, { atMs: this.elapsedMs(), direction: "event", text: `and ${this.omitted} more` }];
  }

  private elapsedMs(): number {
    return Math.round(this.clock.nowMs() - this.startMs);
  }
}

function shortHex(bytes: Uint8Array): string {
  if (bytes.length <= MAXIMUM_HEX_BYTES) return formatHex(bytes);
  return `${formatHex(bytes.subarray(0, MAXIMUM_HEX_BYTES))}... (${bytes.length} bytes)`;
}

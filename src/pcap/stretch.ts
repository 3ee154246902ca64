/** What decoders of captures have in common: how they are asked, what they answer, and how long a packet may be. */
import type { RecordTable } from "./record.ts";

/** The longest packet that tcpdump and Wireshark write: a longer one is a damaged length. */
export const MAXIMUM_CAPTURED_BYTES = 262_144;

/** The longest block that has to be seen whole (a packet with its options, a header): a stretch must have room for it. */
export const MAXIMUM_WHOLE_BYTES = 2 * MAXIMUM_CAPTURED_BYTES;

/** What is wrong with a record that has more of a packet than the packet had: one of its two lengths is damaged. */
export const describeExcess = (captured: number, wire: number): string =>
  `packet of ${captured} bytes, wanted at most the ${wire} that it says it had on the wire`;

export type CaptureFormat = "pcap" | "pcapng";

/** `at`: what lies before it is done with. A decoder that answered "wrong" is not asked again. */
export type Answer =
  | { readonly kind: "full"; readonly at: number }
  /** `wanted` bytes from `at` on, for something called `what`; 0: nothing has begun there, and a file may well end so. */
  | { readonly kind: "more"; readonly at: number; readonly wanted: number; readonly what: string }
  | { readonly kind: "wrong"; readonly at: number; readonly problem: string };

export interface CaptureDecoder {
  readonly format: CaptureFormat;
  /** Decodes `bytes` from `start` to `end` and appends to `table`. */
  decode(bytes: Uint8Array, start: number, end: number, table: RecordTable): Answer;
}

/**
 * What the threads around one `pcap-live` port share. Frames go through rings of records: those that came to the one worker
 * that serves the port, and from each thread that may send those that leave. The rest is a row of words; the capture's thread
 * writes them all but `bell`.
 */
import { createRecordMemory } from "./record-ring.ts";

export interface CaptureMemory {
  /** Of each record one word: the length on the wire. */
  readonly received: SharedArrayBuffer;
  /** By thread; records without words. */
  readonly sent: readonly SharedArrayBuffer[];
  /** CAPTURE words, Int32. */
  readonly state: SharedArrayBuffer;
}

export const CAPTURE = {
  /** 1: the process captures. */
  isUp: 0,
  /** Raised, and notified of, by who has sent something while nobody looked. */
  bell: 1,
  /** What libpcap says that its kernel buffer had no room for, over all processes. */
  libpcapDrops: 2,
  /** What came and found no room in `received`. */
  queueDrops: 3,
  /** What libpcap would not send, or what found no process that takes it. What is in a pipe when its process dies nobody counts. */
  unsent: 4,
} as const;

/** Two thousand large frames; memory that is never touched costs nothing. */
const RING_BYTES = 4 * 1024 * 1024;

export const createCaptureMemory = (threads: number): CaptureMemory => ({
  received: createRecordMemory(RING_BYTES),
  sent: Array.from({ length: threads }, () => createRecordMemory(RING_BYTES)),
  state: new SharedArrayBuffer(Object.keys(CAPTURE).length * 4),
});

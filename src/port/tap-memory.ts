/** What the taps of one thread tell the main thread: records in a ring (`record-ring`), a captured frame each. */
import { createRecordMemory } from "./record-ring.ts";

/** The words of a record; its bytes are what was captured of the frame. */
export const TAP = {
  /** Index of the port. */
  port: 0,
  /** One of CAPTURE_DIRECTION (pcap). */
  direction: 1,
  /** As in the rows of a batch. */
  verdict: 2,
  reason: 3,
  nextHop: 4,
  vlanTci: 5,
  wireLength: 6,
  /** Microseconds since 1970, in two halves. */
  timeHigh: 7,
  timeLow: 8,
} as const;
export const TAP_WORDS = 9;

/** A tenth of a second of 300,000 small packets a second. Memory that no tap uses is never touched, and costs nothing. */
const CAPACITY_BYTES = 4 * 1024 * 1024;

export const createTapMemory = (capacityBytes = CAPACITY_BYTES): SharedArrayBuffer => createRecordMemory(capacityBytes);

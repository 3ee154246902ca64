/**
 * What the threads around one `ServedPort` share. Frames go through rings of records: those that came to the one worker that
 * receives, and from each thread that may send those that leave. The rest is a row of words, most
 * of which the thread that serves the port writes: the others ring `bell`, take `wantsRoom` back and set `wake`, and whoever
 * opens a file says first whether it `isUp`.
 */
import { createRecordMemory } from "./record-ring.ts";

export interface ServedMemory {
  /** Of each record one word: the length on the wire. */
  readonly received: SharedArrayBuffer;
  /** By thread; records without words. */
  readonly sent: readonly SharedArrayBuffer[];
  /** SERVED words, Int32. */
  readonly state: SharedArrayBuffer;
}

/** What one port has of it. Of several on an interface the first receives; each has its own rings for what it sends. */
export interface PortMemory extends Omit<ServedMemory, "received"> {
  readonly received?: SharedArrayBuffer;
}

export const SERVED = {
  /** 1: what is sent is taken. */
  isUp: 0,
  /** Raised, and notified of, by who has sent something, or has made room, while nobody looked. */
  bell: 1,
  /** What the source of frames says that it lost: libpcap's kernel buffer had no room, or a file has what is no frame. */
  lost: 2,
  /** What came and found no room in `received`. */
  queueDrops: 3,
  /** What was taken to be sent and was not: refused later, or there was no process. What dies in a pipe nobody counts. */
  unsent: 4,
  /** 1: the bell is to be raised when something was taken out of `received`. */
  wantsRoom: 5,
  /** Descriptor of the `Wake` to be signaled when there are frames for the worker that receives, plus one; 0: none yet. */
  wake: 6,
} as const;

/** Two thousand large frames; memory that is never touched costs nothing. */
const RING_BYTES = 4 * 1024 * 1024;

export const createServedMemory = (threads: number, receivedBytes = RING_BYTES): ServedMemory => ({
  received: createRecordMemory(receivedBytes),
  sent: Array.from({ length: threads }, () => createRecordMemory(RING_BYTES)),
  state: new SharedArrayBuffer(Object.keys(SERVED).length * 4),
});

/** From now on this `Wake` is signaled when there are frames. */
export const wakeBy = ({ state }: ServedMemory, descriptor: number): void =>
  void Atomics.store(new Int32Array(state), SERVED.wake, descriptor + 1);

/** Of a row of SERVED words: whom to wake, or undefined. */
export function toBeWoken(state: Int32Array): number | undefined {
  const word = Atomics.load(state, SERVED.wake);
  return word === 0 ? undefined : word - 1;
}

/**
 * From the taps of one thread to the main thread: a ring of bytes with one writer and one reader. A record that finds no room
 * is lost and counted, so a tap never holds its port up.
 *
 *   Int32  head (writer) │ tail (reader) │ lost
 *   bytes  record │ record │ ...     record: TAP_WORDS words, whose first is its length in all │ frame │ padding
 *
 * A record never wraps: where it would, a filler (length 0) takes the rest of the ring.
 */
export const TAP = {
  total: 0,
  /** Index of the port. */
  port: 1,
  /** One of TAP_DIRECTION. */
  direction: 2,
  /** As in the rows of a batch. */
  verdict: 3,
  reason: 4,
  nextHop: 5,
  vlanTci: 6,
  length: 7,
  wireLength: 8,
  /** Microseconds since 1970, in two halves. */
  timeHigh: 9,
  timeLow: 10,
} as const;
export const TAP_WORDS = 11;
export const TAP_DIRECTION = { in: 1, out: 2 } as const;

const HEAD = 0;
const TAIL = 1;
const LOST = 2;
const HEADER_BYTES = 16;
/** A tenth of a second of 300,000 small packets a second. Memory that no tap uses is never touched, and costs nothing. */
const CAPACITY_BYTES = 4 * 1024 * 1024;

export const createTapMemory = (capacityBytes = CAPACITY_BYTES): SharedArrayBuffer =>
  new SharedArrayBuffer(HEADER_BYTES + capacityBytes);

const open = (memory: SharedArrayBuffer) => ({
  state: new Int32Array(memory, 0, 4),
  words: new Uint32Array(memory, HEADER_BYTES),
  bytes: new Uint8Array(memory, HEADER_BYTES),
});

/** Appends a record; `head` has all words but the first, the frame is `length` bytes of `source` at `start`. */
export type TapWriter = (head: Uint32Array, source: Uint8Array, start: number) => void;

export function createTapWriter(memory: SharedArrayBuffer): TapWriter {
  const { state, words, bytes } = open(memory);
  const capacity = bytes.length;
  return (record, source, start) => {
    const length = record[TAP.length];
    const total = (TAP_WORDS * 4 + length + 3) & ~3;
    const tail = Atomics.load(state, TAIL);
    let head = state[HEAD];
    // One word stays free, so that full and empty differ.
    const room = head >= tail ? capacity - head - (tail === 0 ? 4 : 0) : tail - head - 4;
    if (total > room) {
      if (head < tail || total > tail - 4) return void Atomics.add(state, LOST, 1);
      words[head >> 2] = 0;
      head = 0;
    }
    record[TAP.total] = total;
    words.set(record, head >> 2);
    bytes.set(source.subarray(start, start + length), head + TAP_WORDS * 4);
    Atomics.store(state, HEAD, head + total === capacity ? 0 : head + total);
  };
}

export interface TapReader {
  /** The next record's words and frame, or undefined; both are copies. */
  next(): { readonly words: Uint32Array; readonly bytes: Uint8Array } | undefined;
  lost(): number;
}

export function createTapReader(memory: SharedArrayBuffer): TapReader {
  const { state, words, bytes } = open(memory);
  return {
    next() {
      let tail = state[TAIL];
      if (tail === Atomics.load(state, HEAD)) return undefined;
      if (words[tail >> 2] === 0) tail = 0;
      const record = words.slice(tail >> 2, (tail >> 2) + TAP_WORDS);
      const start = tail + TAP_WORDS * 4;
      const frame = bytes.slice(start, start + record[TAP.length]);
      const after = tail + record[TAP.total];
      Atomics.store(state, TAIL, after === bytes.length ? 0 : after);
      return { words: record, bytes: frame };
    },
    lost: () => Atomics.load(state, LOST) >>> 0,
  };
}

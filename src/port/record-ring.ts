/**
 * From one thread to another: a ring of records with one writer and one reader, each a few words of its owner's and some
 * bytes. Bounded: what finds no room is refused and counted, so nobody is ever held up by who reads. What a worker hands to
 * the main thread, and what taps tell, goes this way.
 *
 *   Int32  head (writer) │ tail (reader) │ armed (reader: ring the bell at the next push) │ refused (writer)
 *   bytes  record │ record │ ...         record: total, length of the bytes, the owner's words │ bytes │ padding
 *
 * A record never wraps: where it would, a filler (total 0) takes the rest of the ring.
 */
const HEAD = 0;
const TAIL = 1;
const ARMED = 2;
const REFUSED = 3;
const HEADER_BYTES = 16;
/** Of a record: its total and the length of its bytes. */
const OWN_WORDS = 2;

export const createRecordMemory = (capacityBytes: number): SharedArrayBuffer =>
  new SharedArrayBuffer(HEADER_BYTES + capacityBytes);

const open = (memory: SharedArrayBuffer) => ({
  state: new Int32Array(memory, 0, 4),
  words: new Uint32Array(memory, HEADER_BYTES),
  bytes: new Uint8Array(memory, HEADER_BYTES),
});

/** Tells how much of a ring is taken by what waits there; with what a filler takes. */
export function createRecordGauge(memory: SharedArrayBuffer): () => number {
  const { state, bytes } = open(memory);
  const capacity = bytes.length;
  return () => {
    const filled = Atomics.load(state, HEAD) - Atomics.load(state, TAIL);
    return filled < 0 ? filled + capacity : filled;
  };
}

export interface RecordWriter {
  /** Appends `words` and `length` bytes of `source` at `start`. False: there is no room. */
  push(words: Uint32Array, source: Uint8Array, start: number, length: number): boolean;
  /** True once after the reader armed the bell and something was pushed: ring it. */
  takeBell(): boolean;
}

export function createRecordWriter(memory: SharedArrayBuffer): RecordWriter {
  const { state, words, bytes } = open(memory);
  const capacity = bytes.length;
  return {
    push(record, source, start, length) {
      const headBytes = (OWN_WORDS + record.length) * 4;
      const total = (headBytes + length + 3) & ~3;
      const tail = Atomics.load(state, TAIL);
      let head = state[HEAD];
      // One word stays free, so that full and empty differ.
      const room = head >= tail ? capacity - head - (tail === 0 ? 4 : 0) : tail - head - 4;
      if (total > room) {
        if (head < tail || total > tail - 4) {
          Atomics.add(state, REFUSED, 1);
          return false;
        }
        words[head >> 2] = 0;
        head = 0;
      }
      const at = head >> 2;
      words[at] = total;
      words[at + 1] = length;
      words.set(record, at + OWN_WORDS);
      bytes.set(source.subarray(start, start + length), head + headBytes);
      Atomics.store(state, HEAD, head + total === capacity ? 0 : head + total);
      return true;
    },
    takeBell: () => Atomics.load(state, HEAD) !== Atomics.load(state, TAIL) && Atomics.exchange(state, ARMED, 0) === 1,
  };
}

export interface RingRecord {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

export interface RecordReader {
  /** The next record, copied out, or undefined. */
  next(): RingRecord | undefined;
  /** Arms the bell. False: something was pushed meanwhile, which has to be read first. */
  arm(): boolean;
  /** How many records found no room. */
  refused(): number;
}

/** For records of `wordCount` words. */
export function createRecordReader(memory: SharedArrayBuffer, wordCount: number): RecordReader {
  const { state, words, bytes } = open(memory);
  return {
    next() {
      let tail = state[TAIL];
      if (tail === Atomics.load(state, HEAD)) return undefined;
      if (words[tail >> 2] === 0) tail = 0;
      const at = (tail >> 2) + OWN_WORDS;
      const start = (at + wordCount) * 4;
      const [total, length] = [words[tail >> 2], words[(tail >> 2) + 1]];
      const record = { words: words.slice(at, at + wordCount), bytes: bytes.slice(start, start + length) };
      const after = tail + total;
      Atomics.store(state, TAIL, after === bytes.length ? 0 : after);
      return record;
    },
    arm() {
      Atomics.store(state, ARMED, 1);
      // Pushed between the last look and the arming: the bell is the reader's own then.
      return state[TAIL] === Atomics.load(state, HEAD) || Atomics.exchange(state, ARMED, 0) === 0;
    },
    refused: () => Atomics.load(state, REFUSED) >>> 0,
  };
}

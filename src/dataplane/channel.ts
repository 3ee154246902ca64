/**
 * From a worker to the main thread: a ring of bytes with one writer and one reader, for the frames that a breath does not
 * finish (unresolved neighbor, fragmentation), those that our neighbor table wants to see (ARP, neighbor discovery), and the
 * beginnings of those whose senders are owed an ICMP error. Bounded: a push that does not fit is
 * refused and becomes a named drop.
 *
 *   Int32  head (writer) │ tail (reader) │ armed (reader: ring the bell at the next push)
 *   bytes  entry │ entry │ ...        entry: total │ length, kind, port, next hop (4 words) │ virtio header │ frame │ padding
 *
 * An entry never wraps: where it would, a filler (total with kind 0) takes the rest of the ring.
 */
import { VIRTIO_HEADER_LENGTH } from "../port/batch.ts";

const HEAD = 0;
const TAIL = 1;
const ARMED = 2;
const HEADER_BYTES = 16;
const ENTRY_HEADER_BYTES = 20;
const FILLER = 0;

/**
 * `hearing`: what our neighbor table wants to see. To `slow` and `dropped` the reason is added: a packet to go on with, and the
 * first bytes of one whose sender is owed an error.
 */
export const CHANNEL_KIND = { hearing: 1, slow: 0x100, dropped: 0x200 } as const;

export interface ChannelEntry {
  readonly kind: number;
  /** The port that the frame came in by. */
  readonly port: number;
  /** Index of the next hop that was picked; 0 for a hearing. */
  readonly nextHop: number;
  /** Frame with VIRTIO_HEADER_LENGTH bytes in front; a copy. */
  readonly bytes: Uint8Array;
}

export const createChannelMemory = (capacityBytes = 1 << 20): SharedArrayBuffer =>
  new SharedArrayBuffer(HEADER_BYTES + capacityBytes);

interface Views {
  readonly state: Int32Array;
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

const open = (memory: SharedArrayBuffer): Views => ({
  state: new Int32Array(memory, 0, 4),
  words: new Uint32Array(memory, HEADER_BYTES),
  bytes: new Uint8Array(memory, HEADER_BYTES),
});

const roundUp = (bytes: number): number => (bytes + 3) & ~3;

export interface ChannelWriter {
  /** False when there is no room. */
  push(kind: number, port: number, nextHop: number, source: Uint8Array, frame: number, length: number): boolean;
  /** True once after the reader armed the bell and something was pushed: ring it. */
  takeBell(): boolean;
}

export function createChannelWriter(memory: SharedArrayBuffer): ChannelWriter {
  const { state, words, bytes } = open(memory);
  const capacity = bytes.length;
  return {
    push(kind, port, nextHop, source, frame, length) {
      const total = roundUp(ENTRY_HEADER_BYTES + VIRTIO_HEADER_LENGTH + length);
      const tail = Atomics.load(state, TAIL);
      let head = state[HEAD];
      // Head and tail stay within the ring; one word is left free so that full and empty differ.
      const fits = (at: number): boolean => (at >= tail ? total <= capacity - at - (tail === 0 ? 4 : 0) : total <= tail - at - 4);
      if (!fits(head)) {
        if (head < tail || total > tail - 4) return false;
        words[head >> 2] = FILLER;
        head = 0;
      }
      const at = head >> 2;
      words[at] = total;
      words[at + 1] = length;
      words[at + 2] = kind;
      words[at + 3] = port;
      words[at + 4] = nextHop;
      bytes.set(source.subarray(frame - VIRTIO_HEADER_LENGTH, frame + length), head + ENTRY_HEADER_BYTES);
      Atomics.store(state, HEAD, head + total === capacity ? 0 : head + total);
      return true;
    },
    takeBell: () => Atomics.load(state, HEAD) !== Atomics.load(state, TAIL) && Atomics.exchange(state, ARMED, 0) === 1,
  };
}

export interface ChannelReader {
  /** Up to `limit` entries; `more` says that some are left. When none are left the bell is armed. */
  drain(limit: number, take: (entry: ChannelEntry) => void): { more: boolean };
}

export function createChannelReader(memory: SharedArrayBuffer): ChannelReader {
  const { state, words, bytes } = open(memory);
  Atomics.store(state, ARMED, 1);
  const next = (): ChannelEntry | undefined => {
    let tail = state[TAIL];
    if (tail === Atomics.load(state, HEAD)) return undefined;
    if (words[tail >> 2] === FILLER) tail = 0;
    const at = tail >> 2;
    const start = tail + ENTRY_HEADER_BYTES;
    const entry = {
      kind: words[at + 2],
      port: words[at + 3],
      nextHop: words[at + 4],
      bytes: bytes.slice(start, start + VIRTIO_HEADER_LENGTH + words[at + 1]),
    };
    const after = tail + words[at];
    Atomics.store(state, TAIL, after === bytes.length ? 0 : after);
    return entry;
  };
  return {
    drain(limit, take) {
      for (let taken = 0; taken < limit; taken++) {
        const entry = next();
        if (entry) take(entry);
        else {
          Atomics.store(state, ARMED, 1);
          // Something may have been pushed between the look and the arming: then look once more.
          if (state[TAIL] === Atomics.load(state, HEAD) || Atomics.exchange(state, ARMED, 0) === 0) return { more: false };
        }
      }
      return { more: true };
    },
  };
}

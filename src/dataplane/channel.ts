/**
 * From a worker to the main thread: the frames that a breath does not finish (unresolved neighbor, fragmentation), those that
 * our neighbor table wants to see (ARP, neighbor discovery) or the kernel does not (what is for us, with tags), and the
 * beginnings of those whose senders are owed an ICMP error. A ring of records (`port/record-ring`): a push that does not fit is
 * refused and becomes a named drop.
 */
import { VIRTIO_HEADER_LENGTH } from "../port/batch.ts";
import {
  createRecordMemory,
  createRecordReader,
  createRecordWriter,
  type RecordWriter,
  type RingRecord,
} from "../port/record-ring.ts";

/** The words of a record. */
const ENTRY = { kind: 0, port: 1, nextHop: 2 } as const;
const ENTRY_WORDS = 3;

/**
 * `hearing`: what our neighbor table wants to see, or whoever answers on ports with tags. To `slow` and `dropped` the reason is
 * added: a packet to go on with, and the first bytes of one whose sender is owed an error.
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

export const createChannelMemory = (capacityBytes = 1 << 20): SharedArrayBuffer => createRecordMemory(capacityBytes);

export interface ChannelWriter extends Pick<RecordWriter, "takeBell"> {
  /** False when there is no room. */
  push(kind: number, port: number, nextHop: number, source: Uint8Array, frame: number, length: number): boolean;
}

export function createChannelWriter(memory: SharedArrayBuffer): ChannelWriter {
  const { push, takeBell } = createRecordWriter(memory);
  const entry = new Uint32Array(ENTRY_WORDS);
  return {
    push(kind, port, nextHop, source, frame, length) {
      entry[ENTRY.kind] = kind;
      entry[ENTRY.port] = port;
      entry[ENTRY.nextHop] = nextHop;
      return push(entry, source, frame - VIRTIO_HEADER_LENGTH, length + VIRTIO_HEADER_LENGTH);
    },
    takeBell,
  };
}

export interface ChannelReader {
  /** Up to `limit` entries; `more` says that some are left. When none are left the bell is armed. */
  drain(limit: number, take: (entry: ChannelEntry) => void): { more: boolean };
}

export function createChannelReader(memory: SharedArrayBuffer): ChannelReader {
  const reader = createRecordReader(memory, ENTRY_WORDS);
  reader.arm();
  return {
    drain(limit, take) {
      for (let taken = 0; taken < limit; taken++) {
        const record = reader.next();
        if (record) take(toEntry(record));
        else if (reader.arm()) return { more: false };
      }
      return { more: true };
    },
  };
}

const toEntry = ({ words, bytes }: RingRecord): ChannelEntry => ({
  kind: words[ENTRY.kind],
  port: words[ENTRY.port],
  nextHop: words[ENTRY.nextHop],
  bytes,
});

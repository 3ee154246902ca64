/**
 * What a decoder makes of a stretch of a capture: one row of words for each packet and each header, in the order of the
 * file. Rows may lie in shared memory: one thread decodes, others work on what it found, and nothing is decoded twice.
 *
 *   bytes  | file header | record header | packet ......... | record header | packet ... |
 *          ^ row 0: header               ^ row 1: offset    ^ offset + length
 *
 * Time is left as it stands in the file (pcap: seconds and fraction; pcapng: upper and lower half of a count of units), so
 * that who writes the packet again loses nothing of it.
 */
export const RECORD = {
  offset: 0,
  /** Bytes that the file has of the packet. */
  length: 1,
  /** Bytes that the packet had on the wire, never fewer than `length`. */
  wireLength: 2,
  linkType: 3,
  /** Its number within the section; 0 in a pcap file. */
  interface: 4,
  timeHigh: 5,
  timeLow: 6,
  /** Bits of RECORD_FLAG. */
  flags: 7,
} as const;
export const RECORD_WORDS = 8;

/** `header`: not a packet but a header that those behind it depend on (file, section, interface); only offset and length count. */
export const RECORD_FLAG = { header: 1, bigEndian: 2 } as const;

export interface RecordTable {
  /** RECORD_WORDS words a row. */
  readonly words: Uint32Array;
  readonly capacity: number;
  count: number;
}

export function openRecordTable(words: Uint32Array, count = 0): RecordTable {
  return { words, capacity: Math.floor(words.length / RECORD_WORDS), count };
}

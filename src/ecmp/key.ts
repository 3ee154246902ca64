/**
 * The key: the bytes that a hash reads. An ordered list of field names is compiled once into a writer, which packs a row of
 * fields into a key: natural widths, network byte order, one after the other without padding.
 *
 *   5-tuple, IPv4 (13 bytes)   source-address 4 | destination-address 4 | protocol 1 | source-port 2 | destination-port 2
 *   3-tuple, IPv4 (9 bytes)    source-address 4 | destination-address 4 | protocol 1
 *   The same over IPv6         16-byte addresses: 37 and 33 bytes
 *
 * Callers are the forwarding core, per packet, and `explain`. The words of a key are read and written as the
 * little-endian machines that we support do it; `createKey` refuses others.
 */
import { FIELD, type Fields } from "./fields.ts";

/** Named after OpenConfig and SAI hash fields. */
export const FIELD_NAMES = ["source-address", "destination-address", "protocol", "source-port", "destination-port"] as const;
export type FieldName = (typeof FIELD_NAMES)[number];

/** Short names for whole lists. Their order is the order of the bytes, so it is part of the behavior. */
export const FIELD_ALIASES: Readonly<Record<string, readonly FieldName[]>> = {
  "3-tuple": ["source-address", "destination-address", "protocol"],
  "5-tuple": FIELD_NAMES,
};

/** Room for any list of distinct fields; what lies beyond the written length is left over and never read. */
export interface Key {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}
export const KEY_CAPACITY = 64;

/** Writes the key of a row of fields and returns its length in bytes. */
export type KeyWriter = (fields: Fields, key: Key) => number;

export function createKey(): Key {
  const bytes = new Uint8Array(KEY_CAPACITY);
  const words = new Uint32Array(bytes.buffer);
  bytes[0] = 1;
  if (words[0] !== 1) throw new Error("Cannot hash on a big-endian machine: the words of a key are read as little-endian");
  bytes[0] = 0;
  return { bytes, words };
}

/** The fields that a list of names and aliases stands for, each at most once. */
export function expandFieldNames(names: readonly string[]): readonly FieldName[] {
  const fields = names.flatMap((name) => (Object.hasOwn(FIELD_ALIASES, name) ? FIELD_ALIASES[name] : name));
  const wanted = `wanted distinct names of ${[...FIELD_NAMES, ...Object.keys(FIELD_ALIASES)].join(", ")}`;
  if (fields.length === 0) throw new Error(`Cannot make a key of no fields: ${wanted}`);
  fields.forEach((field, i) => {
    if (!isFieldName(field)) throw new Error(`Cannot make a key: unknown field "${field}", ${wanted}`);
    if (fields.indexOf(field) !== i) throw new Error(`Cannot make a key: field "${field}" is there twice, ${wanted}`);
  });
  return fields as readonly FieldName[];
}

const isFieldName = (name: string): name is FieldName => (FIELD_NAMES as readonly string[]).includes(name);

export function compileKey(names: readonly string[]): KeyWriter {
  const fields = expandFieldNames(names);
  const list = fields.join();
  if (list === FIELD_ALIASES["5-tuple"].join()) return writeFiveTuple;
  if (list === FIELD_ALIASES["3-tuple"].join()) return writeThreeTuple;
  return compileGeneralKey(fields);
}

/** The key as people read it. */
export function formatKey({ bytes }: Key, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += bytes[i].toString(16).padStart(2, "0");
  return text;
}

// The two keys of everyday, straight on for IPv4, in whole words: a word that was written byte by byte stalls its reader.
// The indexes are taken out of FIELD once, because a property of an imported object is looked up at every use: the
// writer took 7.8 ns with FIELD.source and its like, and takes 3.9.

const { family, protocol, sourcePort, destinationPort, source, destination } = FIELD;

function writeFiveTuple(fields: Fields, { words }: Key): number {
  if (fields[family] !== 4) return writeIpv6FiveTuple(fields, words);
  words[0] = swapBytes(fields[source]);
  words[1] = swapBytes(fields[destination]);
  words[2] = packProtocolAndPorts(fields);
  words[3] = fields[destinationPort] & 0xff;
  return 13;
}

function writeThreeTuple(fields: Fields, { words }: Key): number {
  if (fields[family] !== 4) return writeIpv6ThreeTuple(fields, words);
  words[0] = swapBytes(fields[source]);
  words[1] = swapBytes(fields[destination]);
  words[2] = fields[protocol];
  return 9;
}

function writeIpv6FiveTuple(fields: Fields, words: Uint32Array): number {
  writeIpv6Addresses(fields, words);
  words[8] = packProtocolAndPorts(fields);
  words[9] = fields[destinationPort] & 0xff;
  return 37;
}

function writeIpv6ThreeTuple(fields: Fields, words: Uint32Array): number {
  writeIpv6Addresses(fields, words);
  words[8] = fields[protocol];
  return 33;
}

function writeIpv6Addresses(fields: Fields, words: Uint32Array): void {
  for (let i = 0; i < 4; i++) {
    words[i] = swapBytes(fields[source + i]);
    words[4 + i] = swapBytes(fields[destination + i]);
  }
}

/** The four bytes after the addresses, as a little-endian word: protocol, source port, upper half of the destination port. */
const packProtocolAndPorts = (fields: Fields): number =>
  fields[protocol] |
  (fields[sourcePort] & 0xff00) |
  ((fields[sourcePort] & 0xff) << 16) |
  ((fields[destinationPort] & 0xff00) << 16);

/** Two rotations and two masks cost less than four shifts. */
const swapBytes = (word: number): number =>
  (((word << 8) | (word >>> 24)) & 0x00ff00ff) | (((word << 24) | (word >>> 8)) & 0xff00ff00);

// Any other list: where each byte of the key comes from, one list a family. About 4 ns a byte; a chain of closures, one a
// field, was slower by half. A list that deserves better gets a writer of its own above.

/** Bits `shift` to `shift + 7` of one word of the row. */
interface ByteSource {
  readonly word: number;
  readonly shift: number;
}

const ADDRESS_WORDS = { "source-address": source, "destination-address": destination } as const;
const PORT_WORDS = { "source-port": sourcePort, "destination-port": destinationPort } as const;

function byteSources(field: FieldName, version: 4 | 6): ByteSource[] {
  if (field === "protocol") return [{ word: protocol, shift: 0 }];
  if (field === "source-port" || field === "destination-port") return [8, 0].map((shift) => ({ word: PORT_WORDS[field], shift }));
  const words = version === 4 ? [0] : [0, 1, 2, 3];
  return words.flatMap((i) => [24, 16, 8, 0].map((shift) => ({ word: ADDRESS_WORDS[field] + i, shift })));
}

function compileGeneralKey(names: readonly FieldName[]): KeyWriter {
  const ipv4 = packSources(names.flatMap((name) => byteSources(name, 4)));
  const ipv6 = packSources(names.flatMap((name) => byteSources(name, 6)));
  return (fields, { bytes }) => {
    const { words, shifts } = fields[family] === 4 ? ipv4 : ipv6;
    for (let i = 0; i < words.length; i++) bytes[i] = fields[words[i]] >>> shifts[i];
    return words.length;
  };
}

const packSources = (sources: readonly ByteSource[]) => ({
  words: Uint8Array.from(sources, ({ word }) => word),
  shifts: Uint8Array.from(sources, ({ shift }) => shift),
});

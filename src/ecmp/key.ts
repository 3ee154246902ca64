/**
 * The key: the bytes that a hash reads. An ordered list of field names is compiled once into a writer, which packs a row of
 * fields into a key: natural widths, network byte order, one after the other without padding.
 *
 *   5-tuple, IPv4 (13 bytes)   source-address 4 | destination-address 4 | protocol 1 | source-port 2 | destination-port 2
 *   3-tuple, IPv4 (9 bytes)    source-address 4 | destination-address 4 | protocol 1
 *   The same over IPv6         16-byte addresses: 37 and 33 bytes
 *
 * An address inside a tunnel always has 16 bytes, an IPv4 one in the first four: whatever is inside, and if nothing is, the
 * fields behind it stay where they are.
 *
 * Callers are the forwarding core, per packet, and `explain`. The words of a key are read and written as the
 * little-endian machines that we support do it; `createKey` refuses others.
 */
import { ipv4Mask } from "../net/prefix.ts";
import { createFields, FIELD, type Fields } from "./fields.ts";
import { writeFiveTuple, writeThreeTuple } from "./tuple-key.ts";

/** Named after OpenConfig and SAI hash fields (SAI_NATIVE_HASH_FIELD_*, openconfig-hashing). */
export const FIELD_NAMES = [
  "source-address",
  "destination-address",
  "protocol",
  "source-port",
  "destination-port",
  "dscp",
  "flow-label",
  "vlan-id",
  "ethertype",
  "ingress-port",
  "source-mac",
  "destination-mac",
  "inner-source-address",
  "inner-destination-address",
  "inner-protocol",
  "inner-source-port",
  "inner-destination-port",
  "inner-flow-label",
] as const;
export type FieldName = (typeof FIELD_NAMES)[number];

const FIVE_TUPLE = FIELD_NAMES.slice(0, 5);

/** Short names for whole lists. Their order is the order of the bytes, so it is part of the behavior. */
export const FIELD_ALIASES: Readonly<Record<string, readonly FieldName[]>> = {
  "3-tuple": ["source-address", "destination-address", "protocol"],
  "5-tuple": FIVE_TUPLE,
};

/**
 * Room for any list of distinct fields, and for the two `struct flow_keys` of Linux's policy 3; what lies beyond the written
 * length is left over and never read.
 */
export interface Key {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}
export const KEY_CAPACITY = 144;

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

export interface KeyOptions {
  /** Both directions of a flow make one key: the lower end goes first. */
  readonly symmetric?: boolean | undefined;
  readonly masks?: { readonly [Name in AddressFieldName]?: AddressMask | undefined } | undefined;
}
/** How many leading bits of an address count, by its family; all of them in a family that is not named. */
export interface AddressMask {
  readonly ipv4?: number | undefined;
  readonly ipv6?: number | undefined;
}
export const ADDRESS_FIELD_NAMES = [
  "source-address",
  "destination-address",
  "inner-source-address",
  "inner-destination-address",
] as const satisfies readonly FieldName[];
export type AddressFieldName = (typeof ADDRESS_FIELD_NAMES)[number];
/** What `symmetric` puts in order: the two ends of a flow, outside and inside. */
export const END_PAIRS = [
  ["source-address", "destination-address"],
  ["source-port", "destination-port"],
  ["inner-source-address", "inner-destination-address"],
  ["inner-source-port", "inner-destination-port"],
] as const satisfies readonly (readonly FieldName[])[];

export function compileKey(names: readonly string[], { symmetric = false, masks = {} }: KeyOptions = {}): KeyWriter {
  const fields = expandFieldNames(names);
  const write = compileWriter(fields);
  const prepare = [
    ...Object.entries(masks).map(([name, bits]) => mask(name as AddressFieldName, bits ?? {})),
    ...(symmetric ? [order] : []),
  ];
  if (prepare.length === 0) return write;
  // The row belongs to the caller, who may want to print it: what is masked or swapped is a copy.
  const copy = createFields();
  return (row, key) => {
    copy.set(row);
    for (let i = 0; i < prepare.length; i++) prepare[i](copy);
    return write(copy, key);
  };
}

function compileWriter(fields: readonly FieldName[]): KeyWriter {
  const list = fields.join();
  if (list === FIELD_ALIASES["5-tuple"].join()) return writeFiveTuple;
  if (list === FIELD_ALIASES["3-tuple"].join()) return writeThreeTuple;
  return compileGeneralKey(fields);
}

type Preparation = (fields: Fields) => void;

function mask(name: AddressFieldName, { ipv4 = 32, ipv6 = 128 }: AddressMask): Preparation {
  const first = ADDRESS_WORDS[name];
  const family = name.startsWith("inner-") ? FIELD.innerFamily : FIELD.family;
  const [four, six] = [maskWords(ipv4), maskWords(ipv6)];
  return (fields) => {
    const words = fields[family] === 4 ? four : six;
    for (let i = 0; i < 4; i++) fields[first + i] &= words[i];
  };
}

const maskWords = (length: number) => [0, 1, 2, 3].map((i) => ipv4Mask(Math.min(32, Math.max(0, length - 32 * i))));

/** Puts the lower of (address, port) first, outside and inside. */
const order: Preparation = (fields) => {
  orderEnds(fields, FIELD.source, FIELD.destination, FIELD.sourcePort, FIELD.destinationPort);
  orderEnds(fields, FIELD.innerSource, FIELD.innerDestination, FIELD.innerSourcePort, FIELD.innerDestinationPort);
};

function orderEnds(fields: Fields, source: number, destination: number, sourcePort: number, destinationPort: number): void {
  let difference = 0;
  for (let i = 0; i < 4 && difference === 0; i++) difference = fields[source + i] - fields[destination + i];
  if (difference === 0) difference = fields[sourcePort] - fields[destinationPort];
  if (difference <= 0) return;
  for (let i = 0; i < 4; i++) swap(fields, source + i, destination + i);
  swap(fields, sourcePort, destinationPort);
}

function swap(fields: Fields, a: number, b: number): void {
  const kept = fields[a];
  fields[a] = fields[b];
  fields[b] = kept;
}

/** The list as people write it: an alias where there is one for it. */
export function nameFields(names: readonly string[]): string {
  const list = names.join(", ");
  return Object.entries(FIELD_ALIASES).find(([, fields]) => fields.join(", ") === list)?.[0] ?? list;
}

/** The key as people read it. */
export function formatKey({ bytes }: Key, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += bytes[i].toString(16).padStart(2, "0");
  return text;
}

// Any other list: where each byte of the key comes from, one list a family. About 4 ns a byte; a chain of closures, one a
// field, was slower by half. A list that deserves better gets a writer of its own above.

/** Bits `shift` to `shift + 7` of one word of the row. */
interface ByteSource {
  readonly word: number;
  readonly shift: number;
}

const ADDRESS_WORDS = {
  "source-address": FIELD.source,
  "destination-address": FIELD.destination,
  "inner-source-address": FIELD.innerSource,
  "inner-destination-address": FIELD.innerDestination,
} as const;

/** Where the bytes of a field lie: the word of its last byte, and how many bytes it has. Words before it hold what is above. */
const NUMBERS: Readonly<Record<Exclude<FieldName, AddressFieldName>, { readonly word: number; readonly bytes: number }>> = {
  protocol: { word: FIELD.protocol, bytes: 1 },
  "source-port": { word: FIELD.sourcePort, bytes: 2 },
  "destination-port": { word: FIELD.destinationPort, bytes: 2 },
  dscp: { word: FIELD.dscp, bytes: 1 },
  "flow-label": { word: FIELD.flowLabel, bytes: 3 },
  "vlan-id": { word: FIELD.vlanId, bytes: 2 },
  ethertype: { word: FIELD.ethertype, bytes: 2 },
  "ingress-port": { word: FIELD.ingressPort, bytes: 2 },
  "source-mac": { word: FIELD.sourceMac + 1, bytes: 6 },
  "destination-mac": { word: FIELD.destinationMac + 1, bytes: 6 },
  "inner-protocol": { word: FIELD.innerProtocol, bytes: 1 },
  "inner-source-port": { word: FIELD.innerSourcePort, bytes: 2 },
  "inner-destination-port": { word: FIELD.innerDestinationPort, bytes: 2 },
  "inner-flow-label": { word: FIELD.innerFlowLabel, bytes: 3 },
};

// Taken out once: a property of an imported object is looked up at every use.
const { family: FAMILY } = FIELD;

export const isAddressField = (field: FieldName): field is AddressFieldName => field in ADDRESS_WORDS;

function byteSources(field: FieldName, family: 4 | 6): ByteSource[] {
  if (isAddressField(field)) {
    const words = family === 4 && !field.startsWith("inner-") ? [0] : [0, 1, 2, 3];
    return words.flatMap((i) => [24, 16, 8, 0].map((shift) => ({ word: ADDRESS_WORDS[field] + i, shift })));
  }
  const { word, bytes } = NUMBERS[field];
  return Array.from({ length: bytes }, (_, i) => bytes - 1 - i).map((fromLast) => ({
    word: word - (fromLast >> 2),
    shift: (fromLast & 3) * 8,
  }));
}

function compileGeneralKey(names: readonly FieldName[]): KeyWriter {
  const ipv4 = packSources(names.flatMap((name) => byteSources(name, 4)));
  const ipv6 = packSources(names.flatMap((name) => byteSources(name, 6)));
  return (fields, { bytes }) => {
    const { words, shifts } = fields[FAMILY] === 4 ? ipv4 : ipv6;
    for (let i = 0; i < words.length; i++) bytes[i] = fields[words[i]] >>> shifts[i];
    return words.length;
  };
}

const packSources = (sources: readonly ByteSource[]) => ({
  words: Uint8Array.from(sources, ({ word }) => word),
  shifts: Uint8Array.from(sources, ({ shift }) => shift),
});

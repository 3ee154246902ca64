/**
 * Damage to messages, from a seed. Blind damage knows nothing of what the bytes mean. The other kind takes an UPDATE or an
 * OPEN apart into its lists, changes those, and puts it together again with lengths that are true, or with one that lies: so
 * it gets past the first check of a length, to where the decoder believes what it reads.
 */
import { joinBytes, read16, uint16 } from "#src/bgp/bytes.ts";
import { MESSAGE } from "#src/bgp/iana.ts";
import { type Random, randomBelow } from "#src/net/random.ts";
import { RICH_UPDATE, SAMPLES, type Sample } from "./corpus.ts";

/** The longest body that the framer lets through. */
const MAXIMUM_BODY = 4077;
/** Numbers at which lengths, types and counts turn over. */
const INTERESTING = [0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 32, 33, 64, 127, 128, 129, 254, 255];

const any = (random: Random): number => randomBelow(random, 256);
const interesting = (random: Random): number => INTERESTING[randomBelow(random, INTERESTING.length)];
const pick = <T>(random: Random, from: readonly T[]): T => from[randomBelow(random, from.length)];
const some = (random: Random, most: number): Uint8Array =>
  Uint8Array.from({ length: randomBelow(random, most + 1) }, () => any(random));

type Damage = (bytes: Uint8Array, at: number, random: Random) => Uint8Array;

const withByte = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  if (at < copy.length) copy[at] = value;
  return copy;
};

const BLIND: readonly Damage[] = [
  (bytes, at, random) => withByte(bytes, at, any(random)),
  (bytes, at, random) => withByte(bytes, at, bytes[at] ^ (1 << randomBelow(random, 8))),
  (bytes, at, random) => withByte(bytes, at, interesting(random)),
  (bytes, at, random) => withByte(bytes, at, (bytes[at] + 255 + 2 * randomBelow(random, 2)) & 255),
  (bytes, at) => bytes.slice(0, at),
  (bytes, at, random) => joinBytes(bytes.subarray(0, at), bytes.subarray(at + randomBelow(random, 6))),
  (bytes, at, random) => joinBytes(bytes.subarray(0, at), some(random, 6), bytes.subarray(at)),
  // A piece of it again, somewhere else.
  (bytes, at, random) => {
    const to = randomBelow(random, bytes.length + 1);
    return joinBytes(bytes.subarray(0, to), bytes.subarray(at, at + randomBelow(random, 40)), bytes.subarray(to));
  },
];

function damage(bytes: Uint8Array, random: Random, times: number): Uint8Array {
  let damaged = bytes;
  for (let i = 0; i < times; i++) {
    damaged = pick(random, BLIND)(damaged, randomBelow(random, Math.max(1, damaged.length)), random);
  }
  return damaged;
}

interface Attribute {
  readonly flags: number;
  readonly type: number;
  readonly value: Uint8Array;
}

/** Attributes of a good message; the flags lose the bit that the length decides. */
function attributesOf(bytes: Uint8Array): Attribute[] {
  const attributes: Attribute[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const extended = (bytes[offset] & 0x10) !== 0;
    const start = offset + (extended ? 4 : 3);
    const end = start + (extended ? read16(bytes, offset + 2) : bytes[offset + 2]);
    attributes.push({ flags: bytes[offset] & 0xef, type: bytes[offset + 1], value: bytes.subarray(start, end) });
    offset = end;
  }
  return attributes;
}

const RICH_ATTRIBUTES = attributesOf(
  RICH_UPDATE.subarray(4 + read16(RICH_UPDATE, 0), 4 + read16(RICH_UPDATE, 0) + read16(RICH_UPDATE, 2 + read16(RICH_UPDATE, 0))),
);

function writeAttribute({ flags, type, value }: Attribute, random: Random): Uint8Array {
  const lie = randomBelow(random, 30) === 0 ? randomBelow(random, 5) - 2 : 0;
  const length = Math.max(0, value.length + lie);
  const long = length > 255 || randomBelow(random, 12) === 0;
  return joinBytes(long ? [flags | 0x10, type, ...uint16(length)] : [flags, type, length], value);
}

function changeAttribute(attribute: Attribute, random: Random): Attribute {
  switch (randomBelow(random, 5)) {
    case 0:
      return { ...attribute, flags: pick(random, [0x00, 0x40, 0x80, 0xc0, 0xe0, 0x0f]) };
    case 1:
      return { ...attribute, type: pick(random, [attribute.type, any(random), pick(random, RICH_ATTRIBUTES).type]) };
    case 2:
      return { ...attribute, value: some(random, pick(random, [0, 4, 40, 300])) };
    default:
      return { ...attribute, value: damage(attribute.value, random, 1 + randomBelow(random, 2)) };
  }
}

function randomPrefixes(random: Random, bits: number): Uint8Array {
  const prefixes = Array.from({ length: randomBelow(random, 5) }, () => {
    const length = randomBelow(random, 12) === 0 ? any(random) : randomBelow(random, bits + 1);
    return [length, ...Array.from({ length: (length + 7) >>> 3 }, () => any(random))];
  });
  return Uint8Array.from(prefixes.flat());
}

function makeUpdate(random: Random): Uint8Array {
  let attributes = RICH_ATTRIBUTES.filter(() => randomBelow(random, 4) > 0);
  if (randomBelow(random, 8) === 0) attributes = attributes.reverse();
  if (randomBelow(random, 5) === 0) attributes.push(pick(random, RICH_ATTRIBUTES));
  const at = randomBelow(random, attributes.length + 1);
  const changed = attributes.map((attribute, i) => (i === at ? changeAttribute(attribute, random) : attribute));
  const list = joinBytes(...changed.map((attribute) => writeAttribute(attribute, random)));
  const [withdrawn, announced] = [randomPrefixes(random, 32), randomPrefixes(random, 32)];
  return joinBytes(uint16(withdrawn.length), withdrawn, uint16(list.length), list, announced);
}

function makeOpen(random: Random): Uint8Array {
  const capabilities = Array.from({ length: randomBelow(random, 8) }, () => {
    const value = some(random, pick(random, [0, 1, 4, 6, 20]));
    const code = pick(random, [1, 2, 5, 6, 9, 64, 65, 69, 70, 71, 73, any(random)]);
    return [code, randomBelow(random, 20) === 0 ? any(random) : value.length, ...value];
  }).flat();
  const parameter =
    capabilities.length > 0 ? [randomBelow(random, 20) === 0 ? any(random) : 2, capabilities.length, ...capabilities] : [];
  return Uint8Array.from([4, any(random), any(random), 0, any(random), 10, 9, 0, 2, parameter.length, ...parameter]);
}

/** The next damaged message. */
export function mutate(random: Random): Sample {
  const kind = randomBelow(random, 8);
  if (kind < 4) return { type: MESSAGE.update, body: makeUpdate(random).subarray(0, MAXIMUM_BODY) };
  if (kind === 4) return { type: MESSAGE.open, body: makeOpen(random) };
  const sample = kind === 5 ? { type: MESSAGE.update, body: RICH_UPDATE } : pick(random, SAMPLES);
  const type = randomBelow(random, 50) === 0 ? any(random) : sample.type;
  return { type, body: damage(sample.body, random, 1 + randomBelow(random, 4)).subarray(0, MAXIMUM_BODY) };
}

/** Bytes of any kind, damaged blindly: recordings are. */
export const mutateBytes = (bytes: Uint8Array, random: Random): Uint8Array => damage(bytes, random, 1 + randomBelow(random, 4));

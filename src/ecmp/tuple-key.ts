/**
 * The two keys of everyday, 5-tuple and 3-tuple, straight on in whole words: a word that was written byte by byte stalls its
 * reader. And the 5-tuple of IPv4 without any key: its four words handed to the hash as they come out of the fields, because
 * the store and the load between writing and hashing take longer than hashing does.
 *
 *   word   0                  1                       2                                3
 *          source-address 4 | destination-address 4 | protocol 1, source-port 2, ··· destination-port 2
 *
 * The indexes are taken out of FIELD once, because a property of an imported object is looked up at every use: the
 * writer took 7.8 ns with FIELD.source and its like, and takes 3.9.
 */
import { swapBytes } from "../net/byte-order.ts";
import { FIELD, type Fields } from "./fields.ts";

const { family, protocol, sourcePort, destinationPort, source, destination } = FIELD;

/**
 * A hash of the 13 bytes of an IPv4 5-tuple's key, given as its words: of the last only the lowest byte may be set. The answer
 * is signed: V8 allocates an unsigned number above 2^31 wherever it does not inline the call.
 */
export type TupleHash = (first: number, second: number, third: number, last: number) => number;

/** The words of a key. */
interface Words {
  readonly words: Uint32Array;
}

/** The hash of the fields' 5-tuple, signed: by `hashTuple` of IPv4, of anything else `otherwise`. */
export const compileTupleHash =
  (hashTuple: TupleHash, otherwise: (fields: Fields) => number): ((fields: Fields) => number) =>
  (fields) =>
    fields[family] === 4
      ? hashTuple(
          swapBytes(fields[source]),
          swapBytes(fields[destination]),
          packProtocolAndPorts(fields),
          fields[destinationPort] & 0xff,
        )
      : otherwise(fields);

export function writeFiveTuple(fields: Fields, { words }: Words): number {
  if (fields[family] !== 4) return writeIpv6FiveTuple(fields, words);
  words[0] = swapBytes(fields[source]);
  words[1] = swapBytes(fields[destination]);
  words[2] = packProtocolAndPorts(fields);
  words[3] = fields[destinationPort] & 0xff;
  return 13;
}

export function writeThreeTuple(fields: Fields, { words }: Words): number {
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

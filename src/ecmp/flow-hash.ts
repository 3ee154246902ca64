/**
 * From the fields of a packet to its hash, made once from what the configuration (or a saved state) says: which fields, in
 * which order, masked or not, in one direction or both, which hash with which seed, and by how many bits turned (SAI's
 * offset, which keeps two tiers of the same routers from deciding alike). The packet path, explanations and forecasts all
 * take theirs from here.
 */
import type { Fields } from "./fields.ts";
import { bytesOf } from "./hash/word.ts";
import { HASHES, type Hash } from "./hash.ts";
import type { HashParameters } from "./hash-function.ts";
import { compileKey, createKey, expandFieldNames, type KeyOptions, type KeyWriter, nameFields } from "./key.ts";
import { readHeaders } from "./linux/dissect.ts";
import { createHeaders, fieldsToHeaders } from "./linux/headers.ts";
import { createLinuxHash, createLinuxKeyWriter, LINUX_HASH_BITS } from "./linux/policy.ts";
import type { FragmentRule, IcmpErrorRule } from "./packet-rule.ts";
import { compileTupleHash, type TupleHash } from "./tuple-key.ts";

export interface HashOptions extends KeyOptions {
  /** A row of HASHES, or "linux": the kernel's own multipath hash, which reads headers and no key. */
  readonly algorithm: string;
  /** The row of PROFILES whose hash this is, if it is one's: explanations say so. */
  readonly profile?: string | undefined;
  readonly linux?: LinuxOptions | undefined;
  /** In key order. */
  readonly fields: readonly string[];
  readonly seed: number;
  /** SAI_SWITCH_ATTR_ECMP_DEFAULT_HASH_OFFSET: the hash is turned right by so many bits, fewer than it has. */
  readonly offset?: number | undefined;
  /** For keyed hashes (Toeplitz, SipHash): the key as hex. */
  readonly key?: string | undefined;
  /** address-only, unless told. */
  readonly fragments?: FragmentRule | undefined;
  /** outer, unless told. */
  readonly icmpErrors?: IcmpErrorRule | undefined;
}

/** With algorithm "linux". What it does with fragments and ICMP errors is the kernel's way, whatever the rules say. */
export interface LinuxOptions {
  /** fib_multipath_hash_policy. */
  readonly policy: 0 | 1 | 2 | 3;
  /** With policy 3: fib_multipath_hash_fields. */
  readonly fields?: number | undefined;
  /** With policy 1: a stand-in for the random numbers of the senders' sockets (`LinuxHashOptions.socketHash`). */
  readonly socketHash?: number | undefined;
}

export interface FlowHash {
  /** Of a row of fields, as 32 bits with a sign: what is signed costs no allocation where the call is not inlined. */
  readonly hashFields: (fields: Fields) => number;
  /** The key of it, for people: hashing needs none in memory where the hash takes the words of a tuple. */
  readonly writeKey: KeyWriter;
  /** The same bits from the words of an IPv4 5-tuple, where the hash is one of just that and takes words. */
  readonly hashTuple?: TupleHash | undefined;
  /**
   * For a hash that has to see the packet itself: instead of `hashFields`. Its IP header is at `ip`; it ends where its own
   * length says, and before `end`.
   */
  readonly hashPacket?: (bytes: Uint8Array, ip: number, end: number) => number;
}

/** What `algorithm` may be. */
export const HASH_NAMES: readonly string[] = [...Object.keys(HASHES), "linux"];

/** `bits`: how many the selector's bounds are drawn over; a hash of fewer is shifted up to them, one of more loses its lowest. */
export function compileFlowHash(options: HashOptions, bits: number | undefined): FlowHash {
  if (options.algorithm === "linux") return compileLinux(options, bits);
  const row = HASHES[options.algorithm];
  const { fields: names, seed, symmetric, masks } = options;
  const isPlainTuple = !symmetric && !masks && nameFields(expandFieldNames(names)) === "5-tuple";
  const hashTuple = isPlainTuple ? row.createTuple?.(seed, parametersOf(options)) : undefined;
  const hashAny = compileFields(options, row);
  const hashFields = hashTuple ? compileTupleHash(hashTuple, hashAny) : hashAny;
  const writeKey = compileKey(names, options);
  const shape = compileShape(row.bits, checkOffset(options, row), bits);
  if (shape === undefined) return { writeKey, hashFields, hashTuple };
  return {
    writeKey,
    hashFields: (fields) => shape(hashFields(fields)) | 0,
    hashTuple: hashTuple && ((first, second, third, last) => shape(hashTuple(first, second, third, last)) | 0),
  };
}

/** A hash that is turned by its own width, or more, is turned by less: that is not what was meant. */
function checkOffset({ algorithm, offset = 0 }: HashOptions, { bits }: Hash): number {
  if (offset < bits) return offset;
  throw new RangeError(`hash offset: ${offset}, wanted 0 to ${bits - 1} with ${algorithm}, a hash of ${bits} bits`);
}

const parametersOf = ({ key }: HashOptions): HashParameters => (key === undefined ? {} : { key: bytesOf(key) });

function compileFields(options: HashOptions, row: Hash): (fields: Fields) => number {
  const writeKey = compileKey(options.fields, options);
  const hash = row.create(options.seed, parametersOf(options));
  const key = createKey();
  return (fields) => hash(key, writeKey(fields, key)) | 0;
}

/** Of a hash by which packets have a next hop and flows have none. The kernel's is by flow. */
export const isPerPacket = (algorithm: string): boolean => HASHES[algorithm]?.perPacket ?? false;

/** Throws a RangeError for such a hash: it cannot be asked about a flow. */
export function refusePerPacket(algorithm: string): void {
  if (!isPerPacket(algorithm)) return;
  throw new RangeError(`hash algorithm: "${algorithm}", wanted one that decides by flow: by this each packet goes its own way`);
}

function compileLinux({ linux = { policy: 1 }, seed }: HashOptions, bits: number | undefined): FlowHash {
  const headers = createHeaders();
  const hashHeaders = createLinuxHash({ ...linux, seed });
  const writeLinuxKey = createLinuxKeyWriter({ ...linux, seed });
  const shape = compileShape(LINUX_HASH_BITS, 0, bits) ?? ((value: number) => value);
  return {
    writeKey: (fields, { words }) => writeLinuxKey(fieldsToHeaders(fields, headers), words),
    hashFields: (fields) => shape(hashHeaders(fieldsToHeaders(fields, headers))) | 0,
    hashPacket: (bytes, ip, end) => {
      readHeaders(bytes, ip, end, headers);
      return shape(hashHeaders(headers)) | 0;
    },
  };
}

/** Takes 32 bits, signed or not. */
type Shape = (value: number) => number;

/** What becomes of a hash of `own` bits: turned right by `offset` within them, then moved up or down to `bits`. */
function compileShape(own: number, offset: number, bits = own): Shape | undefined {
  const turn = compileTurn(own, offset);
  if (bits === own) return turn;
  const align: Shape = own < bits ? (value) => (value << (bits - own)) >>> 0 : (value) => value >>> (own - bits);
  return turn === undefined ? align : (value) => align(turn(value));
}

function compileTurn(bits: number, right: number): Shape | undefined {
  if (right === 0) return undefined;
  const mask = bits === 32 ? 0xffffffff : 2 ** bits - 1;
  return (value) => (((value >>> right) | (value << (bits - right))) & mask) >>> 0;
}

/**
 * From the fields of a packet to its hash, made once from what the configuration (or a saved state) says: which fields, in
 * which order, masked or not, in one direction or both, which hash with which seed, and by how many bits turned (SAI's
 * offset, which keeps two tiers of the same routers from deciding alike). The packet path, explanations and forecasts all
 * take theirs from here.
 */
import { HASHES, type HashFunction } from "./hash.ts";
import { compileKey, type KeyOptions, type KeyWriter } from "./key.ts";
import { readHeaders } from "./linux/dissect.ts";
import { createHeaders, fieldsToHeaders } from "./linux/headers.ts";
import { createLinuxHash, LINUX_HASH_BITS } from "./linux/policy.ts";
import type { FragmentRule, IcmpErrorRule } from "./packet-rule.ts";

export interface HashOptions extends KeyOptions {
  /** A row of HASHES, or "linux": the kernel's own multipath hash, which reads headers and no key. */
  readonly algorithm: string;
  /** The row of PROFILES whose hash this is, if it is one's: explanations say so. */
  readonly profile?: string | undefined;
  readonly linux?: LinuxOptions | undefined;
  /** In key order. */
  readonly fields: readonly string[];
  readonly seed: number;
  /** SAI_SWITCH_ATTR_ECMP_DEFAULT_HASH_OFFSET: the hash is turned right by so many bits, within its own. */
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
  readonly writeKey: KeyWriter;
  readonly hash: HashFunction;
  /** For a hash that has to see the packet itself (`bytes` from the IP header at `ip` to `end`): instead of `writeKey`. */
  readonly readPacket?: (bytes: Uint8Array, ip: number, end: number) => void;
}

/** What `algorithm` may be. */
export const HASH_NAMES: readonly string[] = [...Object.keys(HASHES), "linux"];

/** `bits`: how many the selector's bounds are drawn over; a hash of fewer is shifted up to them, one of more loses its lowest. */
export function compileFlowHash(options: HashOptions, bits: number | undefined): FlowHash {
  const { algorithm, seed, offset = 0, key, fields } = options;
  if (algorithm === "linux") return compileLinux(options, bits);
  const row = HASHES[algorithm];
  const parameters =
    key === undefined ? {} : { key: Uint8Array.from(key.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)) };
  const hash = turn(row.create(seed, parameters), row.bits, offset);
  return { writeKey: compileKey(fields, options), hash: bits === undefined ? hash : align(hash, row.bits, bits) };
}

/** Throws a RangeError for a hash by which packets have a next hop and flows have none: it cannot be asked about a flow. */
export function refusePerPacket(algorithm: string): void {
  if (!HASHES[algorithm]?.perPacket) return;
  throw new RangeError(`hash algorithm: "${algorithm}", wanted one that decides by flow: by this each packet goes its own way`);
}

/** The key is only what is shown of it: the kernel hashes a `struct flow_keys` of its own. */
function compileLinux({ linux = { policy: 1 }, seed, fields }: HashOptions, bits: number | undefined): FlowHash {
  const headers = createHeaders();
  const hashHeaders = createLinuxHash({ ...linux, seed });
  const writeShown = compileKey(fields);
  const hash: HashFunction = () => hashHeaders(headers);
  return {
    writeKey: (row, key) => {
      fieldsToHeaders(row, headers);
      return writeShown(row, key);
    },
    hash: bits === undefined ? hash : align(hash, LINUX_HASH_BITS, bits),
    readPacket: (bytes, ip, end) => void readHeaders(bytes, ip, end, headers),
  };
}

function turn(hash: HashFunction, bits: number, offset: number): HashFunction {
  const right = offset % bits;
  if (right === 0) return hash;
  const mask = bits === 32 ? 0xffffffff : 2 ** bits - 1;
  return (key, length) => {
    const value = hash(key, length);
    return (((value >>> right) | (value << (bits - right))) & mask) >>> 0;
  };
}

function align(hash: HashFunction, from: number, to: number): HashFunction {
  if (from === to) return hash;
  if (from < to) return (key, length) => (hash(key, length) << (to - from)) >>> 0;
  return (key, length) => hash(key, length) >>> (from - to);
}

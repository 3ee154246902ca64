/**
 * The hashes of many IPv4 5-tuples at once, for experiments with millions of flows. The addon has kernels for some hashes;
 * whoever composes the program hands them in, because nothing here imports the addon. Without them, and for all other hashes,
 * the same answers come key by key. From some 32 tuples on the kernels pay; the packet path has too few at a time.
 *
 *   columns   sources ... | destinations ... | protocols ... | ports ...    each a quarter, numbers in host order
 *                                                            source port << 16 | destination port
 */
import { createFields, FIELD } from "./fields.ts";
import { HASHES } from "./hash.ts";
import type { HashFunction, HashParameters } from "./hash-function.ts";
import { compileKey, createKey } from "./key.ts";

export const TUPLE_COLUMNS = 4;

/** Fills in `hashes`, of the first as many tuples. The two arrays must not share memory. */
export type BatchHash = (columns: Uint32Array, hashes: Uint32Array) => void;

/** What the addon offers. */
export interface BatchKernels {
  hashXxh32(seed: number, columns: Uint32Array, hashes: Uint32Array): void;
  hashMurmur3(seed: number, columns: Uint32Array, hashes: Uint32Array): void;
  hashCrc32c(seed: number, columns: Uint32Array, hashes: Uint32Array): void;
  hashToeplitz(tables: Uint32Array, columns: Uint32Array, hashes: Uint32Array): void;
}

/** `algorithm`: a row of HASHES, over the 5-tuple as `compileKey` writes it. */
export function createBatchHash(
  algorithm: string,
  seed: number,
  parameters: HashParameters = {},
  kernels?: BatchKernels,
): BatchHash {
  const hash = HASHES[algorithm].create(seed, parameters);
  return kernels !== undefined && hasKernel(algorithm) ? USES[algorithm](kernels, seed, hash) : hashEach(hash);
}

type KernelUse = (kernels: BatchKernels, seed: number, hash: HashFunction) => BatchHash;

const useToeplitz: KernelUse = (kernels, _, hash) => {
  const tables = tabulate(hash);
  return (columns, hashes) => kernels.hashToeplitz(tables, columns, hashes);
};

const USES: Readonly<Record<string, KernelUse>> = {
  xxh32: (kernels, seed) => (columns, hashes) => kernels.hashXxh32(seed, columns, hashes),
  "murmur3-32": (kernels, seed) => (columns, hashes) => kernels.hashMurmur3(seed, columns, hashes),
  crc32c: (kernels, seed) => (columns, hashes) => kernels.hashCrc32c(seed, columns, hashes),
  toeplitz: useToeplitz,
  "toeplitz-symmetric": useToeplitz,
};

/** Whether the addon is faster at it than key by key. */
export const hasKernel = (algorithm: string): boolean => Object.hasOwn(USES, algorithm);

const FIVE_TUPLE_BYTES = 13;
const { family, protocol, source, destination, sourcePort, destinationPort } = FIELD;

function hashEach(hash: HashFunction): BatchHash {
  const writeKey = compileKey(["5-tuple"]);
  const fields = createFields();
  const key = createKey();
  fields[family] = 4;
  return (columns, hashes) => {
    const rows = columns.length / TUPLE_COLUMNS;
    if (!Number.isInteger(rows) || rows < hashes.length) {
      throw new RangeError(`columns of ${columns.length} words; wanted four of the same length, at least ${hashes.length}`);
    }
    for (let i = 0; i < hashes.length; i++) {
      const ports = columns[3 * rows + i];
      fields[source] = columns[i];
      fields[destination] = columns[rows + i];
      fields[protocol] = columns[2 * rows + i] & 0xff;
      fields[sourcePort] = ports >>> 16;
      fields[destinationPort] = ports & 0xffff;
      hashes[i] = hash(key, writeKey(fields, key));
    }
  };
}

/** Of a hash that is a sum over the bytes of the key: what each value of each byte adds. */
function tabulate(hash: HashFunction): Uint32Array {
  const key = createKey();
  const tables = new Uint32Array(256 * FIVE_TUPLE_BYTES);
  for (let i = 0; i < tables.length; i++) {
    key.bytes.fill(0);
    key.bytes[i >>> 8] = i;
    tables[i] = hash(key, FIVE_TUPLE_BYTES);
  }
  return tables;
}

/**
 * What do the addon's hash kernels gain, and from how many tuples on? IPv4 5-tuples in columns: TypeScript key by key, the kernel
 * with batches of 64, 1,024 and 65,536, and beside them a call of Node-API that hashes nothing, xxhash-addon and zlib's crc32
 * with a call a key. Before anything is timed, all must have the same answers. Figures as in `hash.ts`: the fastest turn's, and
 * scaled by MurmurHash3 in a plain loop, timed in the same run.
 */
import { pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import zlib from "node:zlib";
import { Bench } from "tinybench";
import xxhashAddon from "xxhash-addon";
import { loadNative } from "../native-bindings/index.ts";
import { createBatchHash, TUPLE_COLUMNS } from "../src/ecmp/batch-hash.ts";
import { seededRandom } from "../src/net/random.ts";
import { fastestTurns } from "./fastest.ts";
import { murmur3 } from "./reference.ts";

const TUPLES = 65_536;
const SEED = 42;
const ALGORITHMS = ["xxh32", "murmur3-32", "crc32c", "toeplitz"];
const CALLS = "a call a key";
const BATCHES = [64, 1024, TUPLES];
const REFERENCE = "murmur3-32 over four words";
/** Of that on the machine for which the targets are written. */
const TARGET_MACHINE_NANOSECONDS = 4.2;
const { crc32: zlibCrc32 } = zlib as unknown as { crc32(bytes: Uint8Array, seed: number): number };

export interface BatchFigure {
  readonly name: string;
  readonly nanosecondsPerHash: number;
  /** What it would be on the machine for which the targets are written, by the ratio to the reference in the same thread. */
  readonly scaledNanoseconds: number;
}

/** Runs the comparison, prints it as a table and returns its figures. A thread for each hash, as in `hash.ts`. */
export async function run(): Promise<BatchFigure[]> {
  const figures: BatchFigure[] = [];
  for (const part of [...ALGORITHMS, CALLS]) figures.push(...(await measureInThread(part)));
  print(figures);
  return figures;
}

const measureInThread = (part: string): Promise<BatchFigure[]> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: part });
    worker.once("message", resolve);
    worker.once("error", reject);
  });

/** `part`: one of the algorithms, or the ways that take a call a key. */
async function measure(part: string): Promise<BatchFigure[]> {
  // Turns are of some 100 µs, whatever one hash takes: a longer one is hardly ever left in peace.
  const bench = new Bench({ time: 60, warmupTime: 30 });
  const hashesPerTurn = new Map<string, number>();
  const add = (name: string, hashes: number, turn: () => void): void => {
    hashesPerTurn.set(name, hashes);
    bench.add(name, turn);
  };
  const columns = createColumns(TUPLES, SEED);
  const words = new Uint32Array(4);
  let total = 0;
  add(REFERENCE, 4096, () => {
    let sum = 0;
    for (let i = 0; i < 4096; i++) {
      words[0] = columns[i];
      words[2] = columns[TUPLES + i];
      sum = (sum + murmur3(words, 4, SEED)) | 0;
    }
    total = (total + sum) | 0;
  });
  if (part === CALLS) {
    const keys = createKeys(columns);
    const [native, addon, empty] = [loadNative(), createAddon(), new Uint32Array(0)];
    add("a call that hashes nothing", 1000, () => {
      for (let call = 0; call < 1000; call++) native.hashXxh32(SEED, empty, empty);
    });
    add("zlib.crc32, a call a key", 1000, () => {
      for (let i = 0; i < 1000; i++) total = (total + zlibCrc32(keys[i], SEED)) | 0;
    });
    add("xxhash-addon XXH32, a call a key", 200, () => {
      for (let i = 0; i < 200; i++) total = (total + addon(keys[i])) | 0;
    });
  } else {
    const each = createBatchHash(part, SEED);
    const batch = createBatchHash(part, SEED, {}, loadNative());
    assertEqualAnswers(part, each, batch, columns);
    const [few, fewHashes] = [createColumns(4096, SEED), new Uint32Array(4096)];
    add(`${part}, TypeScript with writing the key`, 4096, () => each(few, fewHashes));
    for (const size of BATCHES) {
      const [rows, hashes] = [createColumns(size, SEED), new Uint32Array(size)];
      const calls = Math.max(1, 16_384 / size);
      add(`${part}, native, batches of ${size}`, calls * size, () => {
        for (let call = 0; call < calls; call++) batch(rows, hashes);
      });
    }
  }
  const nanoseconds = Array.from(await fastestTurns(bench), ([name, milliseconds]) => ({
    name,
    nanosecondsPerHash: (milliseconds * 1e6) / (hashesPerTurn.get(name) ?? Number.NaN),
  }));
  if (!Number.isInteger(total)) throw new Error("The hashes did not add up to a whole number");
  const [reference, ...others] = nanoseconds;
  return others.map(({ name, nanosecondsPerHash }) => ({
    name,
    nanosecondsPerHash,
    scaledNanoseconds: (nanosecondsPerHash / reference.nanosecondsPerHash) * TARGET_MACHINE_NANOSECONDS,
  }));
}

function createColumns(rows: number, seed: number): Uint32Array {
  const random = seededRandom(seed);
  return Uint32Array.from({ length: TUPLE_COLUMNS * rows }, () => random());
}

/** The tuples again, as the bytes that a library would be handed. */
function createKeys(columns: Uint32Array): Buffer[] {
  return Array.from({ length: 1000 }, (_, i) => {
    const key = Buffer.alloc(13);
    key.writeUInt32BE(columns[i], 0);
    key.writeUInt32BE(columns[TUPLES + i], 4);
    key.writeUInt8(columns[2 * TUPLES + i] & 0xff, 8);
    key.writeUInt32BE(columns[3 * TUPLES + i], 9);
    return key;
  });
}

function createAddon(): (key: Buffer) => number {
  const seed = Buffer.alloc(4);
  seed.writeUInt32BE(SEED);
  const native = new xxhashAddon.XXHash32(seed);
  return (key) => {
    native.reset();
    native.update(key);
    return native.digest().readUInt32BE();
  };
}

type Batch = ReturnType<typeof createBatchHash>;

function assertEqualAnswers(algorithm: string, each: Batch, batch: Batch, columns: Uint32Array): void {
  const [ours, theirs] = [new Uint32Array(TUPLES), new Uint32Array(TUPLES)];
  each(columns, ours);
  batch(columns, theirs);
  const different = ours.findIndex((hash, i) => hash !== theirs[i]);
  if (different >= 0) {
    throw new Error(`${algorithm} of tuple ${different} is ${ours[different]}, but the kernel says ${theirs[different]}`);
  }
  if (algorithm !== "xxh32") return;
  const addon = createAddon();
  createKeys(columns).forEach((key, i) => {
    if (addon(key) !== ours[i]) throw new Error(`xxh32 of tuple ${i} is ${ours[i]}, but xxhash-addon says ${addon(key)}`);
  });
}

function print(figures: readonly BatchFigure[]): void {
  console.log(`Hashes of IPv4 5-tuples by the batch, ${TUPLES} distinct tuples, seed ${SEED}`);
  console.table(
    figures.map(({ name, nanosecondsPerHash, scaledNanoseconds }) => ({
      way: name,
      "ns per hash": Number(nanosecondsPerHash.toFixed(2)),
      [`ns where murmur3 takes ${TARGET_MACHINE_NANOSECONDS}`]: Number(scaledNanoseconds.toFixed(2)),
    })),
  );
}

if (!isMainThread && typeof workerData === "string") parentPort?.postMessage(await measure(workerData));
else if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();

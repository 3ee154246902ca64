/**
 * What does the hash of one packet cost? Every row of HASHES over the key of an IPv4 5-tuple, writing that key as well, and the
 * ways one would otherwise go: a native call a packet (xxhash-addon), and zlib's crc32. MurmurHash3 over four words in a plain
 * loop is the mark to measure by: other machines have other nanoseconds and nearly the same ratios. Before anything is timed,
 * all keys must have the answers of the reference implementations.
 *
 * As in the forwarding core there is one key, filled anew for each packet: what differs between flows, source address and
 * port, is stored in front of each hash and counts as part of it. Where a hash takes the words of a tuple (`createTuple`), they
 * are handed to it instead, which is again what the core does. And as in a worker of the router, there is one hash to a
 * thread: where thirty take turns in one, the compiler does worse by each of them, up to threefold. A turn hashes 4,096
 * flows, so that the clock does not count; the figure is the fastest turn's.
 */
import { pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import zlib from "node:zlib";
import { Bench } from "tinybench";
import xxhashAddon from "xxhash-addon";
import { createFields, FIELD, flowToFields } from "../src/ecmp/fields.ts";
import { compileFlowHash } from "../src/ecmp/flow-hash.ts";
import { HASHES, type HashFunction } from "../src/ecmp/hash.ts";
import { compileKey, createKey, type Key } from "../src/ecmp/key.ts";
import { generateFlows } from "../src/experiment/flows.ts";
import { addressToBytes } from "../src/net/address.ts";
import { type Flow, formatFlow } from "../src/net/flow.ts";
import { fastestTurns } from "./fastest.ts";
import { hashRecords, murmur3, RECORDS, TARGET_NANOSECONDS } from "./reference.ts";

const FLOWS = 4096;
const SEED = 42;
const REFERENCE = "murmur3-32 over four words";
/** Node has it from 20.15 and 22.2 on; the types of Node 20 do not know. */
const { crc32: zlibCrc32 } = zlib as unknown as { crc32(bytes: Uint8Array, seed: number): number };

export interface HashFigure {
  readonly name: string;
  readonly nanosecondsPerHash: number;
  readonly millionPerSecond: number;
  /** What it would be on the machine for which the targets are written, by the ratio to the reference in the same thread. */
  readonly scaledNanoseconds: number;
}

/** Runs the comparison, prints it as a table and returns its figures. */
export async function run(): Promise<HashFigure[]> {
  assertEqualAnswers(createFlows());
  const figures: HashFigure[] = [];
  for (const name of [REFERENCE, ...Object.keys(HASHES), ...TUPLES.keys(), ...Object.keys(OTHER_WAYS)]) {
    figures.push(await measureInThread(name));
  }
  print(figures);
  return figures;
}

const measureInThread = (name: string): Promise<HashFigure> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: name });
    worker.once("message", resolve);
    worker.once("error", reject);
  });

type Way = (key: Key, length: number) => number;

/** The hashes that take the words of a tuple, by the name of their figure. */
const TUPLES = new Map(
  Object.values(HASHES).flatMap(({ name, createTuple }) => (createTuple ? [[`${name}, of the words`, createTuple]] : [])),
);

/** What is not a row of HASHES. */
const OTHER_WAYS: Readonly<Record<string, () => Way>> = {
  "xxh32, from the fields": () => hashFieldsBy("xxh32"),
  "toeplitz, from the fields": () => hashFieldsBy("toeplitz"),
  "crc32, from the fields": () => hashFieldsBy("crc32"),
  "zlib.crc32, a call a key": () => {
    const bytes = Buffer.alloc(13);
    return () => zlibCrc32(bytes, SEED);
  },
  "xxhash-addon, a call a key": () => {
    const native = createNative();
    const bytes = Buffer.alloc(13);
    return () => native(bytes);
  },
};

/** As the forwarding core has it: the row of fields is what differs from packet to packet. */
function hashFieldsBy(algorithm: string): Way {
  const { hashFields } = compileFlowHash({ algorithm, fields: ["5-tuple"], seed: SEED }, undefined);
  const fields = flowToFields(createFlows()[0], createFields());
  const { source, sourcePort } = FIELD;
  return ({ words }) => {
    fields[source] = words[0];
    fields[sourcePort] = words[2];
    return hashFields(fields);
  };
}

async function measure(name: string): Promise<HashFigure> {
  const flows = createFlows();
  const key = createKey();
  const length = compileKey(["5-tuple"])(flowToFields(flows[0], createFields()), key);
  const sources = Uint32Array.from(flows, ({ source }) => Number(source));
  const ports = Uint32Array.from(flows, ({ sourcePort }) => sourcePort);
  // Read afterwards, or the optimizer may find that nobody wants the hashes.
  let total = 0;
  const bench = new Bench({ time: 60, warmupTime: 30 });
  const add = (name: string, turn: () => number): void =>
    void bench.add(name, () => {
      total = (total + turn()) | 0;
    });
  const addWay = (way: Way): void => {
    const loop = compileLoop(name);
    add(name, () => loop(way, key, length, sources, ports));
  };
  add(REFERENCE, hashRecords);
  const createTuple = TUPLES.get(name);
  if (createTuple) {
    const hash = createTuple(SEED);
    // What is the same for all flows is read anew all the same, or the optimizer would take its part of the hash out of the loop.
    const destinations = new Uint32Array(FLOWS).fill(key.words[1]);
    const lasts = new Uint32Array(FLOWS).fill(key.words[3] & 0xff);
    add(name, () => {
      let sum = 0;
      for (let i = 0; i < FLOWS; i++) sum = (sum + hash(sources[i], destinations[i], ports[i], lasts[i])) | 0;
      return sum;
    });
  } else if (Object.hasOwn(HASHES, name)) addWay(HASHES[name].create(SEED));
  else if (name !== REFERENCE) addWay(OTHER_WAYS[name]());
  const fastest = await fastestTurns(bench);
  if (!Number.isInteger(total)) throw new Error("The hashes did not add up to a whole number");
  const [reference, turn] = [REFERENCE, name].map((task) => fastest.get(task) ?? Number.NaN);
  if (RECORDS !== FLOWS) throw new Error(`The reference hashes ${RECORDS} records a turn, wanted ${FLOWS}`);
  const nanosecondsPerHash = (turn * 1e6) / FLOWS;
  const scaledNanoseconds = (turn / reference) * TARGET_NANOSECONDS;
  return { name, nanosecondsPerHash, millionPerSecond: 1e3 / nanosecondsPerHash, scaledNanoseconds };
}

type Loop = (way: Way, key: Key, length: number, sources: Uint32Array, ports: Uint32Array) => number;

/**
 * The loop anew for each: sharing one, they would share its call site, and none would be inlined. The name makes the text
 * another one, because of the same text V8 makes the same code.
 */
const compileLoop = (name: string): Loop =>
  new Function(
    "way, key, length, sources, ports",
    `const { words } = key; // ${name}
     let sum = 0;
     for (let i = 0; i < ${FLOWS}; i++) {
       words[0] = sources[i];
       words[2] = ports[i];
       sum = (sum + way(key, length)) | 0;
     }
     return sum;`,
  ) as Loop;

function createFlows(): Flow[] {
  const sources = { address: 0x0a000000, length: 8 };
  return [...generateFlows({ count: FLOWS, seed: SEED, sources, destination: 0xc6336400, destinationPort: 80 })];
}

function createNative(): (key: Buffer) => number {
  const seed = Buffer.alloc(4);
  seed.writeUInt32BE(SEED);
  const native = new xxhashAddon.XXHash32(seed);
  return (key) => {
    native.reset();
    native.update(key);
    return native.digest().readUInt32BE();
  };
}

function assertEqualAnswers(flows: readonly Flow[]): void {
  const writeKey = compileKey(["5-tuple"]);
  const native = createNative();
  const references: { name: string; hash: HashFunction; answer: (bytes: Buffer) => number }[] = [
    { name: "xxhash-addon", hash: HASHES.xxh32.create(SEED), answer: native },
    { name: "zlib.crc32", hash: HASHES.crc32.create(SEED), answer: (bytes) => zlibCrc32(bytes, SEED) },
  ];
  for (const flow of flows) {
    const { source, destination, protocol, sourcePort, destinationPort } = flow;
    const ports = [sourcePort, destinationPort].flatMap((port) => [port >> 8, port & 255]);
    const bytes = Buffer.from([...addressToBytes(source), ...addressToBytes(destination), protocol, ...ports]);
    const key = createKey();
    const length = writeKey(flowToFields(flow, createFields()), key);
    for (const { name, hash, answer } of references) {
      const [ours, wanted] = [hash(key, length), answer(bytes)];
      if (ours !== wanted) throw new Error(`The hash of ${formatFlow(flow)} is ${ours}, but ${name} says ${wanted}`);
    }
  }
  const word = Uint32Array.of(Buffer.from("test").readUInt32LE());
  if (murmur3(word, 1, 0) !== 0xba6bd213) throw new Error('murmur3-32 of "test" is not the published 0xba6bd213');
}

function print(figures: readonly HashFigure[]): void {
  console.log(`Hash of an IPv4 5-tuple (13 bytes), ${FLOWS} distinct flows, seed ${SEED}`);
  console.table(
    figures.map(({ name, nanosecondsPerHash, millionPerSecond, scaledNanoseconds }) => ({
      hash: name,
      "ns per hash": Number(nanosecondsPerHash.toFixed(2)),
      "million per second": Number(millionPerSecond.toFixed(1)),
      [`ns where murmur3 takes ${TARGET_NANOSECONDS}`]: Number(scaledNanoseconds.toFixed(2)),
    })),
  );
}

if (!isMainThread && typeof workerData === "string") parentPort?.postMessage(await measure(workerData));
else if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();

/**
 * What does the hash of one packet cost? XXH32 in TypeScript over IPv4 5-tuple keys, with and without writing the key, beside
 * the two ways one would otherwise go: a native call a packet (xxhash-addon), and the cheapest good mixer in plain JavaScript
 * (MurmurHash3, 32 bits, over four words: another function, here as the mark to measure by). Before anything is timed, all
 * keys must give the same answers: XXH32 as the addon computes it, MurmurHash3 as published.
 *
 * As in the forwarding core, there is one row of fields and one key, filled anew for each packet: what differs between
 * flows, source address and port, is stored in front of each hash and counts as part of it. A turn hashes 4,096 flows, so
 * that the clock and the call around it do not count.
 */
import { pathToFileURL } from "node:url";
import { Bench } from "tinybench";
import xxhashAddon from "xxhash-addon";
import { createFields, FIELD, type Fields, flowToFields } from "../src/ecmp/fields.ts";
import { xxh32 } from "../src/ecmp/hash/xxh32.ts";
import { compileKey, createKey, type Key } from "../src/ecmp/key.ts";
import { generateFlows } from "../src/experiment/flows.ts";
import { addressToBytes } from "../src/net/address.ts";
import { type Flow, formatFlow } from "../src/net/flow.ts";
import { murmur3 } from "./reference.ts";

const FLOWS = 4096;
const SEED = 42;

export interface HashFigure {
  readonly name: string;
  /** Median over the turns. */
  readonly nanosecondsPerHash: number;
  readonly millionPerSecond: number;
}

/** Runs the comparison, prints it as a table and returns its figures. */
export async function run(): Promise<HashFigure[]> {
  const flows = createFlows();
  const writeKey = compileKey(["5-tuple"]);
  const hash = xxh32.create(SEED);
  const hashNative = createNative();
  assertEqualAnswers(flows, (fields, key) => hash(key, writeKey(fields, key)), hashNative);

  const fields = flowToFields(flows[0], createFields());
  const key = createKey();
  const length = writeKey(fields, key);
  const { bytes, words } = key;
  const sources = Uint32Array.from(flows, ({ source }) => Number(source));
  const ports = Uint32Array.from(flows, ({ sourcePort }) => sourcePort);
  const { source, sourcePort } = FIELD;
  // Read afterwards, or the optimizer may find that nobody wants the hashes.
  let total = 0;

  // Each loop is written out: handed in as a function, the four would share one call site and none would be inlined.
  const bench = new Bench({ time: 500, warmupTime: 200 });
  bench.add("xxh32", () => {
    let sum = 0;
    for (let i = 0; i < FLOWS; i++) {
      words[0] = sources[i];
      words[2] = ports[i];
      sum = (sum + hash(key, length)) | 0;
    }
    total = (total + sum) | 0;
  });
  bench.add("xxh32 and writing the key", () => {
    let sum = 0;
    for (let i = 0; i < FLOWS; i++) {
      fields[source] = sources[i];
      fields[sourcePort] = ports[i];
      sum = (sum + hash(key, writeKey(fields, key))) | 0;
    }
    total = (total + sum) | 0;
  });
  bench.add("murmur3-32 over four words", () => {
    let sum = 0;
    for (let i = 0; i < FLOWS; i++) {
      words[0] = sources[i];
      words[2] = ports[i];
      sum = (sum + murmur3(words, 4, SEED)) | 0;
    }
    total = (total + sum) | 0;
  });
  const buffer = Buffer.from(bytes.buffer, 0, length);
  bench.add("xxhash-addon, a call a key", () => {
    let sum = 0;
    for (let i = 0; i < FLOWS; i++) {
      words[0] = sources[i];
      words[2] = ports[i];
      sum = (sum + hashNative(buffer)) | 0;
    }
    total = (total + sum) | 0;
  });
  await bench.run();
  if (!Number.isInteger(total)) throw new Error("The hashes did not add up to a whole number");

  const figures = bench.tasks.map(({ name, result }): HashFigure => {
    if (result.state !== "completed") throw new Error(`The bench "${name}" did not complete: ${result.state}`);
    const nanosecondsPerHash = (result.latency.p50 * 1e6) / FLOWS;
    return { name, nanosecondsPerHash, millionPerSecond: 1e3 / nanosecondsPerHash };
  });
  print(figures);
  return figures;
}

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

function assertEqualAnswers(
  flows: readonly Flow[],
  ours: (fields: Fields, key: Key) => number,
  native: (key: Buffer) => number,
): void {
  for (const flow of flows) {
    const { source, destination, protocol, sourcePort, destinationPort } = flow;
    const ports = [sourcePort, destinationPort].flatMap((port) => [port >> 8, port & 255]);
    const bytes = Buffer.from([...addressToBytes(source), ...addressToBytes(destination), protocol, ...ports]);
    const [answer, wanted] = [ours(flowToFields(flow, createFields()), createKey()), native(bytes)];
    if (answer !== wanted) throw new Error(`xxh32 of ${formatFlow(flow)} is ${answer}, but xxhash-addon says ${wanted}`);
  }
  const word = Uint32Array.of(Buffer.from("test").readUInt32LE());
  if (murmur3(word, 1, 0) !== 0xba6bd213) throw new Error('murmur3-32 of "test" is not the published 0xba6bd213');
}

function print(figures: readonly HashFigure[]): void {
  console.log(`Hash of an IPv4 5-tuple (13 bytes), ${FLOWS} distinct flows, seed ${SEED}`);
  console.table(
    figures.map(({ name, nanosecondsPerHash, millionPerSecond }) => ({
      hash: name,
      "ns per hash": Number(nanosecondsPerHash.toFixed(2)),
      "million per second": Number(millionPerSecond.toFixed(1)),
    })),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();

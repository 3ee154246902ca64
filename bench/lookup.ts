/**
 * How many flows a second can one thread decide? From a row of fields to a next hop: the hash of the IPv4 5-tuple, the longest
 * of a million prefixes, the group's bucket; and each of these alone, so that it shows where the time goes. Destinations are
 * addresses of routes, all over the table (a miss in the cache nearly every time) or 64 of them. Before anything is timed,
 * the next hops must be those of the offline explanation, which looks prefixes up in another way. As in the router, a thread
 * decides that does nothing else: beside the explanation the compiler does worse by the hash, twofold.
 */
import { pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Bench } from "tinybench";
import { createFields, FIELD, type Fields } from "../src/ecmp/fields.ts";
import { compileFlowHash } from "../src/ecmp/flow-hash.ts";
import { createExplainer } from "../src/experiment/explain.ts";
import { createFib } from "../src/fib/fib.ts";
import { createImage, type FibImage, type ImageBuffers, lookup, openImage } from "../src/fib/image.ts";
import { GROUP_RECORD, GROUPS, NEXT_HOP_RECORD, NEXT_HOPS } from "../src/fib/layout.ts";
import { formatAddress } from "../src/net/address.ts";
import { ipv4Mask } from "../src/net/prefix.ts";
import { type Random, randomBelow, seededRandom } from "../src/net/random.ts";
import { adviseLargePages } from "../src/port/large-pages.ts";
import { fastestTurns } from "./fastest.ts";
import { hashRecords, RECORDS, TARGET_NANOSECONDS } from "./reference.ts";

const SEED = 42;
const PREFIXES = 1_000_000;
const GROUP_COUNT = 64;
const MEMBERS = 16;
const FLOWS = 1 << 16;
/** A turn is one of these parts after the other: short, so that some are undisturbed, while all of them fill the caches. */
const PARTS = 8;
const PART_FLOWS = FLOWS / PARTS;
const BATCH = 64;
const CHECKED_FLOWS = 2000;
const TCP = 6;
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: SEED };
const { family, protocol, source, destination, sourcePort, destinationPort } = FIELD;
const { count: COUNT, owners: OWNERS } = GROUP_RECORD;

interface Flows {
  readonly sources: Uint32Array;
  readonly destinations: Uint32Array;
  readonly ports: Uint32Array;
  /** The next hops of the first of them, by the explanation. */
  readonly wanted: readonly string[];
}

export interface LookupFigure {
  readonly name: string;
  readonly nanosecondsPerFlow: number;
  /** What it would be on the machine for which the targets are written. */
  readonly scaledNanoseconds: number;
}

/** What the measuring thread is handed: the image is shared, as with the workers of the router. */
interface Load {
  readonly buffers: ImageBuffers;
  readonly everywhere: Flows;
  readonly few: Flows;
}

/** Prints the figures as a table and returns them. */
export async function run(): Promise<LookupFigure[]> {
  const random = seededRandom(SEED);
  const { buffers, explain, addresses } = createTable(random);
  const everywhere = drawFlows(random, addresses, explain);
  const few = drawFlows(random, addresses.slice(0, 64), explain);
  const figures = await measureInThread({ buffers, everywhere, few });
  print(figures);
  return figures;
}

const measureInThread = (load: Load): Promise<LookupFigure[]> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: load });
    worker.once("message", resolve);
    worker.once("error", reject);
  });

async function measure({ buffers, everywhere, few }: Load): Promise<LookupFigure[]> {
  const image = openImage(buffers);
  const { hashAll, lookUpAll, decideAll } = createLoops(image, compileFlowHash(HASH, undefined).hashFields);
  for (const flows of [everywhere, few]) assertEqualAnswers(flows, image, decideAll);
  let total = 0;
  const bench = new Bench({ time: 100, warmupTime: 100 });
  const add = (name: string, loop: () => number): void =>
    void bench.add(name, () => {
      total = (total + loop()) | 0;
    });
  const addParts = (name: string, flows: Flows, loop: (part: Flows) => number): void => {
    const parts = split(flows);
    let next = 0;
    add(name, () => loop(parts[next++ % PARTS]));
  };
  add(REFERENCE, hashRecords);
  addParts("key and hash", everywhere, hashAll);
  addParts("prefix, everywhere", everywhere, lookUpAll);
  addParts("prefix, 64 destinations", few, lookUpAll);
  addParts("all, everywhere", everywhere, decideAll);
  addParts("all, 64 destinations", few, decideAll);
  const fastest = await fastestTurns(bench);
  if (!Number.isInteger(total)) throw new Error("The answers did not add up to a whole number");

  const reference = (fastest.get(REFERENCE) ?? Number.NaN) / RECORDS;
  return [...fastest].map(([name, turn]) => {
    const each = turn / (name === REFERENCE ? RECORDS : PART_FLOWS);
    return { name, nanosecondsPerFlow: each * 1e6, scaledNanoseconds: (each / reference) * TARGET_NANOSECONDS };
  });
}

const REFERENCE = "murmur3-32 over four words";

/** Made once, like the forwarding core: what they close over is then as good as constant to the compiler. */
function createLoops(image: FibImage, hashFields: (fields: Fields) => number) {
  const { words } = image;
  const groups = new Uint16Array(BATCH);
  const fields = createFields();
  fields[family] = 4;
  fields[protocol] = TCP;
  fields[destinationPort] = 80;

  const hashAll = ({ sources, destinations, ports }: Flows): number => {
    let sum = 0;
    for (let i = 0; i < PART_FLOWS; i++) {
      fields[source] = sources[i];
      fields[destination] = destinations[i];
      fields[sourcePort] = ports[i];
      sum = (sum + hashFields(fields)) | 0;
    }
    return sum;
  };
  const lookUpAll = ({ destinations }: Flows): number => {
    let sum = 0;
    for (let i = 0; i < PART_FLOWS; i++) sum = (sum + lookup(image, destinations[i])) | 0;
    return sum;
  };
  const decideAll = ({ sources, destinations, ports }: Flows, nextHops?: Uint32Array): number => {
    let sum = 0;
    for (let first = 0; first < PART_FLOWS; first += BATCH) {
      // As the forwarding core does: what a batch misses in the caches is waited for together.
      for (let k = 0; k < BATCH; k++) groups[k] = lookup(image, destinations[first + k]);
      for (let k = 0; k < BATCH; k++) {
        const i = first + k;
        fields[source] = sources[i];
        fields[destination] = destinations[i];
        fields[sourcePort] = ports[i];
        const record = words[GROUPS + groups[k]];
        const nextHop = words[record + OWNERS + (((hashFields(fields) >>> 0) % words[record + COUNT]) >>> 0)];
        sum = (sum + nextHop) | 0;
        if (nextHops !== undefined) nextHops[i] = nextHop;
      }
    }
    return sum;
  };
  return { hashAll, lookUpAll, decideAll };
}

const split = ({ sources, destinations, ports, wanted }: Flows): Flows[] =>
  Array.from({ length: PARTS }, (_, part) => {
    const cut = (column: Uint32Array) => column.subarray(part * PART_FLOWS, (part + 1) * PART_FLOWS);
    return { sources: cut(sources), destinations: cut(destinations), ports: cut(ports), wanted };
  });

/** Prefixes with a length mix like that of the Internet's table, over groups of neighbors on one subnet. */
function createTable(random: Random) {
  const buffers = createImage();
  adviseLargePages(buffers.trie);
  const fib = createFib({ buffers, selector: "modulo", selectorOptions: {}, hash: HASH, workers: 0 });
  fib.attach({ prefix: { address: 0x0a010000, length: 16 }, port: 0 });
  const lengths = [24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 16];
  const prefixes = Array.from({ length: PREFIXES }, () => {
    const length = lengths[randomBelow(random, lengths.length)];
    return { address: ((0x14000000 + randomBelow(random, 0xb0000000)) & ipv4Mask(length)) >>> 0, length };
  });
  const nextHopsOf = (group: number) =>
    Array.from({ length: MEMBERS }, (_, i) => ({ address: 0x0a010001 + group * MEMBERS + i, weight: 1 }));
  const groups = Array.from({ length: GROUP_COUNT }, (_, group) => nextHopsOf(group));
  fib.apply(prefixes.map((prefix, i) => ({ prefixes: [prefix], protocol: "bgp", nextHops: groups[i % GROUP_COUNT] })));
  fib.publish();
  return { buffers, explain: createExplainer(fib.state()), addresses: prefixes.map(({ address }) => address) };
}

function drawFlows(random: Random, addresses: readonly number[], explain: ReturnType<typeof createExplainer>): Flows {
  const draw = (of: () => number) => Uint32Array.from({ length: FLOWS }, of);
  const sources = draw(() => 0xac100000 + randomBelow(random, 1 << 20));
  const destinations = draw(() => addresses[randomBelow(random, addresses.length)]);
  const ports = draw(() => 1024 + randomBelow(random, 64_512));
  const wanted = Array.from({ length: CHECKED_FLOWS }, (_, i) => {
    const flow = { protocol: TCP, source: sources[i], destination: destinations[i], sourcePort: ports[i], destinationPort: 80 };
    return explain(flow).nextHop ?? "none";
  });
  return { sources, destinations, ports, wanted };
}

function assertEqualAnswers(flows: Flows, { words }: FibImage, decideAll: (flows: Flows, nextHops: Uint32Array) => number): void {
  const nextHops = new Uint32Array(FLOWS);
  for (const [i, part] of split(flows).entries()) decideAll(part, nextHops.subarray(i * PART_FLOWS));
  flows.wanted.forEach((wanted, i) => {
    const got = formatAddress(words[words[NEXT_HOPS + nextHops[i]] + NEXT_HOP_RECORD.address]);
    if (got !== wanted) throw new Error(`The next hop of flow ${i} is ${got}, but the explanation says ${wanted}`);
  });
}

function print(figures: readonly LookupFigure[]): void {
  console.log(`From fields to next hop: ${PREFIXES} prefixes, ${GROUP_COUNT} groups of ${MEMBERS}, xxh32 over the 5-tuple`);
  console.table(
    figures.map(({ name, nanosecondsPerFlow, scaledNanoseconds }) => ({
      step: name,
      "ns a flow": Number(nanosecondsPerFlow.toFixed(2)),
      "million a second": Number((1e3 / nanosecondsPerFlow).toFixed(1)),
      [`ns where murmur3 takes ${TARGET_NANOSECONDS}`]: Number(scaledNanoseconds.toFixed(2)),
    })),
  );
}

if (!isMainThread && workerData !== null) parentPort?.postMessage(await measure(workerData));
else if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();

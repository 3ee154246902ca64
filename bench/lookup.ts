/**
 * How many flows a second can one thread decide? From a row of fields to a next hop: the hash of the IPv4 5-tuple, the longest
 * of a million prefixes, the group's bucket; and each of these alone, so that it shows where the time goes. Destinations are
 * addresses of routes, all over the table (a miss in the cache nearly every time) or 64 of them. Before anything is timed,
 * the next hops must be those of the offline explanation, which looks prefixes up in another way.
 */
import { pathToFileURL } from "node:url";
import { Bench } from "tinybench";
import { createFields, FIELD, type Fields } from "../src/ecmp/fields.ts";
import { compileFlowHash } from "../src/ecmp/flow-hash.ts";
import { createExplainer } from "../src/experiment/explain.ts";
import { createFib } from "../src/fib/fib.ts";
import { createImage, type FibImage, lookup } from "../src/fib/image.ts";
import { GROUP_RECORD, GROUPS, NEXT_HOP_RECORD, NEXT_HOPS } from "../src/fib/layout.ts";
import { formatAddress } from "../src/net/address.ts";
import { ipv4Mask } from "../src/net/prefix.ts";
import { type Random, randomBelow, seededRandom } from "../src/net/random.ts";
import { fastestTurns } from "./fastest.ts";
import { hashRecords, RECORDS, TARGET_NANOSECONDS } from "./reference.ts";

const SEED = 42;
const PREFIXES = 1_000_000;
const GROUP_COUNT = 64;
const MEMBERS = 16;
const FLOWS = 1 << 16;
const CHECKED_FLOWS = 2000;
const TCP = 6;
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: SEED };
const { family, protocol, source, destination, sourcePort, destinationPort } = FIELD;
const { count: COUNT, owners: OWNERS } = GROUP_RECORD;

interface Flows {
  readonly sources: Uint32Array;
  readonly destinations: Uint32Array;
  readonly ports: Uint32Array;
}

export interface LookupFigure {
  readonly name: string;
  readonly nanosecondsPerFlow: number;
  /** What it would be on the machine for which the targets are written. */
  readonly scaledNanoseconds: number;
}

export async function run(): Promise<LookupFigure[]> {
  const random = seededRandom(SEED);
  const { image, explain, addresses } = createTable(random);
  const { hashFields } = compileFlowHash(HASH, undefined);
  const fields = createFields();
  fields[family] = 4;
  fields[protocol] = TCP;
  fields[destinationPort] = 80;
  const everywhere = drawFlows(random, addresses);
  const few = drawFlows(random, addresses.slice(0, 64));
  for (const flows of [everywhere, few]) assertEqualAnswers(flows, image, hashFields, explain);

  let total = 0;
  const bench = new Bench({ time: 100, warmupTime: 100 });
  const add = (name: string, loop: () => number): void =>
    void bench.add(name, () => {
      total = (total + loop()) | 0;
    });
  add(REFERENCE, hashRecords);
  add("key and hash", () => hashAll(everywhere, fields, hashFields));
  add("prefix, everywhere", () => lookUpAll(everywhere, image));
  add("prefix, 64 destinations", () => lookUpAll(few, image));
  add("all, everywhere", () => decideAll(everywhere, image, fields, hashFields));
  add("all, 64 destinations", () => decideAll(few, image, fields, hashFields));
  const fastest = await fastestTurns(bench);
  if (!Number.isInteger(total)) throw new Error("The answers did not add up to a whole number");

  const reference = (fastest.get(REFERENCE) ?? Number.NaN) / RECORDS;
  const figures = [...fastest].map(([name, turn]): LookupFigure => {
    const each = turn / (name === REFERENCE ? RECORDS : FLOWS);
    return { name, nanosecondsPerFlow: each * 1e6, scaledNanoseconds: (each / reference) * TARGET_NANOSECONDS };
  });
  print(figures);
  return figures;
}

const REFERENCE = "murmur3-32 over four words";

/** The same loops over all flows, each in a function of its own: V8 compiles a shared one for all who call it at once. */
function hashAll(flows: Flows, fields: Fields, hashFields: (fields: Fields) => number): number {
  const { sources, destinations, ports } = flows;
  let sum = 0;
  for (let i = 0; i < FLOWS; i++) {
    fields[source] = sources[i];
    fields[destination] = destinations[i];
    fields[sourcePort] = ports[i];
    sum = (sum + hashFields(fields)) | 0;
  }
  return sum;
}

function lookUpAll({ destinations }: Flows, image: FibImage): number {
  let sum = 0;
  for (let i = 0; i < FLOWS; i++) sum = (sum + lookup(image, destinations[i])) | 0;
  return sum;
}

function decideAll(flows: Flows, image: FibImage, fields: Fields, hashFields: (fields: Fields) => number): number {
  const { sources, destinations, ports } = flows;
  const { words } = image;
  let sum = 0;
  for (let i = 0; i < FLOWS; i++) {
    fields[source] = sources[i];
    fields[destination] = destinations[i];
    fields[sourcePort] = ports[i];
    const record = words[GROUPS + lookup(image, destinations[i])];
    sum = (sum + words[record + OWNERS + ((hashFields(fields) % words[record + COUNT]) >>> 0)]) | 0;
  }
  return sum;
}

/** Prefixes with a length mix like that of the Internet's table, over groups of neighbors on one subnet. */
function createTable(random: Random) {
  const fib = createFib({ buffers: createImage(), selector: "modulo", selectorOptions: {}, hash: HASH, workers: 0 });
  fib.attach({ prefix: { address: 0x0a010000, length: 16 }, port: 0 });
  const lengths = [24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 16];
  const prefixes = Array.from({ length: PREFIXES }, () => {
    const length = lengths[randomBelow(random, lengths.length)];
    return { address: ((0x14000000 + randomBelow(random, 0xb0000000)) & ipv4Mask(length)) >>> 0, length };
  });
  const nextHopsOf = (group: number) =>
    Array.from({ length: MEMBERS }, (_, i) => ({ address: 0x0a010001 + group * MEMBERS + i, weight: 1 }));
  const groups = Array.from({ length: GROUP_COUNT }, (_, group) => nextHopsOf(group));
  fib.apply(prefixes.map((prefix, i) => ({ prefix, protocol: "bgp", nextHops: groups[i % GROUP_COUNT] })));
  fib.publish();
  return { image: fib.image, explain: createExplainer(fib.state()), addresses: prefixes.map(({ address }) => address) };
}

function drawFlows(random: Random, addresses: readonly number[]): Flows {
  const draw = (of: () => number) => Uint32Array.from({ length: FLOWS }, of);
  return {
    sources: draw(() => 0xac100000 + randomBelow(random, 1 << 20)),
    destinations: draw(() => addresses[randomBelow(random, addresses.length)]),
    ports: draw(() => 1024 + randomBelow(random, 64_512)),
  };
}

function assertEqualAnswers(
  { sources, destinations, ports }: Flows,
  image: FibImage,
  hashFields: (fields: Fields) => number,
  explain: ReturnType<typeof createExplainer>,
): void {
  const { words } = image;
  const fields = createFields();
  fields.set([4, TCP, 0, 80]);
  for (let i = 0; i < CHECKED_FLOWS; i++) {
    fields[source] = sources[i];
    fields[destination] = destinations[i];
    fields[sourcePort] = ports[i];
    const record = words[GROUPS + lookup(image, destinations[i])];
    const nextHop = words[record + OWNERS + ((hashFields(fields) % words[record + COUNT]) >>> 0)];
    const got = formatAddress(words[words[NEXT_HOPS + nextHop] + NEXT_HOP_RECORD.address]);
    const flow = { protocol: TCP, source: sources[i], destination: destinations[i], sourcePort: ports[i], destinationPort: 80 };
    const { nextHop: wanted, flow: name } = explain(flow);
    if (got !== wanted) throw new Error(`The next hop of ${name} is ${got}, but the explanation says ${wanted}`);
  }
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

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();

/**
 * What does a packet cost in the forwarding core, without I/O? A batch of 64 TCP packets of 64 flows goes through classify,
 * lookup, key, hash, pick and rewrite, with 1 thousand and 1 million routes behind it, to destinations that repeat and to
 * random ones; beside it the murmur3 loop that figures of other machines can be held against. Before anything is timed,
 * every packet must leave for the next hop that the offline explanation names.
 */
import { pathToFileURL } from "node:url";
import { Bench } from "tinybench";
import { createForwarder, type Forward } from "../src/dataplane/forward.ts";
import { allowInlining } from "../src/dataplane/inlining.ts";
import { createKey } from "../src/ecmp/key.ts";
import { createExplainer, type Explanation } from "../src/experiment/explain.ts";
import { createFib } from "../src/fib/fib.ts";
import { createImage } from "../src/fib/image.ts";
import { formatAddress } from "../src/net/address.ts";
import type { Flow } from "../src/net/flow.ts";
import { ipv4Mask, makePrefix } from "../src/net/prefix.ts";
import { randomBelow, seededRandom } from "../src/net/random.ts";
import { BATCH_CAPACITY, type Batch, createBatch, ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "../src/port/batch.ts";
import { adviseLargePages } from "../src/port/large-pages.ts";
import { checksum } from "../src/wire/checksum.ts";
import { readMac } from "../src/wire/ethernet.ts";
import { fastestTurns } from "./fastest.ts";
import { murmur3 } from "./reference.ts";

const FRAME_BYTES = 128;
const BATCHES = 256;
const SEED = 42;
const CLIENT = 0x0a000102;
const MEMBERS = 4;
/** The first of the nodes, one address after the other; their MACs count as their addresses do. */
const NODE = 0x0a010002;
const NODE_MAC = 0x020000000a00;
export const HASH = {
  algorithm: "xxh32",
  fields: ["source-address", "destination-address", "protocol", "source-port", "destination-port"],
  seed: SEED,
};
export const ROUTER = { macHigh: 0x0200, macLow: 1, vlans: 0 };

export interface ForwardFigure {
  readonly name: string;
  readonly nanosecondsPerPacket: number;
  /** To one murmur3 over four words, timed in the same run. */
  readonly ratioToReference: number;
}

export async function run(): Promise<ForwardFigure[]> {
  allowInlining();
  const random = seededRandom(SEED);
  const few = createTable(1_000, random);
  const many = createTable(1_000_000, random);
  const setups = [
    { name: "1 k routes, 64 destinations", table: few, batches: 1 },
    { name: "1 k routes, random destinations", table: few, batches: BATCHES },
    { name: "1 M routes, 64 destinations", table: many, batches: 1 },
    { name: "1 M routes, random destinations", table: many, batches: BATCHES },
  ];
  const bench = new Bench({ time: 150, warmupTime: 50 });
  for (const { name, table, batches } of setups) {
    const load = Array.from({ length: batches }, () => createLoad(table.addresses, random));
    for (const one of load) assertEqualAnswers(table, one);
    bench.add(name, () => {
      // A batch is copied before it goes through: the core rewrites in place, and the ring brings new frames each time, too.
      for (let i = 0; i < BATCHES; i++) {
        const { batch, template } = load[i % batches];
        batch.bytes.set(template);
        table.forward(batch, 0);
      }
    });
  }
  const key = createKey();
  let total = 0;
  bench.add("murmur3 over four words", () => {
    for (let i = 0; i < BATCHES * 64; i++) {
      key.words[3] = i;
      total = (total + murmur3(key.words, 4, SEED)) | 0;
    }
  });
  const turns = await fastestTurns(bench);
  if (!Number.isInteger(total)) throw new Error("The hashes did not add up to a whole number");

  const timed = [...turns].map(([name, milliseconds]) => ({ name, nanosecondsPerPacket: (milliseconds * 1e6) / (BATCHES * 64) }));
  const reference = timed[timed.length - 1].nanosecondsPerPacket;
  const figures = timed.map((one) => ({ ...one, ratioToReference: one.nanosecondsPerPacket / reference }));
  console.log("Forwarding core, TCP packets of 64 bytes in batches of 64, four next hops, xxh32 over the 5-tuple, modulo");
  console.table(
    figures.map(({ name, nanosecondsPerPacket, ratioToReference }) => ({
      setup: name,
      "ns per packet": Number(nanosecondsPerPacket.toFixed(1)),
      "x murmur3": Number(ratioToReference.toFixed(1)),
    })),
  );
  return figures;
}

export interface Table {
  readonly explain: (flow: Flow) => Explanation;
  readonly forward: Forward;
  readonly addresses: readonly number[];
}

export interface Load {
  readonly batch: Batch;
  readonly template: Uint8Array;
}

/**
 * Prefixes, all to the same `members`, spread over the unicast space with a length mix like that of the Internet's table: most
 * are /24, few are short.
 */
export function createTable(routes: number, random: () => number, members = MEMBERS): Table {
  const buffers = createImage();
  adviseLargePages(buffers.trie);
  const fib = createFib({ buffers, selector: "modulo", selectorOptions: {}, hash: HASH, workers: 0 });
  fib.attach({ prefix: makePrefix(NODE, 16), port: 1 });
  const nodes = Array.from({ length: members }, (_, i) => NODE + i);
  const nextHops = nodes.map((address) => ({ address, weight: 1 }));
  const lengths = [24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 16];
  const prefixes = Array.from({ length: routes }, () => {
    const length = lengths[randomBelow(random, lengths.length)];
    const address = (0x14000000 + randomBelow(random, 0xb0000000)) >>> 0;
    return { address: (address & ipv4Mask(length)) >>> 0, length };
  }).filter(({ address }) => address >>> 24 !== 127);
  fib.apply([{ prefixes, protocol: "bgp", nextHops }]);
  for (const [i, address] of nodes.entries())
    fib.setNeighbor(address, 1, { mac: NODE_MAC + i, source: 0x020000000002, mtu: 1500 });
  fib.publish();
  const forward = createForwarder({
    image: fib.image,
    hash: HASH,
    selector: "modulo",
    ports: [ROUTER, { macHigh: 0x0200, macLow: 2, vlans: 0 }],
  });
  // One group, whatever the number of routes: as a default route it decides as all of them do.
  const { groups, ...rest } = fib.state();
  const explain = createExplainer({ ...rest, groups: groups.map((group) => ({ ...group, prefixes: ["0.0.0.0/0"] })) });
  return { explain, forward, addresses: prefixes.map(({ address }) => address) };
}

/** A batch of as many flows as it has room for, or of the `flows` that are given. */
export function createLoad(addresses: readonly number[], random: () => number, flows = BATCH_CAPACITY): Load {
  const drawn = Array.from({ length: flows }, () => ({
    destination: addresses[randomBelow(random, addresses.length)],
    sourcePort: 1024 + randomBelow(random, 60_000),
  }));
  const batch = createBatch(new Uint8Array(FRAME_BYTES * 64));
  for (let i = 0; i < batch.capacity; i++) {
    const frame = i * FRAME_BYTES + VIRTIO_HEADER_LENGTH;
    const { destination, sourcePort } = drawn[i % flows];
    writePacket(batch.bytes, frame, destination, sourcePort);
    batch.rows[i * ROW_WORDS + ROW.offset] = frame;
    batch.rows[i * ROW_WORDS + ROW.length] = batch.rows[i * ROW_WORDS + ROW.wireLength] = 64;
  }
  batch.count = batch.capacity;
  return { batch, template: batch.bytes.slice() };
}

function writePacket(bytes: Uint8Array, frame: number, destination: number, sourcePort: number): void {
  const view = new DataView(bytes.buffer, frame, 64);
  view.setUint16(0, ROUTER.macHigh);
  view.setUint32(2, ROUTER.macLow);
  view.setUint16(12, 0x0800);
  view.setUint32(14, 0x45000032);
  view.setUint32(22, 0x40060000);
  view.setUint32(26, CLIENT);
  view.setUint32(30, destination);
  view.setUint16(24, checksum(bytes, frame + 14, 20));
  view.setUint16(34, sourcePort);
  view.setUint16(36, 80);
}

export function assertEqualAnswers({ explain, forward }: Table, { batch, template }: Load): void {
  batch.bytes.set(template);
  forward(batch, 0);
  for (let i = 0; i < batch.count; i++) {
    const row = i * ROW_WORDS;
    const frame = batch.rows[row + ROW.offset];
    const view = new DataView(batch.bytes.buffer, frame, 64);
    const destination = view.getUint32(30);
    const flow = { protocol: 6, source: CLIENT, destination, sourcePort: view.getUint16(34), destinationPort: 80 };
    const wanted = explain(flow).nextHop;
    const node = NODE + readMac(batch.bytes, frame) - NODE_MAC;
    const got = batch.rows[row + ROW.verdict] === VERDICT.forward ? formatAddress(node) : "no next hop";
    if (got !== wanted) throw new Error(`A packet went to ${got}, and the explanation says ${wanted}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();

/**
 * `node dist/bench/growth.js`: what does a packet cost as work grows? The forwarding core over 1 to 1 M routes, 2 to 512 members
 * and 1 to 64 k flows, each with the others as they are in bench/forward.ts; and on the wire, frames of 64 to 9000 bytes: what
 * the router's threads had of a processor for each packet that arrived. A table, and a chart (bench/growth.svg).
 *
 * The core runs over batches in memory and not over loopback ports: those allocate for each frame, which costs more than what
 * is asked for here.
 */
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Bench } from "tinybench";
import { allowInlining } from "../src/dataplane/inlining.ts";
import { inNamespace } from "../src/lab/namespace.ts";
import { execute } from "../src/lab/process.ts";
import { delay, systemClock } from "../src/net/clock.ts";
import { seededRandom } from "../src/net/random.ts";
import { BATCH_CAPACITY } from "../src/port/batch.ts";
import { formatCount, type Panel, renderChart } from "./chart.ts";
import { fastestTurns } from "./fastest.ts";
import { assertEqualAnswers, createLoad, createTable } from "./forward.ts";
import { processorSeconds, runInNamespaces, sh } from "./namespaces.ts";
import { createOurs } from "./wire-contender.ts";
import { createNetwork, generate, NODES, received } from "./wire-network.ts";

const SEED = 42;
/** Of a turn: short enough that on a busy machine some turns are left alone. */
const TURN_BATCHES = 64;
/** Many, and short: each axis is to look the same to whatever else the machine does. */
const ROUNDS = 100;
const ROUTES = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];
const MEMBERS = [2, 4, 8, 16, 32, 64, 128, 256, 512];
const FLOWS = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536];
/** A slot of the ring takes 1,950 bytes; from there on a frame comes by a system call. */
const FRAME_BYTES = [64, 128, 256, 400, 500, 1024, 1500, 3000, 4500, 9000];
const WIRE_SECONDS = 1;
const WIRE_TURNS = 4;
const CHART = new URL("../../bench/growth.svg", import.meta.url);

interface Size {
  readonly routes: number;
  readonly members: number;
  readonly flows: number;
}

const USUAL: Size = { routes: 1000, members: 4, flows: 16_384 };

async function measureCore(): Promise<Panel[]> {
  allowInlining();
  const axes = [
    { title: "routes", sizes: ROUTES.map((routes) => ({ ...USUAL, routes })), of: ({ routes }: Size) => routes },
    { title: "members", sizes: MEMBERS.map((members) => ({ ...USUAL, members })), of: ({ members }: Size) => members },
    { title: "flows", sizes: FLOWS.map((flows) => ({ ...USUAL, flows })), of: ({ flows }: Size) => flows },
  ];
  const bench = new Bench({ time: 5, iterations: 8, warmupTime: 1, warmupIterations: 2 });
  const name = (size: Size): string => JSON.stringify(size);
  for (const size of new Map(axes.flatMap(({ sizes }) => sizes.map((one) => [name(one), one]))).values())
    addCase(bench, name(size), size);
  const turns = await fastestTurns(bench, ROUNDS);
  const nanoseconds = (size: Size): number => ((turns.get(name(size)) ?? 0) * 1e6) / (TURN_BATCHES * BATCH_CAPACITY);
  return axes.map(({ title, sizes, of }) => ({
    title: `the core, by ${title}`,
    unit: "ns a packet",
    points: sizes.map((size) => ({ x: of(size), y: nanoseconds(size) })),
  }));
}

function addCase(bench: Bench, name: string, { routes, members, flows }: Size): void {
  const random = seededRandom(SEED);
  const table = createTable(routes, random, members);
  const batches = Math.max(1, flows / BATCH_CAPACITY);
  const load = Array.from({ length: batches }, () => createLoad(table.addresses, random, Math.min(flows, BATCH_CAPACITY)));
  for (const one of load) assertEqualAnswers(table, one);
  let next = 0;
  bench.add(name, () => {
    for (let i = 0; i < TURN_BATCHES; i++) {
      const { batch, template } = load[next++ % batches];
      batch.bytes.set(template);
      table.forward(batch, 0);
    }
  });
}

/** As fast as the source sends: what is lost costs the router nothing, and what it delivers it has worked for. */
async function measureWire(): Promise<Panel> {
  await createNetwork();
  const links = NODES.flatMap(({ name, port }) => [`router ${port}`, `${name} in`]);
  for (const link of ["source out", "router in0", ...links]) {
    const [namespace, name] = link.split(" ");
    await sh(namespace, `ip link set ${name} mtu 9000`);
  }
  const router = createOurs("1 worker", "workers: 1");
  await router.start();
  for (const { address } of NODES) await execute(inNamespace("source", ["ping", "-c", "1", "-W", "5", address]));
  // Compilers have done what they will do.
  await generate({ seconds: 3 });
  const costs = FRAME_BYTES.map((bytes) => ({ bytes, turns: [] as number[] }));
  for (let turn = 0; turn < WIRE_TURNS; turn++)
    for (const { bytes, turns } of costs) {
      const before = { packets: await received(), seconds: processorSeconds(router.pid()) };
      await generate({ seconds: WIRE_SECONDS, frameBytes: bytes });
      await delay(systemClock, 200);
      const packets = (await received()) - before.packets;
      turns.push(((processorSeconds(router.pid()) - before.seconds) / packets) * 1e9);
    }
  await router.stop();
  const points = costs.map(({ bytes, turns }) => ({ x: bytes, y: Math.min(...turns) }));
  return { title: "on the wire, by bytes of a frame", unit: "ns of processor a packet", points };
}

async function measure(): Promise<void> {
  const panels = [...(await measureCore()), await measureWire()];
  for (const { title, unit, points } of panels) {
    console.log(`${title} (${unit})`);
    console.log(points.map(({ x, y }) => `${formatCount(x)}: ${y.toFixed(y < 1000 ? 1 : 0)}`).join("   "));
  }
  writeFileSync(CHART, renderChart(panels));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await runInNamespaces(measure);

/**
 * How many bytes does a worker's breath allocate in its steady state? A program of its own, because a test runner allocates too:
 * prints, for each kind of traffic, the least growth of the heap over a million packets in several tries (while V8 still
 * compiles, which takes the longer the busier the machine is, it allocates). The last kind has a port that makes one object a batch: what that costs must be seen.
 */
import { getHeapStatistics } from "node:v8";

const load = (path) => import(new URL(`../../dist/src/${path}.js`, import.meta.url));
const { createChannelMemory, createChannelWriter } = await load("dataplane/channel");
const { createCounterMemory, createCounterWriter } = await load("dataplane/counters");
const { createForwarder } = await load("dataplane/forward");
const { allowInlining } = await load("dataplane/inlining");
const { createLoop } = await load("dataplane/loop");
const { createFib } = await load("fib/fib");
const { createImage } = await load("fib/image");
const { parseAddress } = await load("net/address");
const { parsePrefix } = await load("net/prefix");
const { createBatch, ROW, ROW_WORDS } = await load("port/batch");
const { layOutFlows } = await load("port/flow-layout");
const { createFlowMemory } = await load("port/flow-memory");

const PACKETS = 1_000_000;
const TRIES = 16;
/** No try has to follow one that grew by no more. */
const QUIET_BYTES = 16 * 1024;
const SLOT_BYTES = 256;
const FRAME = 18;
const [frame4, frame6] = process.argv.slice(2).map((hex) => Buffer.from(hex, "hex"));

/** Brings the same 64 frames again and again, and takes whatever is sent. */
function createSource(frame, onReceive) {
  const template = new Uint8Array(SLOT_BYTES * 64);
  for (let i = 0; i < 64; i++) {
    template.set(frame, i * SLOT_BYTES + FRAME);
    // The source port, of either family: another flow each.
    template[i * SLOT_BYTES + FRAME + (frame === frame4 ? 34 : 54)] = i;
  }
  const batch = createBatch(template.slice());
  return {
    batch,
    receive() {
      onReceive?.();
      batch.bytes.set(template);
      for (let i = 0; i < 64; i++) {
        batch.rows[i * ROW_WORDS + ROW.offset] = i * SLOT_BYTES + FRAME;
        batch.rows[i * ROW_WORDS + ROW.length] = batch.rows[i * ROW_WORDS + ROW.wireLength] = frame.length;
      }
      batch.count = 64;
      return batch.count;
    },
    transmit: () => 0,
  };
}

/** As `dataplane/offload.ts`, over memory that no kernel sees: each packet's flow is entered, as after a change. */
function createEntering() {
  const layout = layOutFlows({ ports: 2, processors: 1, lanes: 1, nextHops: 2, flows: 256, seed: 0x9abcdef1 });
  const memory = createFlowMemory(new ArrayBuffer(layout.bytes), layout);
  let generation = 0;
  return {
    generation() {
      memory.setGeneration(++generation);
      return memory.generation();
    },
    enter(decided, { bytes, rows, count }, ingress) {
      for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS)
        memory.enter(decided, bytes, rows[row + ROW.offset], ingress, rows[row + ROW.egress], rows[row + ROW.nextHop], 0);
    },
  };
}

function leastGrowth({ frame, hash, selector, onReceive, offload }) {
  const options = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42, ...hash };
  const fib = createFib({ buffers: createImage(1 << 18), selector, selectorOptions: {}, hash: options, workers: 0 });
  fib.attach({ prefix: parsePrefix("10.0.0.0/24"), port: 0 });
  const nextHops = [11, 12].map((last) => ({ address: parseAddress(`10.0.0.${last}`), weight: 1 }));
  for (const { address } of nextHops) fib.setNeighbor(address, 0, { mac: 0x020000000a0b, source: 0x020000000001, mtu: 1500 });
  fib.apply(
    ["198.51.100.0/24", "2001:db8:51::/48"].map((text) => ({ prefixes: [parsePrefix(text)], protocol: "bgp", nextHops })),
  );
  for (const { address } of nextHops) fib.setNeighbor(address, 0, { mac: 0x020000000a0b, source: 0x020000000001, mtu: 1500 });
  fib.publish();
  const memory = createCounterMemory();
  const breathe = createLoop({
    isTagged: [],
    ports: [createSource(frame, onReceive)],
    forward: createForwarder({ image: fib.image, hash: options, selector, ports: [{ macHigh: 0x0200, macLow: 1, vlans: 0 }] }),
    counters: createCounterWriter(memory),
    channel: createChannelWriter(createChannelMemory()),
    offload,
  });
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < TRIES && least > QUIET_BYTES; attempt++) {
    globalThis.gc();
    const before = getHeapStatistics().used_heap_size;
    for (let packets = 0; packets < PACKETS; packets += 64) breathe();
    least = Math.min(least, getHeapStatistics().used_heap_size - before);
  }
  // Totals: received, its bytes, forwarded.
  const [received, , forwarded] = new Float64Array(memory, 8, 3);
  return { bytes: least, received, forwarded };
}

allowInlining();
const kept = { object: undefined };
const kinds = {
  "IPv4, the short way": { frame: frame4, selector: "modulo" },
  "IPv4, a hash over a key": { frame: frame4, selector: "threshold", hash: { algorithm: "siphash" } },
  "IPv4, as Linux": { frame: frame4, selector: "linux-threshold", hash: { algorithm: "linux", linux: { policy: 1 } } },
  IPv6: { frame: frame6, selector: "resilient" },
  "IPv4, flows to be carried": { frame: frame4, selector: "modulo", offload: createEntering() },
  "IPv6, flows to be carried": { frame: frame6, selector: "modulo", offload: createEntering() },
  "IPv4, dropped": { frame: frame4.subarray(0, 30), selector: "modulo" },
  control: {
    frame: frame4,
    selector: "modulo",
    onReceive() {
      kept.object = { before: kept.object === undefined };
    },
  },
};
for (const [name, kind] of Object.entries(kinds)) console.log(JSON.stringify({ name, ...leastGrowth(kind) }));

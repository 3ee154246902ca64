/**
 * A router by hand, without workers: its interfaces, the rings on them, the programs of carried flows, the forwarding core, and the hosts
 * at the other ends, all in this thread.
 *
 *   w0 ── b0 │bridge│ a0 ── r0 ┐
 *   w1 ── b1 │bridge│ a1 ── r1 ├ the router      w2 ── r2
 *
 * The bridges are in another namespace, so r0 and r1 lead across; the far end of r2 is in this one. Hosts hear at w0 to w2.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createForwarder } from "#src/dataplane/forward.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { MAXIMUM_NEXT_HOPS } from "#src/fib/layout.ts";
import { type Address, parseAddress } from "#src/net/address.ts";
import { systemClock } from "#src/net/clock.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { createBatch, ROW, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";
import { type FlowOffload, openFlowOffload } from "#src/port/flow-offload.ts";
import { findInterface } from "#src/port/interface.ts";
import { DEFAULT_RING_SIZE, PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { countProcessors } from "#src/port/processors.ts";
import { Wake } from "#src/port/wake.ts";
import { missingForFlowOffload } from "../common/flow-offload.ts";
import { createCable, run } from "../common/namespace.ts";
import { copyFrames, numberedFrame } from "../common/port.ts";

const DEADLINE_MS = 10_000;
const FRAME = 32;
const PORTS = [0, 1, 2].map((i) => ({ macHigh: 0x0200, macLow: i + 1, vlans: 0, linkLocals: new Uint32Array() }));
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42 };
const MTU = 1500;
export const LANES = 2;
const MARK_BYTES = 4;
const NOTHING_TO_DO = new Uint8Array(VIRTIO_HEADER_LENGTH);

const address = (text: string): Address => {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`${text}: no address`);
  return parsed;
};
const prefix = (text: string) => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text}: no prefix`);
  return parsed;
};

export interface Heard {
  /** The interface. */
  readonly at: string;
  readonly bytes: Buffer;
  readonly virtioHeader: Buffer;
}

export interface Decided {
  readonly verdict: number;
  readonly egress: number;
  readonly nextHop: number;
  /** As the frame leaves. */
  readonly bytes: Buffer;
}

export type FlowScene = Awaited<ReturnType<typeof createFlowScene>>;

/** What stands in the way of a scene, or nothing. */
export function sceneObstacle(): string | undefined {
  try {
    run("ip link add name br9 type bridge");
  } catch (error) {
    return (error as Error).message;
  }
  run("ip link delete dev br9");
  return missingForFlowOffload();
}

/** To which port destinations lead: 198.51.100.0/24 and 2001:db8:51::/48 to 1, 198.51.101.0/24 and 2001:db8:52::/48 to 2. */
function createCore() {
  const fib = createFib({ buffers: createImage(1 << 18), selector: "modulo", selectorOptions: {}, hash: HASH, workers: 0 });
  for (const port of [1, 2]) {
    const hops = [`10.0.${port}.11`, `10.0.${port}.12`].map(address);
    const hops6 = [`2001:db8:0:${port}::11`, `2001:db8:0:${port}::12`].map(address);
    fib.attach({ prefix: prefix(`10.0.${port}.0/24`), port });
    fib.attach({ prefix: prefix(`2001:db8:0:${port}::/64`), port });
    const via = (list: readonly Address[]) => list.map((one) => ({ address: one, weight: 1 }));
    fib.apply([
      { prefixes: [prefix(`198.51.${99 + port}.0/24`)], protocol: "bgp", nextHops: via(hops) },
      { prefixes: [prefix(`2001:db8:5${port}::/48`)], protocol: "bgp", nextHops: via(hops6) },
    ]);
    for (const [i, hop] of [...hops, ...hops6].entries())
      fib.setNeighbor(hop, port, { mac: 0xfedcba980a00 + port * 16 + i, source: 0x020000000001 + port, mtu: MTU });
  }
  fib.publish();
  return createForwarder({ image: fib.image, hash: HASH, selector: "modulo", ports: PORTS });
}

async function startFarNamespace(): Promise<ChildProcess> {
  const holder = spawn("unshare", ["--net", "sh", "-c", "echo there; exec sleep 600"], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  const far = (command: string): string => run(`nsenter --target ${holder.pid} --net ${command}`);
  // A machine that filters what it bridges would drop the packets that are wrong.
  for (const family of ["", "6"]) far(`sysctl -qew net.bridge.bridge-nf-call-ip${family}tables=0`);
  for (const key of ["default", "all"]) far(`sysctl -qw net.ipv6.conf.${key}.disable_ipv6=1`);
  for (const i of [0, 1]) {
    createCable(`a${i}`, `r${i}`);
    createCable(`b${i}`, `w${i}`);
    far(`ip link add name br${i} mtu 9000 type bridge mcast_snooping 0`);
    for (const name of [`a${i}`, `b${i}`]) {
      run(`ip link set dev ${name} netns ${holder.pid}`);
      far(`ip link set dev ${name} mtu 9000 master br${i} up`);
      // Both ends say what they like.
      far(`ip link set dev ${name} type bridge_slave learning off`);
    }
    far(`ip link set dev br${i} up`);
  }
  return holder;
}

export const openFlows = (seed = 0x9abcdef1): FlowOffload =>
  openFlowOffload(
    { ports: 4, processors: countProcessors(), lanes: LANES, nextHops: MAXIMUM_NEXT_HOPS, flows: 256, seed, ringSlots: 8192 },
    [true, true, true, true],
  );

export async function createFlowScene() {
  const far = await startFarNamespace();
  createCable("w2", "r2");
  for (const i of [0, 1, 2]) {
    run(`ip link set dev r${i} address 02:00:00:00:00:0${i + 1}`);
    for (const name of [`r${i}`, `w${i}`]) run(`ip link set dev ${name} mtu 9000`);
  }
  const forward = createCore();
  const wake = new Wake();
  const hosts = ["w0", "w1", "w2"].map((name) => new PacketRing({ interface: name }));
  let offload = openFlows();
  let rings: PacketRing[] = [];
  let ends: PacketRing[] = [];
  let waiter: PacketWaiter;
  let generation = 1;
  let mark = 0;

  const follow = (): void => {
    for (const i of [0, 1, 2]) offload.follow(i, findInterface(`r${i}`).index, MTU);
  };
  const listen = (lane: number, slots = DEFAULT_RING_SIZE.slots): void => {
    rings = [0, 1, 2].map((port) => {
      const ring = new PacketRing({ interface: `r${port}`, isDeaf: true, slots });
      const filter = offload.shared.filters[port][lane];
      ring.listen(undefined, { filter, progress: offload.memory.progressOf(port, lane) });
      return ring;
    });
    ends = [...rings, ...hosts];
    waiter = new PacketWaiter(ends, wake.descriptor);
  };
  const closeRings = (): void => {
    waiter.close();
    for (const ring of rings) ring.close();
  };
  const takeFrom = (end: PacketRing): Heard[] => {
    const heard: Heard[] = [];
    while (end.receive() > 0)
      for (const { bytes, virtioHeader } of copyFrames(end.batch))
        heard.push({ at: end.name, bytes: Buffer.from(bytes), virtioHeader: Buffer.from(virtioHeader) });
    return heard;
  };
  follow();
  listen(0);
  offload.memory.setGeneration(generation);

  return {
    get offload() {
      return offload;
    },
    get memory() {
      return offload.memory;
    },
    get rings() {
      return rings;
    },
    follow,

    /** Nothing that was entered holds; what waits is gone. */
    forget(): void {
      offload.memory.setGeneration(++generation);
      for (const end of ends) takeFrom(end);
    },

    /** The rings of another lane, as a successor's. */
    changeLane(lane: number, slots?: number): void {
      closeRings();
      listen(lane, slots);
    },

    /** Programs and memory made anew, before or after the old ones are closed. */
    reopen(): void {
      offload.memory.setGeneration(0);
      closeRings();
      offload.close();
      offload = openFlows();
      follow();
      listen(0);
      offload.memory.setGeneration(generation);
    },

    /** With a number in its last bytes, by which it is known again. */
    marked(frame: Uint8Array): Buffer<ArrayBuffer> {
      const copy = Buffer.copyBytesFrom(frame);
      copy.writeUInt32BE(++mark, copy.length - MARK_BYTES);
      return copy;
    },

    send(from: string, frame: Uint8Array, virtioHeader: Uint8Array = NOTHING_TO_DO): void {
      const end = ends.find(({ name }) => name === from) as PacketRing;
      const batch = createBatch(new Uint8Array(FRAME + frame.length), 1);
      batch.bytes.set(virtioHeader, FRAME - VIRTIO_HEADER_LENGTH);
      batch.bytes.set(frame, FRAME);
      batch.rows.set([FRAME, frame.length, frame.length, 0, VERDICT.forward, 0, 0, 0]);
      batch.count = 1;
      if (end.transmit(batch, 0) !== 0) throw new Error(`${from}: refused a frame of ${frame.length} bytes`);
    },

    /** The frame that ends like this one, wherever it comes first; `among`: the interfaces where it is looked for. */
    hear(frame: Uint8Array, among?: readonly string[]): Heard {
      const wanted = Buffer.from(frame.slice(-MARK_BYTES));
      const deadlineMs = systemClock.nowMs() + DEADLINE_MS;
      while (systemClock.nowMs() < deadlineMs) {
        for (const end of ends.filter(({ name }) => among?.includes(name) ?? true)) {
          const found = takeFrom(end).find(({ bytes }) => bytes.subarray(-MARK_BYTES).equals(wanted));
          if (found) return found;
        }
        if (among === undefined) waiter.wait(20);
      }
      throw new Error(`a frame was heard nowhere: ${Buffer.from(frame.slice(0, 80)).toString("hex")}`);
    },

    /** What this host hears before a frame that the router's own interface `from` sends it now. */
    hearBeforeNext(from: string): Heard[] {
      const end = ends.find(({ name }) => name === from.replace("r", "w")) as PacketRing;
      const last = this.marked(numberedFrame(0));
      this.send(from, last);
      const heard: Heard[] = [];
      const deadlineMs = systemClock.nowMs() + DEADLINE_MS;
      while (!heard.some(({ bytes }) => bytes.equals(last))) {
        if (systemClock.nowMs() > deadlineMs) throw new Error(`${end.name} does not hear what ${from} sends`);
        heard.push(...takeFrom(end));
      }
      return heard.slice(0, -1);
    },

    /** What the forwarding core makes of it. */
    decide(frame: Uint8Array, ingress = 0, virtioHeader: Uint8Array = NOTHING_TO_DO): Decided {
      const batch = createBatch(new Uint8Array(FRAME + frame.length + 8), 1);
      batch.bytes.set(virtioHeader, FRAME - VIRTIO_HEADER_LENGTH);
      batch.bytes.set(frame, FRAME);
      batch.rows.set([FRAME, frame.length, frame.length, 0]);
      batch.count = 1;
      forward(batch, ingress);
      const { rows, bytes } = batch;
      const from = rows[ROW.offset];
      return {
        verdict: rows[ROW.verdict],
        egress: rows[ROW.egress],
        nextHop: rows[ROW.nextHop],
        bytes: Buffer.from(bytes.subarray(from, from + rows[ROW.length])),
      };
    },

    /** As a worker does with what it has forwarded. */
    enter({ bytes, egress, nextHop }: Decided, { ingress = 0, lane = 0, generation = offload.memory.generation() } = {}): void {
      offload.memory.enter(generation, bytes, 0, ingress, egress, nextHop, lane);
    },

    close(): void {
      closeRings();
      for (const end of hosts) end.close();
      offload.close();
      wake.close();
      far.kill("SIGKILL");
    },
  };
}

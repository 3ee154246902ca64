/**
 * Workers of the product over real rings, under traffic, without the rest of the router. At every node a witness hears all that
 * comes.
 *
 *   source -- port0 [workers] port1 -- node 11
 *                             port2 -- node 12
 */
import type { Worker } from "node:worker_threads";
import { expect } from "vitest";
import { readConfig } from "#src/config/read.ts";
import type { Config } from "#src/config/schema.ts";
import { createPortSettings } from "#src/dataplane/around-port.ts";
import { readCounters } from "#src/dataplane/counters.ts";
import { createOwnSources } from "#src/dataplane/own-sources.ts";
import type { WorkerStart } from "#src/dataplane/worker.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { parseAddress } from "#src/net/address.ts";
import { delay, systemClock } from "#src/net/clock.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { seededRandom } from "#src/net/random.ts";
import { findInterface } from "#src/port/interface.ts";
import { DEFAULT_RING_SIZE } from "#src/port/packet-ring.ts";
import { createSharedValue, setSharedValue } from "#src/port/shared-value.ts";
import { createTapMemory } from "#src/port/tap-memory.ts";
import { Wake } from "#src/port/wake.ts";
import { createEventRecord } from "#src/router/events.ts";
import { startFlowOffload } from "#src/router/flow-offload.ts";
import { portFacts } from "#src/router/port-facts.ts";
import { createSupervisor, launchWorker } from "#src/router/supervisor.ts";
import { accountedFor } from "../common/counters.ts";
import { createCable, deleteInterface, lostBehind, run } from "../common/namespace.ts";
import { makePacket } from "../dataplane/packets.ts";
import { type Running, startWorker } from "../native/workers.ts";

const address = (text: string) => parseAddress(text) as number;
const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42 };
const NAMES = ["port0", "port1", "port2"];

/** Each with three addresses, so that a group can change without another node being right. */
export const NODES = [11, 12].map((subnet) => ({
  addresses: [2, 3, 4].map((last) => address(`10.0.${subnet}.${last}`)),
  port: subnet - 10,
  mac: 0x020000000a00 + subnet,
}));
type Node = (typeof NODES)[number];

/** Where the source sends, the prefix of it, and the nodes at which that is right. */
interface Service {
  readonly destination: string;
  readonly prefix: ReturnType<typeof prefix>;
  readonly nodes: readonly Node[];
}
export const FIRST: Service = { destination: "203.0.113.10", prefix: prefix("203.0.113.0/24"), nodes: [NODES[0]] };
export const SECOND: Service = { destination: "192.0.2.10", prefix: prefix("192.0.2.0/24"), nodes: [NODES[1]] };
export const BOTH: Service = { destination: "198.51.100.10", prefix: prefix("198.51.100.0/24"), nodes: NODES };

export interface Heard {
  readonly right: number;
  readonly wrong: number;
  readonly receiveDrops: number;
}

export interface SupervisedOptions {
  readonly workers: number;
  /** The kernel carries flows that were decided once. */
  readonly flowOffload?: boolean;
  launch?(start: WorkerStart): Worker;
  onDeath?(): void;
}

export type Supervised = Awaited<ReturnType<typeof startSupervised>>;

/** As fast as the source can. */
export const FULL_RATE = 0;

export async function startSupervised(given: SupervisedOptions) {
  const { workers, flowOffload = false, launch = launchWorker, onDeath = () => {} } = given;
  for (const [i, name] of NAMES.entries()) {
    createCable(`h-${name}`, name);
    // What is not for the interface's own MAC is nothing to be carried.
    run(`ip link set dev ${name} address 02:00:00:00:00:0${i + 1}`);
  }
  const wake = new Wake();
  const links = createSharedValue();
  const buffers = createImage();
  const fib = createFib({ buffers, selector: "modulo", selectorOptions: {}, hash: HASH, workers });
  const macOf = (port: number): number => 0x020000000001 + port;
  for (const { port } of NODES) fib.attach({ prefix: prefix(`10.0.1${port}.0/24`), port });

  const route = ({ prefix }: Service, gateways: readonly number[]): void => {
    const nextHops = gateways.map((address) => ({ address, weight: 1 }));
    fib.apply([{ prefixes: [prefix], protocol: "bgp", nextHops }]);
  };
  for (const service of [FIRST, SECOND, BOTH])
    route(
      service,
      service.nodes.flatMap(({ addresses }) => addresses),
    );
  for (const { addresses, port, mac } of NODES)
    for (const one of addresses) fib.setNeighbor(one, port, { mac, source: macOf(port), mtu: 1500 });
  fib.publish();

  const soundLinks = () =>
    NAMES.map((name, i) => ({
      index: findInterface(name).index,
      macHigh: 0x0200,
      macLow: i + 1,
      linkLocals: [],
      ...(workers > 1 ? { fanoutGroup: i + 1 } : {}),
    }));
  setSharedValue(links, soundLinks());
  const offload = flowOffload ? carryFlows(workers) : undefined;
  offload?.follow();
  const wakes = Array.from({ length: workers }, () => new Wake());
  const options = {
    clock: systemClock,
    ports: NAMES.map((name) => ({ interface: name, vlans: 0, isUnseen: false, ...createPortSettings(workers) })),
    links,
    ring: DEFAULT_RING_SIZE,
    busy: false,
    hash: HASH,
    selector: "modulo",
    image: buffers,
    ownSources: createOwnSources(),
    taps: Array.from({ length: workers }, () => createTapMemory()),
    offload: offload?.start,
    onEntry: () => {},
    onAcknowledged: () => void fib.reclaim(),
  };
  const supervisor = createSupervisor({
    ...options,
    wakes,
    launch,
    onDeath() {
      offload?.forget();
      onDeath();
      setSharedValue(links, soundLinks());
    },
  });
  await supervisor.start();
  offload?.forget();

  const counted = () => {
    const counters = readCounters(supervisor.counterMemories, NAMES.length);
    return offload?.addTo(counters) ?? counters;
  };

  /** Of any moment, in the middle of whatever. */
  const expectBalance = (): void => {
    const counters = counted();
    expect(accountedFor(counters)).toBe(counters.received);
  };

  /** Until the workers have had nothing more to count for half a second. */
  async function settle(): Promise<void> {
    for (let seen = -1; ; ) {
      const { received } = counted();
      if (received === seen) return;
      seen = received;
      await delay(systemClock, 500);
    }
  }

  const witnessAt = (node: Node, stop: Int32Array): Running<"ready" | Heard> => {
    const { port, mac } = node;
    const macs = Buffer.alloc(12);
    macs.writeUIntBE(mac, 0, 6);
    macs.writeUIntBE(macOf(port), 6, 6);
    const services = [FIRST, SECOND, BOTH].filter(({ nodes }) => nodes.includes(node));
    const destinations = services.map(({ destination }) => address(destination));
    const setup = { name: `h-port${port}`, macs, destinations, wakeDescriptor: wake.descriptor, stop };
    return startWorker("../forward/witness.mjs", setup);
  };

  const sendTo = ({ destination }: Service, packetsPerSecond: number, stop: Int32Array): Promise<{ sent: number }> => {
    const frame = new Uint8Array(makePacket({ protocol: 17, destination }));
    // UDP's length, where `makePacket` has filler.
    frame.set([0, frame.length - 34], 38);
    const plan = { count: packetsPerSecond / 10 || 10_000, seconds: 30, packetsPerSecond, flows: 64, frame, checksum: false };
    return startWorker<{ sent: number }>("./generate.mjs", { interfaceName: "h-port0", ...plan, stop }).next();
  };

  return {
    supervisor,
    counted,
    /** Of what was forwarded, by the kernel. */
    carried: () => offload?.state().packets ?? 0,
    expectBalance,

    /** In force for every packet that is taken up after this. */
    change(service: Service, gateways: readonly number[]): void {
      route(service, gateways);
      fib.publish();
      offload?.forget();
      supervisor.wake();
    },

    /** A link more than there are ports is a mistake of ours, which a worker does not survive. */
    breakWorker(): void {
      setSharedValue(links, [...soundLinks(), { index: 1, macHigh: 0, macLow: 0, linkLocals: [] }]);
      supervisor.wake();
    },

    /** Others that are to take the place of these workers; the reasons of those that died. */
    async takeOver(launch: SupervisedOptions["launch"] = launchWorker): Promise<string[]> {
      const died: string[] = [];
      const others = Array.from({ length: workers }, () => new Wake());
      const onDeath = (_: number, reason: string): void => void died.push(reason);
      const taker = createSupervisor({ ...options, offload: undefined, wakes: others, before: supervisor, launch, onDeath });
      try {
        await taker.prepare();
        await taker.start();
      } catch (error) {
        died.push((error as Error).message);
      }
      await taker.stop();
      for (const one of others) one.close();
      return died;
    },

    /** Until they have forwarded so many more. */
    async forwards(packets: number): Promise<void> {
      const from = counted().forwarded;
      while (counted().forwarded < from + packets) await new Promise(setImmediate);
    },

    /**
     * Sends until `meanwhile` is over; what each node heard, and how many of what the workers forwarded nobody did: what did not
     * find room in the kernel's queues, at a node or on the way to it, is known and not among these.
     */
    async underTraffic(services: readonly Service[], packetsPerSecond: number, meanwhile: () => Promise<void>) {
      const [stopSource, stop] = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(4)));
      const before = { forwarded: counted().forwarded, lost: lostOnCables() };
      const witnesses = NODES.map((node) => witnessAt(node, stop));
      for (const witness of witnesses) expect(await witness.next()).toBe("ready");
      const sent = services.map((service) => sendTo(service, packetsPerSecond, stopSource));
      try {
        await meanwhile();
      } finally {
        Atomics.store(stopSource, 0, 1);
      }
      await Promise.all(sent);
      await settle();
      Atomics.store(stop, 0, 1);
      const heard: Heard[] = [];
      for (const witness of witnesses) heard.push((await witness.next()) as Heard);
      expectBalance();
      const known = heard.reduce((sum, { right, wrong, receiveDrops }) => sum + right + wrong + receiveDrops, 0);
      const lost = lostOnCables() - before.lost;
      return { heard, unheard: counted().forwarded - before.forwarded - known - lost };
    },

    async stop(): Promise<void> {
      await supervisor.stop();
      offload?.stop();
      for (const one of wakes) one.close();
      wake.close();
      for (const name of NAMES) deleteInterface(name);
    },
  };
}

const lostOnCables = (): number => NODES.reduce((sum, { port }) => sum + lostBehind(`port${port}`), 0);

function carryFlows(workers: number) {
  const ports = NAMES.map((name) => `{interface: ${name}}`).join(", ");
  const result = readConfig(`{ports: [${ports}], workers: ${workers}, ecmp: {hash: {algorithm: xxh32}}, flowOffload: true}`);
  const { config } = result as { config: Config };
  return startFlowOffload({
    ...{ config, clock: systemClock, random: seededRandom(1), events: createEventRecord(systemClock) },
    facts: NAMES.map((name, port) => portFacts(findInterface(name), config.ports, port)),
    packetMtu: () => 1500,
    disturbance: () => undefined,
  });
}

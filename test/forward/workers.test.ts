/**
 * Workers of the product over real rings, under traffic: one that is killed, and one whose routes change as fast as they can. At every
 * node a witness hears all that comes.
 *
 *   source -- port0 [worker] port1 -- node 11
 *                            port2 -- node 12
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCounters } from "#src/dataplane/counters.ts";
import { createOwnSources } from "#src/dataplane/own-sources.ts";
import { createFib, type Fib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { parseAddress } from "#src/net/address.ts";
import { delay, systemClock } from "#src/net/clock.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { createFaultMemory } from "#src/port/fault-rule.ts";
import { findInterface } from "#src/port/interface.ts";
import { DEFAULT_RING_SIZE } from "#src/port/packet-ring.ts";
import { createSharedValue, setSharedValue } from "#src/port/shared-value.ts";
import { createTapMemory } from "#src/port/tap-memory.ts";
import { Wake } from "#src/port/wake.ts";
import { createSupervisor, launchWorker, type Supervisor } from "#src/router/supervisor.ts";
import { accountedFor } from "../common/counters.ts";
import { createCable, inNamespace } from "../common/namespace.ts";
import { makePacket } from "../dataplane/packets.ts";
import { type Running, startWorker } from "../native/workers.ts";

const address = (text: string) => parseAddress(text) as number;
const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
const HASH = { algorithm: "xxh32", fields: ["5-tuple"], seed: 42 };
const NODES = [
  { address: address("10.0.11.2"), port: 1, last: 11 },
  { address: address("10.0.12.2"), port: 2, last: 12 },
];
const NAMES = ["port0", "port1", "port2"];
const BATCH = 64;

interface Heard {
  readonly right: number;
  readonly wrong: number;
  readonly receiveDrops: number;
}

await inNamespace(import.meta.url, () => {
  const wake = new Wake();
  const links = createSharedValue();
  const workers: { worker: Worker; forwardsFromMs: Promise<number> }[] = [];
  let fib: Fib;
  let supervisor: Supervisor;
  let deaths = 0;

  beforeAll(async () => {
    for (const name of NAMES) createCable(`h-${name}`, name);
    const buffers = createImage();
    fib = createFib({ buffers, selector: "modulo", selectorOptions: {}, hash: HASH, workers: 1 });
    for (const { port } of NODES) fib.attach({ prefix: prefix(`10.0.1${port}.0/24`), port });
    route(NODES);
    for (const { address: node, port, last } of NODES)
      fib.setNeighbor(node, port, { mac: 0x020000000a00 + last, source: 0x020000000001 + port, mtu: 1500 });
    fib.publish();
    setSharedValue(links, soundLinks());
    supervisor = createSupervisor({
      clock: systemClock,
      workers: 1,
      ports: NAMES.map((name) => {
        return {
          interface: name,
          vlans: 0,
          fault: createFaultMemory(1),
          tap: createSharedValue(),
        };
      }),
      links,
      ring: DEFAULT_RING_SIZE,
      busy: false,
      hash: HASH,
      selector: "modulo",
      image: buffers,
      ownSources: createOwnSources(),
      taps: [createTapMemory()],
      launch(start) {
        const worker = launchWorker(start);
        const post = worker.postMessage.bind(worker);
        worker.postMessage = (setup) => {
          const forwardsFromMs = new Promise<number>((resolve) =>
            worker.on("message", (message) => message === "ready" && resolve(systemClock.nowMs())),
          );
          workers.push({ worker, forwardsFromMs });
          post(setup);
        };
        return worker;
      },
      onEntry: () => {},
      onAcknowledged: () => void fib.reclaim(),
      onDeath() {
        deaths++;
        setSharedValue(links, soundLinks());
      },
    });
    await supervisor.start();
  }, 30_000);

  afterAll(async () => {
    await supervisor?.stop();
    wake.close();
  });

  const soundLinks = () => NAMES.map((name, i) => ({ index: findInterface(name).index, macHigh: 0x0200, macLow: i + 1 }));
  /** A link more than there are ports is a mistake of ours, which a worker does not survive. */
  const breakWorker = (): void => {
    setSharedValue(links, [...soundLinks(), { index: 1, macHigh: 0, macLow: 0 }]);
    supervisor.wake();
  };

  const route = (nodes: typeof NODES): void => {
    const nextHops = nodes.map(({ address }) => ({ address, weight: 1 }));
    fib.apply([{ prefixes: [prefix("198.51.100.0/24")], protocol: "bgp", nextHops }]);
  };

  /** Until the workers have had nothing more to count for half a second. */
  async function settle(): Promise<void> {
    let seen = -1;
    for (;;) {
      const { received } = readCounters(supervisor.counterMemories, NAMES.length);
      if (received === seen) return;
      seen = received;
      await delay(systemClock, 500);
    }
  }

  const counted = () => readCounters(supervisor.counterMemories, NAMES.length);

  /** Of any moment, in the middle of whatever. */
  const expectBalance = (counters: ReturnType<typeof counted>): void => expect(accountedFor(counters)).toBe(counters.received);

  /** Sends until `meanwhile` is over; what the nodes heard and what the workers counted of it. */
  async function underTraffic(packetsPerSecond: number, meanwhile: () => Promise<void>) {
    const [stopSource, stop] = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(4)));
    const before = counted();
    const witnesses: Running<"ready" | Heard>[] = NODES.map(({ port, last }) =>
      startWorker("../forward/witness.mjs", { name: `h-port${port}`, last, wakeDescriptor: wake.descriptor, stop }),
    );
    for (const witness of witnesses) expect(await witness.next()).toBe("ready");
    const frame = new Uint8Array(makePacket({ protocol: 17 }));
    // UDP's length, where `makePacket` has filler.
    frame.set([0, frame.length - 34], 38);
    const plan = { count: packetsPerSecond / 10, seconds: 30, packetsPerSecond, flows: 64, frame, checksum: false };
    const source = startWorker<{ sent: number }>("./generate.mjs", { interfaceName: "h-port0", ...plan, stop: stopSource });
    const sent = source.next();
    try {
      await meanwhile();
    } finally {
      Atomics.store(stopSource, 0, 1);
    }
    await sent;
    await settle();
    Atomics.store(stop, 0, 1);
    const heard: Heard[] = [];
    for (const witness of witnesses) heard.push((await witness.next()) as Heard);
    const after = counted();
    expectBalance(after);
    return { heard, forwarded: after.forwarded - before.forwarded };
  }

  /** Until they have forwarded so many more. */
  async function forwards(packets: number): Promise<void> {
    const from = counted().forwarded;
    while (counted().forwarded < from + packets) await new Promise(setImmediate);
  }

  /** Until a successor is warm, and its rings are open. */
  async function standsBy(): Promise<void> {
    const isThere = (): boolean =>
      readdirSync("/proc/self/task").some((id) => {
        try {
          return readFileSync(`/proc/self/task/${id}/comm`, "utf8") === "ecmp stand-by\n";
        } catch {
          // It has ended since.
          return false;
        }
      });
    while (!isThere()) await delay(systemClock, 10);
  }

  describe("a worker", () => {
    test("delivers nothing to the wrong place while its routes change as fast as they can", { timeout: 60_000 }, async () => {
      let changes = 0;
      const { heard, forwarded } = await underTraffic(60_000, async () => {
        const from = counted().forwarded;
        for (; changes < 2000 || counted().forwarded < from + 100_000; changes++) {
          route([[NODES[0]], [NODES[1]], NODES, [NODES[1], NODES[0]]][changes % 4]);
          fib.publish();
          supervisor.wake();
          if (changes % 16 !== 0) continue;
          expectBalance(counted());
          await new Promise(setImmediate);
        }
      });
      expect(heard.map(({ wrong }) => wrong)).toEqual([0, 0]);
      for (const { right } of heard) expect(right).toBeGreaterThan(5000);
      expect(heard[0].right + heard[1].right + heard[0].receiveDrops + heard[1].receiveDrops).toBe(forwarded);
    });

    test("that dies under traffic is replaced within 100 ms, and what it counted stays", {
      timeout: 60_000,
    }, async () => {
      // The keeper takes its time with one that dies again and again.
      const pausesMs = [0, 100, 200, 500];
      const silencesMs: number[] = [];
      const { heard, forwarded } = await underTraffic(20_000, async () => {
        for (const pauseMs of pausesMs) {
          const before = workers[workers.length - 1];
          await before.forwardsFromMs;
          await forwards(1000);
          await standsBy();
          const { received } = counted();
          const killedMs = systemClock.nowMs();
          breakWorker();
          while (workers[workers.length - 1] === before) await new Promise(setImmediate);
          silencesMs.push((await workers[workers.length - 1].forwardsFromMs) - killedMs - pauseMs);
          const now = counted();
          expect(now.received).toBeGreaterThanOrEqual(received);
          expectBalance(now);
        }
        await forwards(1000);
      });
      expect(deaths).toBe(pausesMs.length);
      // From the mistake to the first frame that the successor may take. The quickest: what else runs only ever makes it slower.
      expect(Math.min(...silencesMs)).toBeLessThan(100);
      const delivered = heard.reduce((sum, { right, receiveDrops }) => sum + right + receiveDrops, 0);
      expect(heard.map(({ wrong }) => wrong)).toEqual([0, 0]);
      // A batch that was sent and not yet counted dies with its worker.
      expect(delivered).toBeGreaterThanOrEqual(forwarded);
      expect(delivered).toBeLessThanOrEqual(forwarded + pausesMs.length * BATCH);
    });
  });
});

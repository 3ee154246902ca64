/**
 * What does a full table cost when eight peers announce it, and how long do packets still go to a peer that is lost? RIB and FIB
 * as the router has them, without sockets: the same million prefixes in a hundred thousand sets of attributes from one peer
 * after the other, then the loss of one, while a worker forwards packets to random prefixes by the same image, as fast as it
 * can. Asserts that there is one group of eight, and that the loss writes one record and nothing in the trie.
 */
import { pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createForwarder } from "../src/dataplane/forward.ts";
import { createFib, type Fib } from "../src/fib/fib.ts";
import { createImage, type ImageBuffers, openImage } from "../src/fib/image.ts";
import { delay, systemClock } from "../src/net/clock.ts";
import type { Prefix } from "../src/net/prefix.ts";
import { randomBelow, seededRandom } from "../src/net/random.ts";
import { ROW, ROW_WORDS } from "../src/port/batch.ts";
import { ACCEPT_EVERYTHING } from "../src/rib/policy.ts";
import type { RoutePeer } from "../src/rib/route.ts";
import { createRib, type Rib } from "../src/rib/table.ts";
import { createLoad, HASH, ROUTER } from "./forward.ts";

const PREFIXES = 1_000_000;
const SETS = 100_000;
const PEERS = 8;
const SEED = 42;
const SELECTOR = "resilient";
const BUCKETS = 1024;
/** One after the other, so that some are left. */
const LOST = [3, 8, 1, 5, 4];
/** For a worker that has another CPU, or will get one. */
const SETTLE_MS = 50;

/**
 * What the worker writes down for the main thread: how many packets it has sent, and for each of LOST when the last batch with a
 * packet to it began and when it ended. On a machine with something else to do the worker may have to wait in between.
 */
const PACKETS = 0;
const BEGAN_MS = 1;
const ENDED_MS = BEGAN_MS + LOST.length;
const NOTES = ENDED_MS + LOST.length;

interface WorkerData {
  readonly buffers: ImageBuffers;
  readonly notes: SharedArrayBuffer;
  /** By next-hop index, the place of the peer in LOST plus one, or 0. */
  readonly lostIndexes: Uint8Array;
}

export interface LossFigure {
  /** By the number of peers that have announced the table. */
  readonly secondsOfPeer: readonly number[];
  readonly bytesPerPath: number;
  /**
   * From the loss being known to the groups being published without the peer, and to the begin and end of the last batch with a
   * packet to the lost peer, of each round.
   */
  readonly publishedMs: readonly number[];
  readonly beganMs: readonly number[];
  readonly endedMs: readonly number[];
  /** Until the RIB has decided anew, and the FIB has been told. */
  readonly settledMs: readonly number[];
  /** The longest of the steps in which it did so, between which the router sends its keepalives. */
  readonly stepMs: readonly number[];
  readonly wordsWritten: number;
}

const peerOf = (n: number): RoutePeer => ({ address: 0x0a010000 + n, asn: 65_000 + n, routerId: n, type: "external" });
const prefixAt = (i: number): Prefix => ({ address: (0x14000000 + i * 256) >>> 0, length: 24 });

function announceTable(rib: Rib, fib: Fib, peer: RoutePeer): void {
  const each = PREFIXES / SETS;
  const random = seededRandom(SEED);
  for (let set = 0; set < SETS; set++) {
    const announced = Array.from({ length: each }, (_, i) => prefixAt(set * each + i));
    // Of one length, so that all peers' paths are equal: the first AS is the peer's own, as it has to be.
    const asns = [peer.asn, 1 + randomBelow(random, 60_000), 1 + randomBelow(random, 60_000)];
    const attributes = { origin: 0, asPath: [{ type: 2, asns }], nextHop: peer.address, multiExitDiscriminator: set } as const;
    fib.apply(rib.applyUpdate({ kind: "update", peer, withdrawn: [], announced, attributes }).routes);
  }
  fib.publish();
}

export async function run(): Promise<LossFigure> {
  const rib = createRib();
  rib.configure({
    routerId: 0x0a0100fe,
    interfaces: [{ address: 0x0a0100fe, length: 24 }],
    staticRoutes: [],
    maximumPaths: 64,
    multipathRelax: true,
    linkBandwidth: "all-or-none",
    importPolicy: () => ACCEPT_EVERYTHING,
  });
  const buffers = createImage();
  const fib = createFib({ buffers, selector: SELECTOR, selectorOptions: { buckets: BUCKETS }, hash: HASH, workers: 0 });
  fib.attach({ prefix: { address: 0x0a010000, length: 24 }, port: 1 });
  const before = process.memoryUsage.rss();
  const secondsOfPeer: number[] = [];
  for (let n = 1; n <= PEERS; n++) {
    const startMs = systemClock.nowMs();
    announceTable(rib, fib, peerOf(n));
    secondsOfPeer.push((systemClock.nowMs() - startMs) / 1000);
    // A turn of the event loop, as a router has many: buffers that are garbage are given back there.
    await delay(systemClock, 0);
  }
  const bytesPerPath = (process.memoryUsage.rss() - before) / (PREFIXES * PEERS);
  for (let n = 1; n <= PEERS; n++) {
    const neighbor = { mac: 0x020000000a00 + n, source: 0x020000000002, mtu: 1500 };
    fib.setNeighbor(peerOf(n).address, 1, neighbor);
  }
  fib.publish();
  assertOneGroup(fib, PEERS);
  const notes = new SharedArrayBuffer(8 * NOTES);
  const lostIndexes = new Uint8Array(1024);
  for (const [i, n] of LOST.entries()) lostIndexes[fib.nextHopIndex(peerOf(n).address) ?? 0] = i + 1;
  const worker = new Worker(new URL(import.meta.url), { workerData: { buffers, notes, lostIndexes } satisfies WorkerData });
  const figures = await measureLosses(rib, fib, new Float64Array(notes));
  await worker.terminate();
  return { secondsOfPeer, bytesPerPath, ...figures };
}

async function measureLosses(rib: Rib, fib: Fib, notes: Float64Array) {
  const beganMs: number[] = [];
  const endedMs: number[] = [];
  const publishedMs: number[] = [];
  const settledMs: number[] = [];
  const stepMs: number[] = [];
  let wordsWritten = 0;
  for (const [round, n] of LOST.entries()) {
    const peer = peerOf(n);
    while (notes[ENDED_MS + round] === 0) await delay(systemClock, SETTLE_MS);
    await delay(systemClock, SETTLE_MS);
    const before = fib.writeCounts();
    const knownMs = systemClock.nowMs();
    fib.withdraw(rib.onlyThrough(peer.address));
    fib.publish();
    publishedMs.push(systemClock.nowMs() - knownMs);
    let change = rib.applyUpdate({ kind: "lost", peer, reason: "hold timer expired" });
    for (let longestMs = 0, sinceMs = knownMs; ; change = rib.goOn()) {
      if (fib.apply(change.routes).length > 0) throw new Error("The FIB has no room for a group with one member less");
      fib.publish();
      const nowMs = systemClock.nowMs();
      longestMs = Math.max(longestMs, nowMs - sinceMs);
      sinceMs = nowMs;
      if (rib.isBehind()) continue;
      settledMs.push(nowMs - knownMs);
      stepMs.push(longestMs);
      break;
    }
    const after = fib.writeCounts();
    if (after.trie !== before.trie) throw new Error(`The loss wrote ${after.trie - before.trie} words of the trie, 0 wanted`);
    wordsWritten = after.records - before.records;
    await delay(systemClock, SETTLE_MS);
    beganMs.push(Math.max(0, notes[BEGAN_MS + round] - knownMs));
    endedMs.push(notes[ENDED_MS + round] - knownMs);
    assertOneGroup(fib, PEERS - 1 - round);
  }
  if (notes[PACKETS] === 0) throw new Error("The worker has forwarded nothing");
  return { publishedMs, beganMs, endedMs, settledMs, stepMs, wordsWritten };
}

function assertOneGroup(fib: Fib, members: number): void {
  const groups = fib.groupSizes();
  const text = groups.map((group) => `${group.prefixCount} prefixes to ${group.members.length}`).join(", ");
  if (groups.length !== 1 || groups[0].prefixCount !== PREFIXES || groups[0].members.length !== members)
    throw new Error(`Groups: ${text}; wanted ${PREFIXES} prefixes to ${members}`);
}

/** Forwards batch after batch until it is ended. */
function forwardForEver({ buffers, notes: shared, lostIndexes }: WorkerData): void {
  const notes = new Float64Array(shared);
  const ports = [ROUTER, { ...ROUTER, macLow: 2 }];
  const forward = createForwarder({ image: openImage(buffers), hash: HASH, selector: SELECTOR, ports });
  const random = seededRandom(SEED);
  const addresses = Array.from({ length: 4096 }, () => prefixAt(randomBelow(random, PREFIXES)).address as number);
  const load = Array.from({ length: 64 }, () => createLoad(addresses, random));
  for (;;) {
    for (const { batch, template } of load) {
      batch.bytes.set(template);
      const beganMs = systemClock.nowMs();
      forward(batch, 0);
      notes[PACKETS] += batch.count;
      for (let i = 0; i < batch.count; i++) {
        const lost = lostIndexes[batch.rows[i * ROW_WORDS + ROW.nextHop]];
        if (lost === 0) continue;
        notes[BEGAN_MS + lost - 1] = beganMs;
        notes[ENDED_MS + lost - 1] = systemClock.nowMs();
      }
    }
  }
}

function print({
  secondsOfPeer,
  bytesPerPath,
  publishedMs,
  beganMs,
  endedMs,
  settledMs,
  stepMs,
  wordsWritten,
}: LossFigure): void {
  const list = (figures: readonly number[], digits: number) => figures.map((figure) => figure.toFixed(digits)).join(", ");
  console.log(`${PREFIXES} prefixes, ${SETS} sets of attributes from each of ${PEERS} peers; RIB and FIB`);
  console.log(`seconds of each peer   ${list(secondsOfPeer, 2)}; ${bytesPerPath.toFixed(0)} bytes a path`);
  console.log(`a peer's loss: ${wordsWritten} words, published after ${list(publishedMs, 2)} ms`);
  console.log(`               the last batch with a packet to it began after ${list(beganMs, 2)} ms`);
  console.log(`               and ended after ${list(endedMs, 2)} ms`);
  console.log(`               decided anew after      ${list(settledMs, 0)} ms, in steps of at most ${list(stepMs, 0)} ms`);
}

if (!isMainThread && parentPort) forwardForEver(workerData as WorkerData);
else if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) print(await run());

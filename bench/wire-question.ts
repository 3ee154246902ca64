/**
 * What the wire bench asks whoever routes now. A question may have more than one answer: of packets as fast as the source can,
 * how many arrive, what each of them cost, and of nine tenths of that rate, how many are lost; of round trips the median and the
 * 99th percentile. Costs are processor time of everybody in the bench, hosts included: a busy machine changes them less than rates.
 */
import { inNamespace } from "../src/lab/namespace.ts";
import { Daemon, execute } from "../src/lab/process.ts";
import { delay, systemClock } from "../src/net/clock.ts";
import { processorSecondsInside } from "./namespaces.ts";
import { median } from "./statistics.ts";
import { generate, NODES, type Node, received, receivedByNode, SERVICE } from "./wire-network.ts";

const SECONDS = 3;
/** Of its own maximum: what a router should carry without loss. */
const LOSSLESS_SHARE = 0.9;
/** Until what waits in rings has arrived. */
const SETTLE_MS = 200;
const PINGS = 400;

export interface Answer {
  readonly name: string;
  readonly unit: string;
}

export interface Question {
  readonly answers: readonly Answer[];
  /** A number for each answer. */
  ask(): Promise<readonly number[]>;
}

export const QUESTIONS: readonly Question[] = [
  {
    answers: [
      { name: "64-byte UDP packets, 64 k flows, delivered", unit: "Mpps" },
      { name: "... processor time a packet", unit: "ns" },
      { name: "... lost at 0.9 of that (the less the better)", unit: "%" },
    ],
    ask: askPackets,
  },
  ...[1, 8].map((connections) => ({
    answers: [
      { name: `TCP, ${connections} connection${connections > 1 ? "s" : ""}`, unit: "Gbit/s" },
      { name: "... processor time a GB", unit: "ms" },
    ],
    ask: () => askTcp(connections),
  })),
  {
    answers: [
      { name: "round trip of sparse packets, median (the less the better)", unit: "ms" },
      { name: "... 99th percentile", unit: "ms" },
    ],
    ask: askRoundTrips,
  },
];

async function askPackets(): Promise<readonly number[]> {
  const before = { packets: await received(), processor: processorSecondsInside() };
  const { seconds } = await generate({ seconds: SECONDS });
  const processor = processorSecondsInside() - before.processor;
  const packets = (await received()) - before.packets;
  assertShared(await receivedByNode());
  const rate = packets / seconds;
  await delay(systemClock, SETTLE_MS);
  const settled = await received();
  const { sent } = await generate({ seconds: SECONDS, packetsPerSecond: rate * LOSSLESS_SHARE });
  await delay(systemClock, SETTLE_MS);
  return [rate / 1e6, (processor / packets) * 1e9, 100 * (1 - ((await received()) - settled) / sent)];
}

/** Whoever routes: a router that sends all to one node does something else than the others. */
function assertShared(packets: readonly number[]): void {
  const all = packets.reduce((sum, some) => sum + some, 0);
  if (packets.some((some) => some < all / 4)) throw new Error(`nodes got ${packets.join(", ")}; wanted a third each`);
}

/** Shared out among the nodes: iperf3 wants all connections of a test at one server, so not to the address that they share. */
async function askTcp(connections: number): Promise<readonly number[]> {
  const before = processorSecondsInside();
  const shares = NODES.map((_, i) => Math.ceil((connections - i) / NODES.length));
  const sums = await Promise.all(NODES.flatMap((node, i) => (shares[i] > 0 ? [connect(node, shares[i])] : [])));
  const rate = sums.reduce((sum, { bits_per_second }) => sum + bits_per_second, 0);
  const bytes = sums.reduce((sum, one) => sum + one.bytes, 0);
  return [rate / 1e9, ((processorSecondsInside() - before) * 1e3) / (bytes / 1e9)];
}

async function connect({ name, address }: Node, connections: number): Promise<{ bits_per_second: number; bytes: number }> {
  const server = await Daemon.start("iperf3", inNamespace(name, ["iperf3", "-s", "-1", "--forceflush"]));
  await server.untilLine("Server listening on 5201 (test #1)", systemClock, 10_000);
  const words = ["iperf3", "-c", address, "-J", "-t", String(SECONDS), "-P", String(connections)];
  const text = await execute(inNamespace("source", words));
  await server.exited;
  return JSON.parse(text).end.sum_received;
}

async function askRoundTrips(): Promise<readonly number[]> {
  const text = await execute(inNamespace("source", ["ping", "-i", "0.01", "-c", String(PINGS), SERVICE]));
  const times = [...text.matchAll(/time=([0-9.]+) ms/g)].map(([, ms]) => Number(ms)).sort((a, b) => a - b);
  return [median(times), times[Math.ceil(times.length * 0.99) - 1]];
}

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
import { generate, received } from "./wire-network.ts";

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
  const rate = packets / seconds;
  await delay(systemClock, SETTLE_MS);
  const settled = await received();
  const { sent } = await generate({ seconds: SECONDS, packetsPerSecond: rate * LOSSLESS_SHARE });
  await delay(systemClock, SETTLE_MS);
  return [rate / 1e6, (processor / packets) * 1e9, 100 * (1 - ((await received()) - settled) / sent)];
}

async function askTcp(connections: number): Promise<readonly number[]> {
  const before = processorSecondsInside();
  const server = await Daemon.start("iperf3", inNamespace("sink", ["iperf3", "-s", "-1", "--forceflush"]));
  await server.untilLine("Server listening on 5201 (test #1)", systemClock, 10_000);
  const text = await execute(
    inNamespace("source", ["iperf3", "-c", "10.0.2.2", "-J", "-t", String(SECONDS), "-P", String(connections)]),
  );
  await server.exited;
  const { bits_per_second: rate, bytes } = JSON.parse(text).end.sum_received;
  return [rate / 1e9, ((processorSecondsInside() - before) * 1e3) / (bytes / 1e9)];
}

async function askRoundTrips(): Promise<readonly number[]> {
  const text = await execute(inNamespace("source", ["ping", "-i", "0.01", "-c", String(PINGS), "10.0.2.2"]));
  const times = [...text.matchAll(/time=([0-9.]+) ms/g)].map(([, ms]) => Number(ms)).sort((a, b) => a - b);
  return [median(times), times[Math.ceil(times.length * 0.99) - 1]];
}

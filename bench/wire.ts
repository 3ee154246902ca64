/**
 * `npm run bench:wire`: how fast is the router beside kernel routing in the same namespaces? A source, a router and a sink on
 * two cables; the kernel and we route in turn, so that a noisy machine disturbs both alike, and what counts is the ratio of
 * each pair. Before anything is timed, the same packet must leave both with the same bytes.
 *
 *   source 10.0.1.2 -- in0 [ router: the kernel, or ecmp run ] out0 -- 10.0.2.2 sink
 *
 * Everything runs in namespaces of its own and ends with this process; the load is bounded in time.
 */
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { inNamespace } from "../src/lab/namespace.ts";
import { Daemon, execute } from "../src/lab/process.ts";
import { systemClock } from "../src/net/clock.ts";
import { runInNamespaces, sh } from "./namespaces.ts";
import { median, type Spread, spreadOf } from "./statistics.ts";

const PAIRS = Number(process.env.PAIRS ?? 5);
const SECONDS = 3;
const ROLE = new URL("./wire-role.js", import.meta.url).pathname;
const ECMP = new URL("../src/main.js", import.meta.url).pathname;
const ROUTER_FILE = "/run/router.yaml";

/** Of a packet of 64 bytes, without the check sequence. */
export const SMALLEST_FRAME_BYTES = 60;

/** Who routes: `start` makes it so, `stop` undoes it. */
interface Contender {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** One question: a number for whoever routes now, the more the better unless said otherwise. */
interface Question {
  readonly name: string;
  readonly unit: string;
  ask(): Promise<number>;
}

export async function createNetwork(): Promise<void> {
  for (const name of ["source", "router", "sink"]) await execute(["ip", "netns", "add", name]);
  await execute(["ip", "link", "add", "out", "netns", "source", "type", "veth", "peer", "name", "in0", "netns", "router"]);
  await execute(["ip", "link", "add", "in", "netns", "sink", "type", "veth", "peer", "name", "out0", "netns", "router"]);
  await sh("source", "ip link set lo up; ip addr add 10.0.1.2/24 dev out; ip link set out up; ip route add default via 10.0.1.1");
  await sh("sink", "ip link set lo up; ip addr add 10.0.2.2/24 dev in; ip link set in up; ip route add default via 10.0.2.1");
  await sh(
    "router",
    "ip link set lo up; ip addr add 10.0.1.1/24 dev in0; ip addr add 10.0.2.1/24 dev out0; ip link set in0 up; ip link set out0 up",
  );
  // The sink's kernel is not to answer UDP that nobody listens for: it is dropped where it arrives, after it was counted.
  await execute(
    inNamespace("sink", ["nft", "-f", "-"]),
    'table netdev sink {\n chain in {\n type filter hook ingress device "in" priority 0;\n meta l4proto udp drop\n }\n}\n',
  );
}

const kernel: Contender = {
  name: "kernel",
  start: async () => void (await sh("router", "echo 1 > /proc/sys/net/ipv4/ip_forward")),
  stop: async () => void (await sh("router", "echo 0 > /proc/sys/net/ipv4/ip_forward")),
};

/** `settings`: of the configuration, beside the ports. */
export function createOurs(name: string, settings: string) {
  let daemon: Daemon | undefined;
  return {
    name,
    pid: () => daemon?.pid ?? 0,
    async start() {
      writeFileSync(ROUTER_FILE, `{ports: [{interface: in0}, {interface: out0}], ${settings}}\n`);
      daemon = await Daemon.start("router", inNamespace("router", [process.execPath, ECMP, "run", ROUTER_FILE]));
      await daemon.untilLine("ready", systemClock, 60_000);
    },
    async stop() {
      await daemon?.stop(systemClock);
    },
  };
}

const role = async <Answer>(namespace: string, ...words: (string | number)[]): Promise<Answer> =>
  JSON.parse(await execute(inNamespace(namespace, [process.execPath, ROLE, ...words.map(String)])));

interface LinkFacts {
  readonly address: string;
  readonly stats64: { readonly rx: { readonly packets: number } };
}

const linkOf = async (namespace: string, name: string): Promise<LinkFacts> =>
  JSON.parse(await execute(inNamespace(namespace, ["ip", "-s", "-j", "link", "show", name])))[0];
export const received = async (): Promise<number> => (await linkOf("sink", "in")).stats64.rx.packets;
export const generate = async (seconds: number, frameBytes = SMALLEST_FRAME_BYTES): Promise<{ seconds: number }> =>
  role("source", "generate", (await linkOf("router", "in0")).address, seconds, frameBytes);

const QUESTIONS: readonly Question[] = [
  {
    name: "64-byte UDP packets, 64 k flows, delivered",
    unit: "Mpps",
    async ask() {
      const before = await received();
      const { seconds } = await generate(SECONDS);
      return ((await received()) - before) / seconds / 1e6;
    },
  },
  { name: "TCP, 1 connection", unit: "Gbit/s", ask: () => iperf(1) },
  { name: "TCP, 8 connections", unit: "Gbit/s", ask: () => iperf(8) },
  { name: "round trip of sparse packets, median (the less the better)", unit: "ms", ask: roundTrip },
];

async function iperf(connections: number): Promise<number> {
  const server = await Daemon.start("iperf3", inNamespace("sink", ["iperf3", "-s", "-1", "--forceflush"]));
  await server.untilLine("Server listening on 5201 (test #1)", systemClock, 10_000);
  const text = await execute(
    inNamespace("source", ["iperf3", "-c", "10.0.2.2", "-J", "-t", String(SECONDS), "-P", String(connections)]),
  );
  await server.exited;
  return JSON.parse(text).end.sum_received.bits_per_second / 1e9;
}

async function roundTrip(): Promise<number> {
  const text = await execute(inNamespace("source", ["ping", "-i", "0.01", "-c", "200", "10.0.2.2"]));
  return median([...text.matchAll(/time=([0-9.]+) ms/g)].map(([, ms]) => Number(ms)));
}

/** The same packet, routed by each: the bytes that leave must be the same. */
async function assertEqualAnswers(contenders: readonly Contender[]): Promise<void> {
  const seen: string[] = [];
  for (const contender of contenders) {
    await contender.start();
    await execute(inNamespace("source", ["ping", "-c", "1", "-W", "5", "10.0.2.2"]));
    const sink = await Daemon.start("sink", inNamespace("sink", [process.execPath, ROLE, "catch"]));
    let caught = "";
    sink.onLine((line) => {
      caught = line;
    });
    await sink.untilLine("listening", systemClock, 10_000);
    await generate(0);
    await sink.exited;
    seen.push(caught);
    await contender.stop();
  }
  if (seen.some((frame) => frame !== seen[0] || frame.length < 84))
    throw new Error(`The contenders send different packets:\n${seen.join("\n")}`);
  console.log(`equal answers: ${seen[0]} from each`);
}

async function measure(): Promise<void> {
  await createNetwork();
  const ours = [
    createOurs("1 worker", "workers: 1"),
    createOurs("1 worker, busy", "busy: true"),
    createOurs("2 workers", "workers: 2"),
  ];
  await assertEqualAnswers([kernel, ...ours]);
  const rows: Record<string, string>[] = [];
  for (const contender of ours) {
    const answers = new Map<Question, { kernel: number; ours: number }[]>();
    for (let pair = 0; pair < PAIRS; pair++) {
      const numbers: Record<string, number[]> = {};
      for (const turn of [kernel, contender]) {
        await turn.start();
        numbers[turn.name] = [];
        for (const question of QUESTIONS) numbers[turn.name].push(await question.ask());
        await turn.stop();
      }
      QUESTIONS.forEach((question, i) => {
        const list = answers.get(question) ?? [];
        answers.set(question, [...list, { kernel: numbers.kernel[i], ours: numbers[contender.name][i] }]);
      });
      console.error(`pair ${pair + 1} of ${PAIRS}, ${contender.name}`);
    }
    for (const [{ name, unit }, pairs] of answers) rows.push(describe(name, unit, contender.name, pairs));
  }
  console.table(rows);
}

function describe(
  name: string,
  unit: string,
  contender: string,
  pairs: readonly { kernel: number; ours: number }[],
): Record<string, string> {
  const show = ({ median: middle, least, most }: Spread): string =>
    `${middle.toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)})`;
  return {
    question: name,
    contender,
    unit,
    kernel: show(spreadOf(pairs.map((pair) => pair.kernel))),
    ours: show(spreadOf(pairs.map((pair) => pair.ours))),
    ratio: show(spreadOf(pairs.map((pair) => pair.ours / pair.kernel))),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await runInNamespaces(measure);

/**
 * `npm run bench:wire`: how fast is the router beside kernel routing in the same namespaces? A source, a router and three
 * nodes; the kernel and a contender route in turn, so that a noisy machine disturbs both alike, and what counts is the
 * ratio of each pair. A pair is one question, so that seconds lie between its halves: how fast the cores of a virtual machine
 * are changes by a factor of two from one minute to the next. Before anything is timed, the same packet must leave all of them
 * with the same bytes. Names choose contenders (`npm run bench:wire -- "1 worker" floor`), PAIRS how often each has its turn.
 *
 * Everything runs in namespaces of its own and ends with this process; the load is bounded in time.
 */
import { inNamespace } from "../src/lab/namespace.ts";
import { Daemon, execute } from "../src/lab/process.ts";
import { systemClock } from "../src/net/clock.ts";
import { runInNamespaces } from "./namespaces.ts";
import { type Spread, spreadOf } from "./statistics.ts";
import { type Contender, createFloor, createOpenVswitch, createOurs, createPcapLive, kernel } from "./wire-contender.ts";
import { catchAt, createNetwork, generate, NODES } from "./wire-network.ts";
import { QUESTIONS, type Question } from "./wire-question.ts";

const PAIRS = Number(process.env.PAIRS ?? 5);

const CONTENDERS: readonly Contender[] = [
  createOurs("1 worker", "workers: 1"),
  createOurs("1 worker, busy", "busy: true"),
  createOurs("2 workers", "workers: 2"),
  createOurs("1 worker, flow offload", "flowOffload: true"),
  createOurs("2 workers, flow offload", "workers: 2, flowOffload: true"),
  createFloor(),
  createPcapLive(),
  createOpenVswitch(),
];

/** Neighbors are resolved by it. Several, because a capture by libpcap loses its first frame. */
const reach = (address: string): Promise<string> =>
  execute(inNamespace("source", ["ping", "-c", "4", "-i", "0.2", "-W", "5", address]));
const reachNodes = (): Promise<string[]> => Promise.all(NODES.map(({ address }) => reach(address)));

/** What leaves, as hex, for one packet and whoever routes meanwhile, to whichever node. */
async function routeOne(contender: Contender): Promise<string> {
  await contender.start();
  const nodes: Daemon[] = [];
  try {
    await reachNodes();
    for (const node of NODES) nodes.push(await Daemon.start(node.name, catchAt(node)));
    await Promise.all(nodes.map((node) => node.untilLine("listening", systemClock, 10_000)));
    const caught = new Promise<string>((resolve) => {
      for (const node of nodes) node.onLine(resolve);
    });
    await generate({ seconds: 0 });
    return await Promise.race([caught, Promise.all(nodes.map(({ exited }) => exited)).then(() => "")]);
  } finally {
    await Promise.all(nodes.map((node) => node.stop(systemClock)));
    await contender.stop();
  }
}

/** Those of whom the same bytes come as from the kernel; one that is optional may be unable to run, no one may differ. */
async function admit(contenders: readonly Contender[]): Promise<Contender[]> {
  const wanted = await routeOne(kernel);
  const admitted: Contender[] = [];
  for (const contender of contenders) {
    try {
      const seen = await routeOne(contender);
      if (seen !== wanted || seen.length < 84)
        throw new Error(`${contender.name} sends another packet than the kernel:\n${wanted}\n${seen}`);
      admitted.push(contender);
    } catch (error) {
      if (!contender.optional) throw error;
      console.error(`skipped: ${contender.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  console.log(`equal answers: ${wanted} from kernel, ${admitted.map(({ name }) => name).join(", ")}`);
  return admitted;
}

async function ask(contender: Contender, question: Question): Promise<readonly number[]> {
  await contender.start();
  await reachNodes();
  const numbers = await question.ask();
  await contender.stop();
  return numbers;
}

async function measure(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !CONTENDERS.some((contender) => contender.name === name));
  if (unknown !== undefined)
    throw new Error(`bench:wire: ${unknown}, wanted one of ${CONTENDERS.map(({ name }) => name).join(", ")}`);
  await createNetwork();
  const contenders = await admit(CONTENDERS.filter(({ name }) => names.length === 0 || names.includes(name)));
  const rows: Record<string, string>[] = [];
  for (const contender of contenders) {
    for (const question of QUESTIONS) {
      const pairs: { kernel: readonly number[]; theirs: readonly number[] }[] = [];
      for (let pair = 1; pair <= PAIRS; pair++) {
        pairs.push({ kernel: await ask(kernel, question), theirs: await ask(contender, question) });
        console.error(`pair ${pair} of ${PAIRS}, ${contender.name}: ${question.answers[0].name}`);
      }
      question.answers.forEach(({ name, unit }, i) => {
        const numbers = pairs.map((pair) => ({ kernel: pair.kernel[i], theirs: pair.theirs[i] }));
        rows.push({ question: name, contender: contender.name, unit, ...describe(numbers, unit !== "%") });
      });
    }
  }
  console.table(rows);
}

/** A ratio of shares says nothing: the better they are, the more it is chance. */
function describe(pairs: readonly { kernel: number; theirs: number }[], asRatio: boolean): Record<string, string> {
  const show = ({ median, least, most }: Spread): string => `${median.toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)})`;
  return {
    kernel: show(spreadOf(pairs.map((pair) => pair.kernel))),
    theirs: show(spreadOf(pairs.map((pair) => pair.theirs))),
    ratio: asRatio ? show(spreadOf(pairs.map((pair) => pair.theirs / pair.kernel))) : "",
  };
}

await runInNamespaces(measure);

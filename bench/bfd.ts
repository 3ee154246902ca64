/**
 * `node dist/bench/bfd.js`: does BFD at 10 ms x 3 keep up while a full table loads? A neighbor with BIRD's BFD announces a million
 * prefixes to the running router, takes them back, and so on for a minute, as fast as they are taken; every time that BFD finds
 * the path silent is an alarm, and a false one. First the same without any load: there must be none either.
 *
 *   neighbor 10.99.0.1 (BIRD for BFD, the injector of bench/bgp.ts for BGP) -- port0 10.99.0.2 router: ecmp run
 *
 * BIRD is a real-time process, as our thread is: what is asked is whether we keep up, and not whether it does.
 */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { pathToFileURL } from "node:url";
import { encodeMessage } from "../src/bgp/message.ts";
import { inNamespace } from "../src/lab/namespace.ts";
import { Daemon, execute } from "../src/lab/process.ts";
import { delay, systemClock } from "../src/net/clock.ts";
import { encodeTable, establish, INJECTOR, INJECTOR_ASN, PREFIXES } from "./bgp.ts";
import { processorSeconds, runInNamespaces, sh } from "./namespaces.ts";

const OURS = "10.99.0.2";
const SECONDS = Number(process.env.BENCH_SECONDS ?? 60);
const ECMP = new URL("../src/main.js", import.meta.url).pathname;
const FILE = "/run/router.yaml";
const CONTROL = "/run/router.sock";
const DEADLINE_MS = 30_000;
const BIRD = `router id ${INJECTOR};
protocol device {}
protocol bfd watch {
  interface "out" { interval 10 ms; multiplier 3; };
  neighbor ${OURS} dev "out" local ${INJECTOR};
}
`;
const ROUTER = `
ports: [{interface: port0}]
bgp:
  asn: 65000
  routerId: ${OURS}
  neighbors:
    - {address: ${INJECTOR}, remoteAsn: ${INJECTOR_ASN}, passive: true, accept: ["0.0.0.0/0 le 32"], bfd: {minTxMs: 10, minRxMs: 10}}
`;

interface View {
  readonly "session-down": number;
  readonly "detection-time": number;
  readonly status: string;
}

const show = async <Value>(...words: string[]): Promise<Value> =>
  JSON.parse(await execute([process.execPath, ECMP, "show", ...words, "--json", "--control", CONTROL]));
const bfdView = async (): Promise<View> => (await show<View[]>("bfd"))[0];

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = systemClock.nowMs() + DEADLINE_MS; !(await holds()); await delay(systemClock, 200))
    if (systemClock.nowMs() > endMs) throw new Error(`Not within ${DEADLINE_MS} ms: ${what}`);
}

async function start(): Promise<Daemon> {
  for (const name of ["neighbor", "router"]) await execute(["ip", "netns", "add", name]);
  await execute(["ip", "link", "add", "out", "netns", "neighbor", "type", "veth", "peer", "name", "port0", "netns", "router"]);
  await sh("neighbor", `ip link set lo up; ip addr add ${INJECTOR}/24 dev out; ip link set out up`);
  await sh("router", `ip link set lo up; ip addr add ${OURS}/24 dev port0; ip link set port0 up`);
  writeFileSync(FILE, ROUTER);
  writeFileSync("/run/bird.conf", BIRD);
  const router = await Daemon.start("router", inNamespace("router", [process.execPath, ECMP, "run", FILE, "--control", CONTROL]));
  await router.untilLine("ready", systemClock, DEADLINE_MS);
  const bird = ["bird", "-f", "-c", "/run/bird.conf", "-s", "/run/bird.ctl", "-P", "/run/bird.pid"];
  await Daemon.start("BIRD", inNamespace("neighbor", ["chrt", "--fifo", "1", ...bird]));
  await until("BFD is up at 10 ms x 3", async () => {
    const { status, "detection-time": detectionMs } = await bfdView();
    return status === "up" && detectionMs === 30;
  });
  return router;
}

/** Alarms of so many seconds, and how much of them the router's threads had a processor. */
async function watch(router: Daemon, name: string): Promise<void> {
  const [before, cpuBefore] = [await bfdView(), processorSeconds(router.pid)];
  const startMs = systemClock.nowMs();
  await delay(systemClock, SECONDS * 1000);
  const after = await bfdView();
  const seconds = (systemClock.nowMs() - startMs) / 1000;
  console.log({
    question: `BFD at 10 ms x 3, ${name}`,
    seconds: Math.round(seconds),
    falseAlarms: after["session-down"] - before["session-down"],
    processors: ((processorSeconds(router.pid) - cpuBefore) / seconds).toFixed(2),
    load: loadavg()[0].toFixed(1),
  });
}

async function measure(): Promise<void> {
  const router = await start();
  await watch(router, "nothing else to do");
  const injector = await Daemon.start("injector", inNamespace("neighbor", [process.execPath, process.argv[1], "--inject"]));
  let rounds = 0;
  injector.onLine(() => rounds++);
  await injector.untilLine("all said", systemClock, DEADLINE_MS);
  await watch(router, "a full table comes and goes");
  console.log({ timesSaid: rounds, prefixes: PREFIXES, bgpSessions: await establishedSessions() });
}

/** One, if none was lost. */
async function establishedSessions(): Promise<number> {
  type Summary = { readonly peers: Record<string, { readonly connectionsEstablished: number }> };
  return (await show<Summary>("bgp", "summary")).peers[INJECTOR].connectionsEstablished;
}

/** All of the table, and all of it taken back, for ever; a line each time that the router has taken it off our hands. */
async function inject(): Promise<void> {
  const withdrawn = Array.from({ length: PREFIXES }, (_, i) => ({ address: 0x01000000 + i * 256, length: 24 }));
  const nothing = Buffer.concat(encodeMessage({ kind: "update", withdrawn, announcements: [] }, 4));
  const table = encodeTable();
  const socket = await establish(OURS);
  const keepalive = Buffer.concat(encodeMessage({ kind: "keepalive" }, 4));
  for (;;) {
    for (const words of [table, nothing]) await new Promise<void>((resolve) => socket.write(words, () => resolve()));
    socket.write(keepalive);
    console.log("all said");
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await (process.argv.includes("--inject") ? inject() : runInNamespaces(measure));

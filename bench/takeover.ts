/**
 * `node dist/bench/takeover.js`: for how long does nobody forward when a worker dies? From the mistake that ends it to the first breath
 * of its successor, which stands by; and in the same run what the successor had cost to be made ready, which would come on top
 * if it did not: the thread, its rings, its warm-up. Real workers over real rings, three ports, one death a supervisor, so that
 * none is waited with.
 */
import { loadavg } from "node:os";
import { pathToFileURL } from "node:url";
import { createPortSettings } from "../src/dataplane/around-port.ts";
import type { Link } from "../src/dataplane/links.ts";
import { createOwnSources } from "../src/dataplane/own-sources.ts";
import type { WorkerMessage, WorkerStart } from "../src/dataplane/worker.ts";
import { createImage } from "../src/fib/image.ts";
import { execute } from "../src/lab/process.ts";
import { systemClock } from "../src/net/clock.ts";
import { findInterface } from "../src/port/interface.ts";
import { DEFAULT_RING_SIZE } from "../src/port/packet-ring.ts";
import { createSharedValue, setSharedValue } from "../src/port/shared-value.ts";
import { createTapMemory } from "../src/port/tap-memory.ts";
import { Wake } from "../src/port/wake.ts";
import { createSupervisor, launchWorker } from "../src/router/supervisor.ts";
import { HASH } from "./forward.ts";
import { runInNamespaces } from "./namespaces.ts";
import { spreadOf } from "./statistics.ts";

const DEATHS = Number(process.env.BENCH_DEATHS ?? 10);
const PORTS = ["port0", "port1", "port2"];

interface Death {
  readonly takesOverMs: number;
  readonly getsReadyMs: number;
}

/** One worker, which dies. */
async function die(): Promise<Death> {
  const sound = PORTS.map((name, i): Link => ({ index: findInterface(name).index, macHigh: 0x0200, macLow: i, linkLocals: [] }));
  const links = createSharedValue();
  setSharedValue(links, sound);
  const atMs = new Map<string, number>();
  const heard = new Map<string, () => void>();
  let launched = 0;
  const launch = (start: WorkerStart) => {
    const number = launched++;
    const worker = launchWorker(start);
    atMs.set(`${number} launched`, systemClock.nowMs());
    worker.on("message", (message: WorkerMessage) => {
      atMs.set(`${number} ${message}`, systemClock.nowMs());
      heard.get(`${number} ${message}`)?.();
    });
    return worker;
  };
  const until = (what: string): Promise<void> =>
    new Promise((resolve) => (atMs.has(what) ? resolve() : heard.set(what, resolve)));
  const wake = new Wake();
  const supervisor = createSupervisor({
    clock: systemClock,
    wakes: [wake],
    ports: PORTS.map((name) => ({ interface: name, vlans: 0, isUnseen: false, ...createPortSettings(1) })),
    links,
    ring: DEFAULT_RING_SIZE,
    busy: false,
    hash: HASH,
    selector: "modulo",
    image: createImage(1 << 14),
    ownSources: createOwnSources(),
    taps: [createTapMemory()],
    launch,
    onEntry: () => {},
    onAcknowledged: () => {},
    onDeath: () => setSharedValue(links, sound),
  });
  await supervisor.start();
  await until("1 warm");
  const diesAtMs = systemClock.nowMs();
  // A link more than there are ports is a mistake of ours, which a worker does not survive.
  setSharedValue(links, [...sound, { index: 1, macHigh: 0, macLow: 0, linkLocals: [] }]);
  supervisor.wake();
  await until("1 ready");
  const timeOf = (what: string): number => atMs.get(what) as number;
  await supervisor.stop();
  wake.close();
  return { takesOverMs: timeOf("1 ready") - diesAtMs, getsReadyMs: timeOf("1 warm") - timeOf("1 launched") };
}

async function measure(): Promise<void> {
  for (const name of PORTS) {
    await execute(["ip", "link", "add", "name", name, "type", "veth", "peer", "name", `far-${name}`]);
    for (const end of [name, `far-${name}`]) await execute(["ip", "link", "set", end, "up"]);
  }
  const deaths: Death[] = [];
  for (let i = 0; i < DEATHS; i++) deaths.push(await die());
  const say = (what: string, values: readonly number[]): void => {
    const { median, least, most } = spreadOf(values);
    console.log(`${what}: median ${median.toFixed(1)} ms (${least.toFixed(1)} to ${most.toFixed(1)})`);
  };
  say(
    "from a worker's death to its successor's first breath",
    deaths.map(({ takesOverMs }) => takesOverMs),
  );
  say(
    "what that one had taken to be warm",
    deaths.map(({ getsReadyMs }) => getsReadyMs),
  );
  console.log(`${DEATHS} deaths, load ${loadavg()[0].toFixed(1)}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await runInNamespaces(measure);

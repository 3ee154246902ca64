/**
 * How fast does a BGP speaker take a full table, and what does it cost to keep? One peer with a million prefixes in a hundred
 * thousand sets of attributes, encoded beforehand and sent over TCP as fast as the receiver takes it, to BIRD, our
 * speaker and RIB, FRR and GoBGP, one after the other in a network namespace of their own. The clock runs from the first UPDATE
 * until the receiver itself says that it has all prefixes; resident memory and processor time are what the kernel says before and
 * after. Processor time is what can be compared on a machine with something else to do; the collector's threads count in it.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { encodeMessage } from "../src/bgp/message.ts";
import { IPV4_UNICAST } from "../src/bgp/nlri.ts";
import { SEGMENT } from "../src/bgp/path.ts";
import { execute } from "../src/lab/process.ts";
import { parseIpv4 } from "../src/net/address.ts";
import { delay, systemClock } from "../src/net/clock.ts";
import { randomBelow, seededRandom } from "../src/net/random.ts";
import { processorSeconds, runInNamespaces } from "./namespaces.ts";

export const PREFIXES = 1_000_000;
const SETS = 100_000;
const SEED = 42;
export const INJECTOR = "10.99.0.1";
export const INJECTOR_ASN = 65001;
const RECEIVER_ASN = 65000;
const DEADLINE_MS = 180_000;
const POLL_MS = 50;
/** Until collectors and allocators have settled. */
const SETTLE_MS = 1500;

interface BgpFigure {
  readonly name: string;
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly bytesPerPrefix: number;
  /** Ours: the longest that a timer had to wait meanwhile. */
  readonly longestTurnMs?: number;
}

interface Receiver {
  readonly name: string;
  readonly program: string;
  readonly address: string;
  start(folder: string): readonly string[];
  /** The command that says how many prefixes there are, and where in its answer; ours prints it by itself. */
  readonly count?: { command(folder: string): readonly string[]; readonly pattern: RegExp };
}

const receivers: readonly Receiver[] = [
  {
    name: "BIRD",
    program: "/usr/sbin/bird",
    address: "10.99.0.3",
    start(folder) {
      writeFileSync(
        join(folder, "bird.conf"),
        `router id 10.99.0.3;
protocol device {}
protocol bgp injector {
  local 10.99.0.3 as ${RECEIVER_ASN}; neighbor ${INJECTOR} as ${INJECTOR_ASN}; strict bind yes; passive yes; multihop;
  ipv4 { import all; export none; };
}
`,
      );
      return ["/usr/sbin/bird", "-f", "-c", join(folder, "bird.conf"), "-s", join(folder, "ctl"), "-P", join(folder, "pid")];
    },
    count: {
      command: (folder) => ["/usr/sbin/birdc", "-s", join(folder, "ctl"), "show", "protocols", "all", "injector"],
      pattern: /Routes: +(\d+) imported/,
    },
  },
  {
    name: "ecmp-router",
    program: process.execPath,
    address: "10.99.0.2",
    start: () => [
      ...[process.execPath, fileURLToPath(new URL("bgp-role.js", import.meta.url))],
      ...["receive", "10.99.0.2", INJECTOR, String(INJECTOR_ASN)],
    ],
  },
  {
    name: "FRR",
    program: "/usr/lib/frr/bgpd",
    address: "10.99.0.4",
    start(folder) {
      writeFileSync(
        join(folder, "bgpd.conf"),
        `router bgp ${RECEIVER_ASN}
 bgp router-id 10.99.0.4
 no bgp ebgp-requires-policy
 neighbor ${INJECTOR} remote-as ${INJECTOR_ASN}
 neighbor ${INJECTOR} passive
 neighbor ${INJECTOR} ebgp-multihop 2
 neighbor ${INJECTOR} disable-connected-check
`,
      );
      return [
        ...["/usr/lib/frr/bgpd", "-n", "-Z", "-S", "-P", "0", "-l", "10.99.0.4", "-f", join(folder, "bgpd.conf")],
        ...["-i", join(folder, "pid"), "--vty_socket", folder],
      ];
    },
    count: {
      command: (folder) => ["/usr/bin/vtysh", "--vty_socket", folder, "-d", "bgpd", "-c", "show bgp ipv4 unicast summary json"],
      pattern: /"pfxRcd":(\d+)/,
    },
  },
  {
    name: "GoBGP",
    program: "/usr/bin/gobgpd",
    address: "10.99.0.5",
    start(folder) {
      writeFileSync(
        join(folder, "gobgp.toml"),
        `[global.config]
  as = ${RECEIVER_ASN}
  router-id = "10.99.0.5"
  local-address-list = ["10.99.0.5"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${INJECTOR}"
    peer-as = ${INJECTOR_ASN}
  [neighbors.transport.config]
    passive-mode = true
    local-address = "10.99.0.5"
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 2
`,
      );
      return ["/usr/bin/gobgpd", "-f", join(folder, "gobgp.toml"), "--pprof-disable", "--api-hosts", "10.99.0.5:50051"];
    },
    count: {
      command: () => ["/usr/bin/gobgp", "-u", "10.99.0.5", "global", "rib", "summary"],
      pattern: /Path: (\d+)/,
    },
  },
];

/** Each set of attributes is one UPDATE: ten /24s, a path of two to six ASes, a MED and a community. */
export function encodeTable(): Buffer {
  const random = seededRandom(SEED);
  const each = PREFIXES / SETS;
  const nextHop = parseIpv4(INJECTOR) ?? 0;
  const messages: Uint8Array[] = [];
  for (let set = 0; set < SETS; set++) {
    const prefixes = Array.from({ length: each }, (_, i) => ({
      address: (0x01000000 + (set * each + i) * 256) >>> 0,
      length: 24,
    }));
    const hops = Array.from({ length: 1 + randomBelow(random, 5) }, () => 1 + randomBelow(random, 60_000));
    const attributes = {
      origin: 0,
      asPath: [{ type: SEGMENT.sequence, asns: [INJECTOR_ASN, ...hops] }],
      nextHop,
      multiExitDiscriminator: set,
      communities: [(INJECTOR_ASN << 16) | randomBelow(random, 65_536)].map((community) => community >>> 0),
    } as const;
    messages.push(...encodeMessage({ kind: "update", withdrawn: [], announcements: [{ prefixes, attributes }] }, 4));
  }
  return Buffer.concat(messages);
}

const open = (asn: number): Buffer =>
  Buffer.concat([
    ...encodeMessage(
      {
        kind: "open",
        asn,
        holdTimeSeconds: 180,
        routerId: parseIpv4(INJECTOR) ?? 0,
        capabilities: [
          { name: "multiprotocol", family: IPV4_UNICAST },
          { name: "four-octet-as", asn },
        ],
      },
      4,
    ),
    ...encodeMessage({ kind: "keepalive" }, 4),
  ]);

const BGP_KEEPALIVE = 4;

/** Connects, again until somebody answers, and settles with the socket once the peer has sent its KEEPALIVE. */
export async function establish(address: string) {
  for (const endMs = systemClock.nowMs() + 20_000; systemClock.nowMs() < endMs; await delay(systemClock, POLL_MS)) {
    const socket = connect({ host: address, port: 179, localAddress: INJECTOR });
    const isUp = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => socket.write(open(INJECTOR_ASN)));
      socket.on("error", () => resolve(false));
      socket.on("close", () => resolve(false));
      let heard = Buffer.alloc(0);
      socket.on("data", (chunk) => {
        heard = Buffer.concat([heard, chunk]).subarray(-4096);
        for (let at = 0; at + 19 <= heard.length; at += heard.readUInt16BE(at + 16))
          if (heard[at + 18] === BGP_KEEPALIVE) resolve(true);
      });
    });
    if (isUp) {
      socket.removeAllListeners("data").resume();
      return socket;
    }
    socket.destroy();
  }
  throw new Error(`No session with ${address} within 20 s`);
}

const residentBytes = (pid: number): number =>
  1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

async function measure(receiver: Receiver, table: Buffer): Promise<BgpFigure> {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-bench-bgp-"));
  const [program, ...words] = receiver.start(folder);
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout?.on("data", (chunk) => {
    printed = String(chunk);
  });
  const count = (): number => {
    if (!receiver.count) return Number(/"prefixes":(\d+)/.exec(printed)?.[1] ?? 0);
    const [name, ...rest] = receiver.count.command(folder);
    return Number(receiver.count.pattern.exec(spawnSync(name, rest, { encoding: "utf8" }).stdout ?? "")?.[1] ?? 0);
  };
  try {
    const socket = await establish(receiver.address);
    await delay(systemClock, SETTLE_MS);
    const before = residentBytes(child.pid ?? 0);
    const processorBefore = processorSeconds(child.pid ?? 0);
    const startMs = systemClock.nowMs();
    socket.write(table);
    while (count() < PREFIXES) {
      if (systemClock.nowMs() - startMs > DEADLINE_MS)
        throw new Error(`${receiver.name}: ${count()} of ${PREFIXES} prefixes in ${DEADLINE_MS} ms`);
      await delay(systemClock, POLL_MS);
    }
    const seconds = (systemClock.nowMs() - startMs) / 1000;
    const processor = processorSeconds(child.pid ?? 0) - processorBefore;
    await delay(systemClock, SETTLE_MS);
    const bytesPerPrefix = (residentBytes(child.pid ?? 0) - before) / PREFIXES;
    const longestTurn = /"longestTurnMs":(\d+)/.exec(printed)?.[1];
    socket.destroy();
    return {
      name: receiver.name,
      seconds,
      processorSeconds: processor,
      bytesPerPrefix,
      ...(longestTurn && { longestTurnMs: Number(longestTurn) }),
    };
  } finally {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

const end = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once("close", () => resolve());
    child.kill("SIGKILL");
  });

/** All of them, or those named, each on an address of its own. */
async function run(names: readonly string[]): Promise<void> {
  await execute(["ip", "link", "set", "lo", "up"]);
  for (const address of [INJECTOR, ...receivers.map((receiver) => receiver.address)])
    await execute(["ip", "address", "add", `${address}/24`, "dev", "lo"]);
  const table = encodeTable();
  let bird: BgpFigure | undefined;
  console.log(`${PREFIXES} prefixes, ${SETS} sets of attributes, one peer; ${availableParallelism()} cores`);
  for (const receiver of receivers.filter(({ name }) => names.length === 0 || names.includes(name))) {
    try {
      if (!existsSync(receiver.program)) throw new Error(`${receiver.name}: ${receiver.program} is not installed`);
      const figure = await measure(receiver, table);
      if (receiver.name === "BIRD") bird = figure;
      print(figure, bird);
    } catch (error) {
      console.log((error as Error).message);
    }
  }
}

function print({ name, seconds, processorSeconds, bytesPerPrefix, longestTurnMs }: BgpFigure, bird?: BgpFigure): void {
  const ratio = bird ? `${(seconds / bird.seconds).toFixed(2)} x BIRD` : "";
  const ratioOfProcessor = bird ? ` (${(processorSeconds / bird.processorSeconds).toFixed(2)} x)` : "";
  const turn = longestTurnMs === undefined ? "" : `, longest turn ${longestTurnMs} ms`;
  const bytes = `${bytesPerPrefix.toFixed(0).padStart(5)} bytes a prefix`;
  console.log(
    `${name.padEnd(12)} ${seconds.toFixed(2).padStart(7)} s  ${ratio.padStart(12)}  ${processorSeconds.toFixed(2).padStart(6)} s of processor${ratioOfProcessor}  ${bytes}${turn}`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await runInNamespaces(run);

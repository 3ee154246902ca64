/**
 * Pieces of datagrams that overlap, contradict each other or hide a header, of IPv4 and IPv6. Who filters or reassembles has to
 * mind them (RFC 1858, 3128, 5722, 7112); a router does neither, and the kernel, asked in the same place, passes on every one. So
 * do we, each by itself: what a piece says of its ports decides for that piece alone, and a second "first" one turns none of the
 * others.
 *
 *   we, as 10.0.1.2 -- port0 [router] port1 -- node 10.0.11.2, 198.51.100.10
 *                                     port2 -- node 10.0.12.2, 198.51.100.10
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatMac } from "#src/net/mac.ts";
import { createBatch, VERDICT } from "#src/port/batch.ts";
import { findInterface } from "#src/port/interface.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { accountedFor } from "../common/counters.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { makePacket, makePacket6 } from "../dataplane/packets.ts";
import { eventually } from "../speaker/recorder.ts";

const HEAR = fileURLToPath(new URL("./hear.mjs", import.meta.url));
const CLIENT = "10.0.1.2";
const CLIENT6 = "2001:db8:0:1::c1";
const SERVICE = "198.51.100.10";
const SERVICE6 = "2001:db8:51::10";
const NODES = [11, 12];
const [TCP, UDP] = [6, 17];
const DATAGRAMS = 6;
const DEADLINE_MS = 20_000;

interface Piece {
  /** Where it says that it belongs, and whether it says that there is more. */
  readonly at: number;
  readonly more: boolean;
  readonly bytes: number;
  /** What its first four bytes are, wherever it belongs. */
  readonly sourcePort: number;
}

/** What is wrong with a datagram, and its pieces in their order; `port` is its source port. */
const DATAGRAMS_IN_PIECES: Readonly<Record<string, (port: number) => readonly Piece[]>> = {
  "a second first piece, with other ports": (port) => [
    { at: 0, more: true, bytes: 32, sourcePort: port },
    { at: 0, more: true, bytes: 32, sourcePort: port + 1000 },
    { at: 32, more: false, bytes: 32, sourcePort: port + 2000 },
  ],
  "tiny pieces, the second with TCP's flags (RFC 1858 2)": (port) => [
    { at: 0, more: true, bytes: 8, sourcePort: port },
    { at: 8, more: true, bytes: 8, sourcePort: port + 2000 },
    { at: 16, more: false, bytes: 24, sourcePort: port + 3000 },
  ],
  "a piece over the flags of the first (RFC 3128)": (port) => [
    { at: 0, more: true, bytes: 24, sourcePort: port },
    { at: 8, more: true, bytes: 32, sourcePort: port + 2000 },
    { at: 0, more: false, bytes: 16, sourcePort: port + 1000 },
  ],
  "a piece within another, and the end first (RFC 5722)": (port) => [
    { at: 64, more: false, bytes: 16, sourcePort: port + 2000 },
    { at: 0, more: true, bytes: 64, sourcePort: port },
    { at: 16, more: true, bytes: 24, sourcePort: port + 3000 },
  ],
  "a piece that ends beyond the longest datagram": (port) => [
    { at: 0, more: true, bytes: 16, sourcePort: port },
    { at: 65_528, more: false, bytes: 64, sourcePort: port + 2000 },
  ],
  "a whole packet in between": (port) => [
    { at: 0, more: true, bytes: 16, sourcePort: port },
    { at: 0, more: false, bytes: 16, sourcePort: port + 1000 },
    { at: 16, more: false, bytes: 16, sourcePort: port + 2000 },
  ],
};

interface Sent extends Piece {
  readonly version: 4 | 6;
  readonly protocol: number;
  readonly frame: Buffer;
}

type Rule = "address-only" | "first-with-ports" | "dropped";

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-overlaps-"));
  const hosts: Host[] = [];
  const ears: Program[] = [];
  let ring: PacketRing;
  let sent: Sent[];
  /** By node. */
  let heard: string[][] = NODES.map(() => []);

  beforeAll(async () => {
    run("ip link set lo up");
    createCable("h-port0", "port0");
    run("sysctl -qw net.ipv6.conf.port0.disable_ipv6=0");
    run("ip addr add 10.0.1.1/24 dev port0");
    run("ip addr add 2001:db8:1::1/64 dev port0 nodad");
    for (const [i, subnet] of NODES.entries()) {
      const host = await Host.create(`port${i + 1}`, `10.0.${subnet}.2/24`, `10.0.${subnet}.1`);
      hosts.push(host);
      run(`ip addr add 10.0.${subnet}.1/24 dev port${i + 1}`);
      host.enableIpv6(`port${i + 1}`, `2001:db8:${subnet}::2`, `2001:db8:${subnet}::1`);
      host.run(`ip addr add ${SERVICE}/32 dev lo`);
      host.run(`ip addr add ${SERVICE6}/128 dev lo`);
      const ear = host.start([process.execPath, HEAR]);
      ears.push(ear);
      expect(await ear.line()).toBe("ready");
      void listen(ear, i).catch(() => {});
    }
    ring = new PacketRing({ interface: "h-port0" });
    sent = createDatagrams();
  }, 60_000);

  afterAll(() => {
    ring?.close();
    for (const { child } of ears) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  const listen = async (ear: Program, i: number): Promise<void> => {
    for (;;) {
      const frame = Buffer.from(await ear.line(), "hex");
      heard[i].push(essence(frame));
    }
  };

  const to = (): string => formatMac(findInterface("port0").mac).replaceAll(":", "");

  function createDatagrams(): Sent[] {
    const all: Sent[] = [];
    let port = 20_000;
    for (const pieces of Object.values(DATAGRAMS_IN_PIECES))
      for (let i = 0; i < DATAGRAMS; i++, port++)
        for (const version of [4, 6] as const)
          for (const protocol of [TCP, UDP])
            for (const piece of pieces(port))
              all.push({ ...piece, version, protocol, frame: makePiece(piece, version, protocol) });
    return all;
  }

  function makePiece({ at, more, bytes, sourcePort }: Piece, version: 4 | 6, protocol: number): Buffer {
    const packet = { to: to(), protocol, sourcePort, destinationPort: 9, payloadBytes: bytes - 8 };
    if (version === 4)
      return makePacket({ ...packet, source: CLIENT, destination: SERVICE, fragment: (more ? 0x2000 : 0) | (at >> 3) });
    // RFC 8200 4.5; without an offset and without more to come an atomic one, which is whole (RFC 6946).
    const word = at | (more ? 1 : 0);
    return makePacket6({ ...packet, extensions: [{ type: 44, body: Uint8Array.of(0, word >> 8, word & 255, 0, 0, 0, 7) }] });
  }

  const send = (frame: Buffer): void => {
    const batch = createBatch(new Uint8Array(frame.length + 32), 1);
    batch.bytes.set(frame, 32);
    batch.rows.set([32, frame.length, frame.length, 0, VERDICT.forward, 0, 0, 0]);
    batch.count = 1;
    expect(ring.transmit(batch, 0)).toBe(0);
  };

  /** The packet as it is on every link of its way: without Ethernet, TTL and IPv4's checksum. */
  const essence = (frame: Buffer): string => {
    const ip = Buffer.from(frame.subarray(14));
    if (ip[0] >> 4 === 4) ip.fill(0, 8, 9).fill(0, 10, 12);
    else ip[7] = 0;
    return ip.toString("hex");
  };

  /** To each node's own addresses: that they are known, and that nothing more is to come. */
  const createCalls = (port: number): Buffer[] =>
    NODES.flatMap((subnet) => {
      const packet = { to: to(), protocol: UDP, sourcePort: port };
      const digits = `20010db8${`${subnet}`.padStart(4, "0")}${"2".padStart(20, "0")}`;
      return [makePacket({ ...packet, destination: `10.0.${subnet}.2` }), makePacket6({ ...packet, destination: digits })];
    });

  /** Sends everything to whoever routes, who is to forward so many of it; the names of the nodes that each piece arrived at. */
  async function sendAll(expected: number): Promise<string[][]> {
    heard = NODES.map(() => []);
    const call = async (port: number): Promise<void> => {
      const calls = createCalls(port).map(essence);
      for (const frame of createCalls(port)) send(frame);
      await eventually("both nodes are called", () => calls.every((one) => heard.flat().includes(one)), DEADLINE_MS);
    };
    await call(7);
    for (const { frame } of sent) send(frame);
    const wanted = new Set(sent.map(({ frame }) => essence(frame)));
    const arrived = (): number => heard.flat().filter((one) => wanted.has(one)).length;
    await eventually(`${expected} pieces arrive`, () => arrived() >= expected, DEADLINE_MS);
    await call(8);
    return sent.map(({ frame }) => {
      const one = essence(frame);
      return NODES.flatMap((subnet, i) => heard[i].filter((other) => other === one).map(() => `${subnet}`));
    });
  }

  /** Which node a flow of these ports goes to; 0 is none. */
  const explain = (control: string): ((sent: Sent, port: number) => string) => {
    const flows = sent.flatMap(({ version, protocol, sourcePort }) =>
      [0, sourcePort].map((port) => describe(version, protocol, port)),
    );
    const file = join(folder, "flows.csv");
    const rows = [...new Set(flows)];
    writeFileSync(file, `protocol,src,srcPort,dst,dstPort\n${rows.join("\n")}\n`);
    const words = [ECMP, "explain", "--live", "--control", control, "--flows", file, "--json"];
    const lines = execFileSync(process.execPath, words, { encoding: "utf8" }).trim().split("\n");
    const ways = new Map(rows.map((row, i) => [row, /1[12](?=[.:]+2$)/.exec(JSON.parse(lines[i]).nextHop)?.[0] ?? "none"]));
    return ({ version, protocol }, port) => ways.get(describe(version, protocol, port)) ?? "unknown";
  };
  const describe = (version: 4 | 6, protocol: number, port: number): string => {
    const [source, destination] = version === 4 ? [CLIENT, SERVICE] : [CLIENT6, SERVICE6];
    return `${protocol === TCP ? "tcp" : "udp"},${source},${port},${destination},${port === 0 ? 0 : 9}`;
  };

  const isWhole = ({ at, more }: Piece): boolean => at === 0 && !more;

  async function route(fragments: Rule) {
    const [file, control] = ["yaml", "sock"].map((extension) => join(folder, `${fragments}.${extension}`));
    const nextHops = (texts: string[]): string => texts.map((text) => `{address: "${text}"}`).join();
    writeFileSync(
      file,
      `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes:
  - {prefix: ${SERVICE}/32, nextHops: [${nextHops(NODES.map((subnet) => `10.0.${subnet}.2`))}]}
  - {prefix: "${SERVICE6}/128", nextHops: [${nextHops(NODES.map((subnet) => `2001:db8:${subnet}::2`))}]}
ecmp: {hash: {algorithm: xxh32, fields: 5-tuple, seed: 42, fragments: ${fragments}}}
`,
    );
    const router = start([process.execPath, ECMP, "run", file, "--control", control]);
    try {
      expect(await router.line()).toBe("ready");
      const whole = sent.filter(isWhole).length;
      const arrived = await sendAll(fragments === "dropped" ? whole : sent.length);
      const counters = showOf(control)("counters");
      expect(accountedFor(counters)).toBe(counters.received);
      return { arrived, wayOf: explain(control), dropped: counters.dropped };
    } finally {
      router.child.kill("SIGTERM");
      await router.ended;
    }
  }

  /** Those that arrived elsewhere than they should, or not at all, or twice. */
  const misled = (arrived: readonly string[][], wayOf: (one: Sent) => string | undefined): object[] =>
    sent.flatMap(({ frame, ...one }, i) => {
      const wanted = wayOf({ frame, ...one });
      return arrived[i].join() === (wanted ?? "") ? [] : [{ ...one, arrived: arrived[i], wanted }];
    });

  test("are passed on by the kernel, each of them", { timeout: 60_000 }, async () => {
    run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.fib_multipath_hash_policy=1");
    run("sysctl -qw net.ipv6.fib_multipath_hash_policy=1");
    run(`ip route add ${SERVICE} ${NODES.map((subnet) => `nexthop via 10.0.${subnet}.2`).join(" ")}`);
    run(`ip -6 route add ${SERVICE6} ${NODES.map((subnet) => `nexthop via 2001:db8:${subnet}::2`).join(" ")}`);
    const arrived = await sendAll(sent.length);
    expect(arrived.filter((nodes) => nodes.length !== 1)).toEqual([]);
    run(`ip route del ${SERVICE}`);
    run(`ip -6 route del ${SERVICE6}`);
    run("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0");
  });

  test("go one way by their addresses, whatever they say of ports", { timeout: 60_000 }, async () => {
    const { arrived, wayOf } = await route("address-only");
    expect(misled(arrived, (one) => wayOf(one, isWhole(one) ? one.sourcePort : 0))).toEqual([]);
  });

  test("turn no other piece where first ones go by their ports", { timeout: 60_000 }, async () => {
    const { arrived, wayOf } = await route("first-with-ports");
    expect(misled(arrived, (one) => wayOf(one, one.at === 0 ? one.sourcePort : 0))).toEqual([]);
    const firsts = sent.filter(({ at, more }) => at === 0 && more);
    expect(new Set(firsts.map((one) => wayOf(one, one.sourcePort))).size).toBe(2);
  });

  test("are dropped by their name where pieces are, and whole packets are not", { timeout: 60_000 }, async () => {
    const { arrived, wayOf, dropped } = await route("dropped");
    expect(misled(arrived, (one) => (isWhole(one) ? wayOf(one, one.sourcePort) : undefined))).toEqual([]);
    expect(dropped.fragment).toBe(sent.filter((one) => !isWhole(one)).length);
  });
});

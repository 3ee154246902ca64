/**
 * The router as a user runs it, over IPv6: neighbors found by discovery on a shared segment's rules, connections sent where it
 * says, and a kernel that does nothing of its own to what passes.
 *
 *   client 2001:db8:1::2 -- port0 [router] port1 -- 2001:db8:11::2 node 1 (2001:db8:51::10)
 *                                          port2 -- 2001:db8:12::2 node 2 (2001:db8:51::10)
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accountedFor } from "../common/counters.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { until } from "../common/until.ts";

const SERVICE = "2001:db8:51::10";

/** Says its name to whoever connects, and at which port it sees him. */
const NAMING_SERVER = `
  const name = process.argv[1];
  require("node:net").createServer((socket) => { socket.on("error", () => {}); socket.end(name + " " + socket.remotePort); })
    .listen(80, "${SERVICE}", () => console.log("listening"));`;
/** Connects from each port of a range in turn and prints what the server says. */
const CLIENT = `
  const [from, count] = process.argv.slice(1).map(Number);
  const net = require("node:net");
  const next = (port) => {
    if (port === from + count) return;
    const socket = net.connect({ host: "${SERVICE}", port: 80, localPort: port });
    let text = "";
    socket.on("data", (chunk) => (text += chunk)).on("error", (error) => { console.log("error " + error.code); next(port + 1); });
    socket.on("end", () => { console.log(text); socket.end(); next(port + 1); });
  };
  next(from);`;

interface Counters {
  readonly received: number;
  readonly forwarded: number;
  readonly punted: Record<string, number>;
  readonly slow: Record<string, number>;
  readonly dropped: Record<string, number>;
}

/** What this namespace's kernel has counted, by name (/proc/net/snmp6, and of TCP /proc/net/snmp). */
function kernelCounter(name: string): number {
  if (name !== "OutRsts") return Number(new RegExp(`^${name}\\s+(\\d+)`, "m").exec(readFileSync("/proc/net/snmp6", "utf8"))?.[1]);
  const [names, numbers] = readFileSync("/proc/net/snmp", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("Tcp:"))
    .map((line) => line.split(" "));
  return Number(numbers[names.indexOf(name)]);
}
const HANDS_OFF = [
  "Ip6OutForwDatagrams",
  "Icmp6OutRedirects",
  "Icmp6OutDestUnreachs",
  "Icmp6OutTimeExcds",
  "Icmp6OutPktTooBigs",
  "OutRsts",
];

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-ipv6-"));
  const control = join(folder, "control.sock");
  const hosts: Host[] = [];
  const programs: Program[] = [];
  let client: Host;
  let nodes: Host[];

  const ecmp = (...words: string[]): string => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [ECMP, ...words], { encoding: "utf8" });
    if (status !== 0) throw new Error(`ecmp ${words.join(" ")}: exit code ${status}: ${stderr}`);
    return stdout;
  };

  const readCounters = () => JSON.parse(ecmp("show", "counters", "--json", "--control", control)) as Counters;

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [i, subnet] of [1, 11, 12].entries()) {
      const host = await Host.create(`port${i}`, `10.0.${subnet}.2/24`, `10.0.${subnet}.1`);
      host.enableIpv6(`port${i}`, `2001:db8:${subnet}::2`, `2001:db8:${subnet}::1`);
      hosts.push(host);
    }
    [client, ...nodes] = hosts;
    for (const node of nodes) node.run(`ip addr add ${SERVICE}/128 dev lo`);
  });

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  describe("the running router, over IPv6", () => {
    test.each(["0", "1"])(
      "sends connections where it says, and the kernel (forwarding %s) keeps its hands off",
      {
        timeout: 60_000,
      },
      async (forwarding) => {
        writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", forwarding);
        const file = join(folder, "router.yaml");
        writeFileSync(
          file,
          `ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes: [{prefix: ${SERVICE}/128, nextHops: [{address: "2001:db8:11::2"}, {address: "2001:db8:12::2"}]}]
ecmp: {hash: {seed: 7}}
`,
        );
        const router = start([process.execPath, ECMP, "run", file, "--control", control]);
        programs.push(router);
        expect(await router.line()).toBe("ready");
        const before = HANDS_OFF.map(kernelCounter);
        const servers = nodes.map((node, i) => node.start([process.execPath, "-e", NAMING_SERVER, `2001:db8:${11 + i}::2`]));
        programs.push(...servers);
        for (const server of servers) expect(await server.line()).toBe("listening");

        const from = 20_000 + Number(forwarding) * 1000;
        const flows = Array.from({ length: 40 }, (_, i) => `tcp,2001:db8:1::2,${from + i},${SERVICE},80`);
        const csv = join(folder, "flows.csv");
        writeFileSync(csv, `protocol,src,srcPort,dst,dstPort\n${flows.join("\n")}\n`);
        const explained = ecmp("explain", "--live", "--control", control, "--flows", csv, "--json");
        const nextHops = explained
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).nextHop as string);
        const connections = client.start([process.execPath, "-e", CLIENT, `${from}`, "40"]);
        const said: string[] = [];
        for (let i = 0; i < 40; i++) said.push(await connections.line());
        expect(said).toEqual(nextHops.map((nextHop, i) => `${nextHop} ${from + i}`));
        expect(new Set(nextHops).size).toBe(2);

        // To the router itself the kernel answers; through it, with one hop less; to a host that nobody asked for before.
        expect(client.run("ping -c 1 -W 5 2001:db8:1::1")).toContain("1 received");
        expect(client.run("ping -c 2 -i 0.2 -W 5 2001:db8:12::2")).toMatch(/ttl=63[\s\S]*2 received/);
        // Of link-local addresses the kernel has its own, one that comes late too, and nobody has the others.
        const late = `fe80::7${forwarding}`;
        run(`ip addr add ${late}/64 dev port0 nodad`);
        until(`${late} answers`, () => client.ask(`ping -c 1 -W 1 ${late}%eth0`).includes("1 received"));
        const routerMac = JSON.parse(run("ip -j link show port0"))[0].address as string;
        client.run(`ip neigh replace fe80::99 lladdr ${routerMac} dev eth0`);
        const martians = readCounters().dropped.martian;
        expect(client.ask("ping -c 2 -i 0.2 -W 1 fe80::99%eth0")).toMatch(/ 0 received/);
        const counters = readCounters();
        expect(counters.dropped.martian).toBe(martians + 2);
        expect(accountedFor(counters)).toBe(counters.received);
        expect(counters.dropped["no-route"]).toBe(0);
        expect(counters.punted["neighbor-discovery"]).toBeGreaterThan(0);
        expect(HANDS_OFF.map(kernelCounter)).toEqual(before);
        for (const { child } of servers) child.kill("SIGKILL");
        router.child.kill("SIGTERM");
        expect(await router.ended).toMatchObject({ code: 0 });
      },
    );
  });
});

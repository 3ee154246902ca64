/**
 * A router whose ports go by libpcap: real packets, and a process that is killed under it. The hosts' offloads are off: such a
 * port has no word for a checksum or a segmentation that is still to be done.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node 1 (198.51.100.10)
 *                                     port2 -- 10.0.12.2 node 2 (198.51.100.10), by a ring
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accountedFor } from "../common/counters.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { obstacleOf } from "../common/package.ts";
import { until } from "../common/until.ts";

const SERVICE = "198.51.100.10";
const SUBNETS = { port0: "10.0.1", port1: "10.0.11", port2: "10.0.12" };
const MEGABYTES = 4;
const obstacle = obstacleOf("cap");

const LISTEN = `
require("node:net").createServer((socket) => {
  let bytes = 0;
  socket.on("data", (chunk) => (bytes += chunk.length));
  socket.on("end", () => socket.end(String(bytes)));
}).listen(8000, "0.0.0.0", () => console.log("listening"));`;
const CONNECT = `
const socket = require("node:net").connect(8000, "${SERVICE}", () => socket.end(Buffer.alloc(${MEGABYTES} * 1024 * 1024)));
socket.on("data", (chunk) => console.log(String(chunk)));
socket.on("error", (error) => console.log(error.code));`;

if (obstacle) test.skip(`pcap-live ports of a router: ${obstacle}`);
else
  await inNamespace(import.meta.url, () => {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-pcap-"));
    const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
    const hosts: Host[] = [];
    const listeners: Program[] = [];
    let router: Program;

    const show = showOf(control);
    const ping = (address: string): string => hosts[0].run(`ping -c 5 -i 0.1 -W 2 ${address}`);
    const isAnswered = (): boolean => {
      try {
        hosts[0].run("ping -c 1 -W 1 10.0.11.2");
        return true;
      } catch {
        return false;
      }
    };

    beforeAll(async () => {
      run("ip link set lo up");
      for (const [port, subnet] of Object.entries(SUBNETS)) {
        const host = await Host.create(port, `${subnet}.2/24`, `${subnet}.1`);
        host.run("ethtool -K eth0 tx off tso off gso off");
        run(`ip addr add ${subnet}.1/24 dev ${port}`);
        hosts.push(host);
      }
      for (const node of hosts.slice(1)) {
        node.run(`ip addr add ${SERVICE}/32 dev lo`);
        const listener = node.start([process.execPath, "-e", LISTEN]);
        expect(await listener.line()).toBe("listening");
        listeners.push(listener);
      }
      writeFileSync(
        file,
        `
ports: [{interface: port0, kind: pcap-live}, {interface: port1, kind: pcap-live}, {interface: port2}]
routes: [{prefix: ${SERVICE}/32, nextHops: [{address: 10.0.11.2}, {address: 10.0.12.2}]}]
workers: 2
`,
      );
      router = start([process.execPath, ECMP, "run", file, "--control", control]);
      expect(await router.line()).toBe("ready");
      // The first frame of a capture is lost.
      until("node 1 answers", isAnswered);
    }, 60_000);

    afterAll(() => {
      for (const { child } of [...listeners, ...(router ? [router] : [])]) child.kill("SIGKILL");
      for (const host of hosts) host.end();
      rmSync(folder, { recursive: true });
    });

    test("ping goes through, once and whole, from libpcap to libpcap and to a ring", () => {
      for (const address of ["10.0.11.2", "10.0.12.2"]) {
        const said = ping(address);
        expect(said).toContain("5 received, 0% packet loss");
        expect(said).not.toContain("DUP");
      }
      expect(show("ports").map(({ kind, state }: { kind: string; state: string }) => [kind, state])).toEqual([
        ["pcap-live", "up"],
        ["pcap-live", "up"],
        ["packet-ring", "up"],
      ]);
    });

    test("TCP brings all bytes to either node, and its frames are counted", { timeout: 60_000 }, async () => {
      const before = show("counters");
      // Enough connections that both nodes have some.
      for (let i = 0; i < 8; i++) {
        const connection = hosts[0].start([process.execPath, "-e", CONNECT]);
        expect(await connection.line()).toBe(String(MEGABYTES * 1024 * 1024));
        await connection.ended;
      }
      const after = show("counters");
      const packetsOf = (counters: typeof after, address: string): number =>
        counters.nextHops.find((one: { address: string }) => one.address === address).packets;
      for (const address of ["10.0.11.2", "10.0.12.2"])
        expect(packetsOf(after, address) - packetsOf(before, address)).toBeGreaterThan(1000);
    });

    test("a process that is killed is a port that is down, named, and up again by itself", { timeout: 60_000 }, async () => {
      const [, before] = show("ports");
      const said = router.said(/capture.*port1.*SIGKILL[\s\S]*capture.*port1.*up/);
      process.kill(before.capture.process, "SIGKILL");
      await said;
      const [, after] = show("ports");
      expect(after).toMatchObject({ state: "up", capture: { deaths: before.capture.deaths + 1 } });
      expect(after.capture.process).not.toBe(before.capture.process);
      until("node 1 answers", isAnswered);
      expect(after.counters.receivedFrames).toBeGreaterThanOrEqual(before.counters.receivedFrames);
    });

    test("an interface that goes down and up is used again, and every frame is accounted for", { timeout: 60_000 }, async () => {
      run("ip link set port1 down");
      until("it is down", () => show("ports")[1].state === "down");
      run("ip link set port1 up");
      until("node 1 answers", isAnswered);
      const counters = show("counters");
      expect(accountedFor(counters)).toBe(counters.received);
      router.child.kill("SIGTERM");
      const { code, stderr } = await router.ended;
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("worker-died")]);
    });
  });

/**
 * `ecmp probe` against a running router: every flow that is probed goes where explain says, and a flow that does not is found out.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node 1 -- 198.51.100.0/24, 2001:db8:51::/64
 *                                     port2 -- 10.0.12.2 node 2 -- the same
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { obstacleOf } from "../common/package.ts";

const NODES = ["10.0.11.2", "10.0.12.2"];
const NODES_6 = ["2001:db8:11::2", "2001:db8:12::2"];
const obstacle = obstacleOf("raw-socket");

interface Probed {
  readonly hops: readonly {
    readonly ttl: number;
    readonly address: string;
    readonly answer: string;
    readonly roundTripMs: number;
  }[];
  readonly nextHop: string;
  readonly explained: string;
  readonly verdict: string;
}

if (obstacle) test.skip(`ecmp probe: ${obstacle}`);
else
  await inNamespace(import.meta.url, () => {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-probe-"));
    const [control, file, wrong] = ["control.sock", "router.yaml", "wrong.yaml"].map((name) => join(folder, name));
    const hosts: Host[] = [];
    let router: Program;

    const probe = async (...words: string[]) => {
      const program = hosts[0].start([
        process.execPath,
        ECMP,
        "probe",
        ...words,
        "--control",
        control,
        "--json",
        "--timeout-ms",
        "2000",
      ]);
      const lines: Probed[] = [];
      for (;;) {
        const line = await program.line().catch(() => undefined);
        if (line === undefined) break;
        lines.push(JSON.parse(line));
      }
      return { lines, ...(await program.ended) };
    };

    const configure = (path: string, seed: number): void =>
      writeFileSync(
        path,
        `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
routes:
  - {prefix: 198.51.100.0/24, nextHops: [${NODES.map((address) => `{address: ${address}}`).join(", ")}]}
  - {prefix: "2001:db8:51::/64", nextHops: [${NODES_6.map((address) => `{address: "${address}"}`).join(", ")}]}
ecmp: {hash: {algorithm: xxh32, fields: [5-tuple], seed: ${seed}}, selector: {name: modulo}}
`,
      );

    beforeAll(async () => {
      run("ip link set lo up");
      for (const [i, port] of ["port0", "port1", "port2"].entries()) {
        const net = i === 0 ? 1 : 10 + i;
        const host = await Host.create(port, `10.0.${net}.2/24`, `10.0.${net}.1`);
        run(`ip addr add 10.0.${net}.1/24 dev ${port}`);
        host.enableIpv6(port, `2001:db8:${net}::2`, `2001:db8:${net}::1`);
        hosts.push(host);
      }
      for (const node of hosts.slice(1)) {
        node.run("ip link add name service0 type veth peer name service1");
        node.run("ip link set service0 up");
        node.run("ip link set service1 up");
        node.run("ip addr add 198.51.100.1/24 dev service0");
        node.run("ip addr add 2001:db8:51::1/64 dev service0 nodad");
        // Errors are wanted for every probe, and Linux sends one a second.
        for (const setting of [
          "ipv4.ip_forward=1",
          "ipv4.icmp_ratelimit=0",
          "ipv6.conf.all.forwarding=1",
          "ipv6.icmp.ratelimit=0",
        ])
          node.run(`sysctl -qw net.${setting}`);
      }
      configure(file, 42);
      configure(wrong, 43);
      router = start([process.execPath, ECMP, "run", file, "--control", control]);
      expect(await router.line()).toBe("ready");
      for (const address of [...NODES, ...NODES_6]) hosts[0].run(`ping -c 1 -W 5 ${address}`);
    }, 60_000);

    afterAll(() => {
      router?.child.kill("SIGKILL");
      for (const host of hosts) host.end();
      rmSync(folder, { recursive: true });
    });

    test.each([
      ["udp", "udp 10.0.1.2:33434 198.51.100.10:53", "10.0.1.1", NODES],
      ["tcp", "tcp 10.0.1.2:40000 198.51.100.10:80", "10.0.1.1", NODES],
      ["udp, IPv6", "udp [2001:db8:1::2]:33434 [2001:db8:51::10]:53", "2001:db8:1::1", NODES_6],
      ["tcp, IPv6", "tcp [2001:db8:1::2]:40000 [2001:db8:51::10]:80", "2001:db8:1::1", NODES_6],
    ])(
      "%s: sixteen flows go where the running router says, and both nodes have some",
      async (_, flow, first, nodes) => {
        const { lines, code, stderr } = await probe("--flow", flow, "--source-ports", "16", "--live");
        expect([code, stderr]).toEqual([0, ""]);
        expect(lines).toHaveLength(16);
        for (const { hops, nextHop, explained, verdict } of lines) {
          expect([verdict, nextHop]).toEqual(["agrees", explained]);
          expect(hops).toMatchObject([
            { ttl: 1, address: first, answer: "time-exceeded" },
            { ttl: 2, address: explained, answer: "time-exceeded" },
          ]);
          for (const { roundTripMs } of hops) expect(roundTripMs).toBeGreaterThan(0);
        }
        expect(new Set(lines.map(({ nextHop }) => nextHop))).toEqual(new Set(nodes));
      },
      60_000,
    );

    test("an explanation by another seed is found out, flow by flow", { timeout: 60_000 }, async () => {
      const words = ["--flow", "udp 10.0.1.2:33434 198.51.100.10:53", "--source-ports", "16", "--first-ttl", "2"];
      const { lines, code } = await probe(...words, "--config", wrong);
      expect(code).toBe(1);
      expect(new Set(lines.map(({ verdict }) => verdict))).toEqual(new Set(["agrees", "differs"]));
      for (const { verdict, nextHop, explained } of lines) expect(verdict === "agrees").toBe(nextHop === explained);
    });

    test("a source that this host has not is said before anything is sent", { timeout: 60_000 }, async () => {
      const { lines, code, stderr } = await probe("--flow", "udp 10.9.9.9:33434 198.51.100.1:9", "--config", file);
      expect([lines, code]).toEqual([[], 2]);
      expect(stderr).toMatch(/^probe: 10\.9\.9\.9 is no address of this host, wanted one of .*10\.0\.1\.2/);
    });

    test("who answers himself ends the way: an echo, and a port that nobody has", { timeout: 60_000 }, async () => {
      const words = ["--config", file, "--first-ttl", "2"];
      const echo = await probe("--flow", "icmp 10.0.1.2 198.51.100.1", ...words);
      expect(echo.lines[0]).toMatchObject({ hops: [{ ttl: 2, address: "198.51.100.1", answer: "reply" }], verdict: "unknown" });
      const closed = await probe("--flow", "udp 10.0.1.2:33434 198.51.100.1:9", ...words);
      expect(closed.lines[0].hops).toMatchObject([{ ttl: 2, address: "198.51.100.1", answer: "unreachable" }]);
      const refused = await probe("--flow", "tcp 10.0.1.2:33434 198.51.100.1:9", ...words);
      expect(refused.lines[0].hops).toMatchObject([{ ttl: 2, address: "198.51.100.1", answer: "reply" }]);
    });
  });

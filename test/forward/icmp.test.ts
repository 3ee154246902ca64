/**
 * What the router owes whoever sends through it, judged by the programs that people use for it: traceroute, ping, and TCP that
 * meets a link smaller than it was told of.
 *
 *   client 10.0.1.2, 2001:db8:1::2 -- port0 [router] port1 (MTU 1400) -- node 10.0.11.2, 2001:db8:11::2 (MTU 1500)
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accountedFor, sumOf } from "../common/counters.ts";
import { flowOffloadChoices } from "../common/flow-offload.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { deleteInterface, inNamespace, run } from "../common/namespace.ts";

const TRANSFER = fileURLToPath(new URL("../native/transfer.mjs", import.meta.url));
const CONFIG = `
ports: [{interface: port0}, {interface: port1}]
routes:
  - {prefix: 198.51.100.0/24, nextHops: [{address: 10.0.11.99}]}
`;

/** The error messages that this namespace's kernel has sent. */
function kernelErrors(): string[] {
  const icmp = readFileSync("/proc/net/snmp", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("Icmp:"))
    .map((line) => line.split(" "));
  const icmp4 = ["OutDestUnreachs", "OutTimeExcds"].map((name) => `${name} ${icmp[1][icmp[0].indexOf(name)]}`);
  const icmp6 = readFileSync("/proc/net/snmp6", "utf8").match(/^Icmp6Out(DestUnreachs|TimeExcds|PktTooBigs)\s+\d+$/gm) ?? [];
  return [...icmp4, ...icmp6];
}

const isMissing = (program: string): boolean =>
  spawnSync(program, ["--version"], { env: { PATH: `${process.env.PATH}:/usr/sbin` } }).error !== undefined;
const hasNoTraceroute = isMissing("traceroute");
const hasNoMtr = isMissing("mtr");

await inNamespace(import.meta.url, () => {
  describe.each(flowOffloadChoices())("errors and path MTUs (flowOffload: %s)", (flowOffload) => {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-icmp-"));
    const control = join(folder, "control.sock");
    let client: Host;
    let node: Host;
    let router: Program;
    let before: string[];

    beforeAll(async () => {
      run("ip link set lo up");
      client = await Host.create("port0", "10.0.1.2/24", "10.0.1.1");
      node = await Host.create("port1", "10.0.11.2/24", "10.0.11.1");
      run("ip link set port1 mtu 1400");
      run("ip addr add 10.0.1.1/24 dev port0");
      run("ip addr add 10.0.11.1/24 dev port1");
      client.enableIpv6("port0", "2001:db8:1::2", "2001:db8:1::1");
      node.enableIpv6("port1", "2001:db8:11::2", "2001:db8:11::1");
      writeFileSync(join(folder, "router.yaml"), `${CONFIG}flowOffload: ${flowOffload}\n`);
      router = start([process.execPath, ECMP, "run", join(folder, "router.yaml"), "--control", control]);
      expect(await router.line()).toBe("ready");
      before = kernelErrors();
    });

    const forgetPathMtus = (): void => {
      for (const family of ["-4", "-6"]) client.run(`ip ${family} route flush cache`);
    };

    afterAll(() => {
      router?.child.kill("SIGKILL");
      for (const name of ["port0", "port1"]) deleteInterface(name);
      for (const host of [client, node]) host?.end();
      rmSync(folder, { recursive: true });
    });

    describe("a router on the way", () => {
      test.skipIf(hasNoTraceroute).each([
        ["UDP", "-U", "10.0.11.2", "10.0.1.1"],
        ["ICMP", "-I", "10.0.11.2", "10.0.1.1"],
        ["TCP", "-T", "10.0.11.2", "10.0.1.1"],
        ["UDP", "-6 -U", "2001:db8:11::2", "2001:db8:1::1"],
        ["ICMP", "-6 -I", "2001:db8:11::2", "2001:db8:1::1"],
        ["TCP", "-6 -T", "2001:db8:11::2", "2001:db8:1::1"],
      ])("is the first hop of a traceroute by %s (%s)", { timeout: 30_000 }, (_, options, to, gateway) => {
        const lines = client.ask(`traceroute -n -q 3 -w 5 -m 4 ${options} ${to}`).trim().split("\n").slice(1);
        const hops = lines.map((line) => line.trim().split(/\s+/).slice(0, 2));
        expect(hops).toEqual([
          ["1", gateway],
          ["2", to],
        ]);
      });

      test.skipIf(hasNoMtr).each([
        ["10.0.11.2", "10.0.1.1"],
        ["2001:db8:11::2", "2001:db8:1::1"],
      ])("is the first hop of mtr: %s", { timeout: 30_000 }, (to, gateway) => {
        const said = client.ask(`mtr --report --report-cycles 2 --no-dns --gracetime 2 ${to}`);
        const hops = [...said.matchAll(/\|-- (\S+) +(\S+)%/g)].map(([, hop, loss]) => [hop, loss]);
        expect(hops).toEqual([
          [gateway, "0.0"],
          [to, "0.0"],
        ]);
      });

      test("says what fits, and cuts what may be cut", { timeout: 30_000 }, () => {
        const said = client.ask("ping -c 1 -W 5 -M do -s 1400 10.0.11.2");
        expect([said, /From 10\.0\.1\.1 .*mtu = 1400/.test(said)]).toEqual([said, true]);
        expect(client.ask("ping -c 1 -W 5 -M do -s 1372 10.0.11.2")).toContain("1 received");
        forgetPathMtus();
        // The answer is as long, and port1 takes in nothing longer than its MTU: the node has to cut it, too.
        node.run("ip route change default via 10.0.11.1 mtu 1400");
        expect(client.ask("ping -c 1 -W 5 -M dont -s 1400 10.0.11.2")).toContain("1 received");
        node.run("ip route change default via 10.0.11.1");
        const said6 = client.ask("ping -6 -c 1 -W 5 -M do -s 1400 2001:db8:11::2");
        expect([said6, /From 2001:db8:1::1 .*Packet too big: mtu=1400/.test(said6)]).toEqual([said6, true]);
      });

      test.skipIf(hasNoTraceroute).each(["10.0.11.2", "-6 2001:db8:11::2"])("tells the MTU of the path: %s", (to) => {
        forgetPathMtus();
        expect(client.ask(`traceroute -n --mtu -q 1 -w 5 -m 4 ${to}`)).toMatch(/F=1500[\s\S]*F=1400/);
      });

      test.each(["10.0.11.2", "2001:db8:11::2"])("lets TCP find the MTU that nobody told it: %s", async (to) => {
        const bytes = 20_000_000;
        forgetPathMtus();
        const receiver = node.start([process.execPath, TRANSFER, "receive", "5001", "::"]);
        await new Promise((resolve) => receiver.child.stderr?.once("data", resolve));
        const sender = client.start([process.execPath, TRANSFER, "send", to, "5001", `${bytes}`]);
        const [sent, received] = [JSON.parse(await sender.line()), JSON.parse(await receiver.line())];
        expect(received).toEqual(sent);
        expect(received.bytes).toBe(bytes);
        expect(client.run(`ip route get ${to}`)).toContain("mtu 1400");
      });

      test("says where there is no way, and where nobody answers", { timeout: 60_000 }, () => {
        expect(client.ask("ping -c 1 -W 5 203.0.113.9")).toMatch(/From 10.0.1.1 .*Destination Net Unreachable/);
        expect(client.ask("ping -6 -c 1 -W 5 2001:db8:99::9")).toMatch(/From 2001:db8:1::1 .*No route/);
        expect(client.ask("ping -c 1 -W 9 198.51.100.9")).toMatch(/From 10.0.1.1 .*Destination Host Unreachable/);
        expect(client.ask("ping -6 -c 1 -W 9 2001:db8:11::77")).toMatch(/From 2001:db8:1::1 .*Address unreachable/);
      });

      test("has counted all of it, and its kernel has said none of it", () => {
        const { stdout } = spawnSync(process.execPath, [ECMP, "show", "counters", "--json", "--control", control], {
          encoding: "utf8",
        });
        const counters = JSON.parse(stdout);
        expect(accountedFor(counters)).toBe(counters.received);
        const { released, fragmented, abandoned, held, errors } = counters.slowPath;
        expect(released + fragmented + abandoned + held).toBe(sumOf(counters.slow));
        expect(counters.slow.fragmentation).toBeGreaterThan(0);
        expect(fragmented).toBe(counters.slow.fragmentation);
        expect(counters.dropped["too-big"]).toBeGreaterThan(3);
        expect(errors).toBeGreaterThan(6);
        expect(kernelErrors()).toEqual(before);
      });
    });
  });
});

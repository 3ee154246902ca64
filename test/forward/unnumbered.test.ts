/**
 * An unnumbered neighbor: FRR at the other end of a cable that has link-local addresses only. Each finds the other by its
 * router advertisements; IPv4 prefixes go both ways with next hops of IPv6 (RFC 8950), and IPv4 packets by them.
 *
 *   client 10.0.1.2 -- port0 [router, AS 64513] port1 -- eth0, no address of IPv4: FRR, AS 64601 (198.51.100.1)
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "#src/net/clock.ts";
import { frrDaemon } from "../common/frr.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

const DEADLINE_MS = 60_000;
const SERVICE = "198.51.100.1";
const DAEMONS = ["zebra", "bgpd"];

const folder = mkdtempSync(join(tmpdir(), "ecmp-unnumbered-"));
const place = (...names: string[]): string => join(folder, ...names);

function until<Answer>(what: string, ask: () => Answer | undefined): Answer {
  const endMs = systemClock.nowMs() + DEADLINE_MS;
  let problem: unknown;
  while (systemClock.nowMs() < endMs) {
    try {
      const answer = ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      problem = error;
    }
  }
  throw new Error(`Not within ${DEADLINE_MS} ms: ${what}`, { cause: problem });
}

await inNamespace(import.meta.url, () => {
  const control = place("control.sock");
  const programs: Program[] = [];
  const hosts: Host[] = [];

  const ecmp = (...words: string[]) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [ECMP, ...words, "--json", "--control", control], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`ecmp ${words.join(" ")}: exit code ${status}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const peer = () => ecmp("show", "bgp", "neighbors", "port1").port1;

  const prepare = async (): Promise<void> => {
    run("ip link set lo up");
    hosts.push(await Host.create("port0", "10.0.1.2/24", "10.0.1.1"));
    run("ip addr add 10.0.1.1/24 dev port0");
    hosts.push(await Host.create("port1", "10.0.11.2/24", "10.0.11.1"));
    const [, node] = hosts;
    node.run("ip -4 addr flush dev eth0");
    node.run(`ip addr add ${SERVICE}/32 dev lo`);
    for (const name of ["accept_dad", "disable_ipv6"]) {
      run(`sysctl -qw net.ipv6.conf.port1.${name}=0`);
      node.run(`sysctl -qw net.ipv6.conf.eth0.${name}=0`);
    }
    mkdirSync(folder, { recursive: true });
    writeFileSync(place("zebra.conf"), "");
    writeFileSync(
      place("bgpd.conf"),
      `
router bgp 64601
 bgp router-id 10.0.11.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor eth0 interface remote-as external
 neighbor eth0 timers connect 1
 address-family ipv4 unicast
  network ${SERVICE}/32
 exit-address-family
`,
    );
    writeFileSync(
      place("router.yaml"),
      `ports: [{interface: port0}, {interface: port1}]
bgp:
  asn: 64513
  routerId: 10.0.1.1
  networks: [0.0.0.0/0]
  neighbors: [{interface: port1, remoteAsn: external, accept: [${SERVICE}/32], announce: [0.0.0.0/0]}]
`,
    );
    const router = start([process.execPath, ECMP, "run", place("router.yaml"), "--control", control]);
    programs.push(router);
    expect(await router.line()).toBe("ready");
    for (const name of DAEMONS) {
      programs.push(node.start(frrDaemon(folder, name)));
      until(`${name} runs`, () => existsSync(place(`${name}.vty`)) || undefined);
    }
  };

  const isThere = DAEMONS.every((name) => existsSync(`/usr/lib/frr/${name}`));

  beforeAll(async () => {
    if (isThere) await prepare();
  }, DEADLINE_MS);

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true, force: true });
  });

  describe.skipIf(!isThere)("an unnumbered neighbor, FRR", () => {
    test("is found by its advertisements, and finds us by ours", { timeout: DEADLINE_MS }, () => {
      const [, node] = hosts;
      const neighbor = until("the session is up", () => (peer().bgpState === "Established" ? peer() : undefined));
      const itsAddress = /inet6 (fe80::\S+)\/64/.exec(node.run("ip -6 addr show dev eth0"))?.[1];
      expect(neighbor).toMatchObject({ remoteAs: 64601, nbrExternalLink: true, bgpNeighborAddr: `${itsAddress}%port1` });
    });

    test("is sent packets of IPv4 by its link-local address, and sends its own by ours", { timeout: DEADLINE_MS }, () => {
      const [client, node] = hosts;
      const group = until("its route is in force", () => ecmp("show", "groups").groups[0]);
      expect(JSON.stringify(group)).toContain("%port1");
      until("FRR has our default route", () => (/via inet6 fe80/.test(node.run("ip route show default")) ? true : undefined));
      expect(client.run(`ping -c 2 -i 0.2 -W 5 ${SERVICE}`)).toMatch(/ttl=63[\s\S]*2 received/);
    });
  });
});

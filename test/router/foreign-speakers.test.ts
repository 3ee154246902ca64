/**
 * The running router beside speakers that are not ours, with their own word, or a packet, as the witness: another AS number
 * towards one of them, a limit of prefixes, a next hop of 32 bytes, packets while a speaker is killed and started again.
 *
 *   client 10.0.1.2, 2001:db8:1::2 -- port0 [router, AS 64513] port1 -- 2001:db8:11::2 FRR, AS 64601 (2001:db8:51::1)
 *                                                              port2 -- 10.0.12.2 ExaBGP, AS 64602 (198.51.100.2)
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { frrDaemon } from "../common/frr.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { eventually } from "../speaker/recorder.ts";

const DEADLINE_MS = 60_000;
const SERVICE6 = "2001:db8:51::1";
const [STAYS, GOES] = ["198.51.100.2", "198.51.100.3"];
const PROGRAMS = ["/usr/lib/frr/zebra", "/usr/lib/frr/bgpd", "/usr/bin/vtysh", "/usr/sbin/exabgp"];
/** Of what the client sends meanwhile: every 50 ms, for longer than all of it takes, and not one may be lost. */
const PING = ["ping", "-n", "-i", "0.05", "-W", "5", STAYS];

interface ShownPath {
  readonly peer: string;
  readonly status: string;
  readonly stale?: true;
}

await inNamespace(import.meta.url, () => {
  const missing = PROGRAMS.find((program) => !existsSync(program));
  if (missing) return void test.skip(`the router beside foreign speakers: ${missing} is not installed`);
  const folder = mkdtempSync(join(tmpdir(), "ecmp-foreign-"));
  const place = (name: string): string => join(folder, name);
  const control = place("control.sock");
  const hosts: Host[] = [];
  const programs: Program[] = [];
  let router: Program;
  let client: Host;
  let frr: Host;
  let exabgp: Host;

  const show = <Value>(...words: string[]) => askOnce(control, { show: words }) as Promise<Value>;
  const configure = (ofFrr = ""): void =>
    writeFileSync(
      place("router.yaml"),
      `
ports: [{interface: port0}, {interface: port1}, {interface: port2}]
bgp:
  asn: 64513
  routerId: 10.0.1.1
  networks: ["::/0"]
  neighbors:
    - {address: "2001:db8:11::2", remoteAsn: 64601, localAsn: 64999, passive: true, accept: ["::/0 le 128"], announce: ["::/0"]${ofFrr}}
    - {address: 10.0.12.2, remoteAsn: 64602, passive: true, accept: [0.0.0.0/0 le 32]}
`,
    );
  const reload = (ofFrr: string): Promise<unknown> => {
    configure(ofFrr);
    return askOnce(control, { reload: true });
  };
  const vtysh = (...lines: string[]): string =>
    spawnSync("vtysh", ["--vty_socket", folder, ...lines.flatMap((line) => ["-c", line])], { encoding: "utf8" }).stdout;
  const nextHopsTo = async (prefix: string): Promise<string[]> =>
    (await show<{ nextHops: { address: string }[] }[]>("routes", prefix)).flatMap(({ nextHops }) =>
      nextHops.map(({ address }) => address),
    );
  const goesBy = (prefix: string, wanted: RegExp) =>
    eventually(`${prefix} by ${wanted}`, async () => wanted.test((await nextHopsTo(prefix)).join()), DEADLINE_MS);

  const startFrr = async (): Promise<void> => {
    writeFileSync(place("zebra.conf"), "");
    writeFileSync(
      place("bgpd.conf"),
      `
router bgp 64601
 bgp router-id 10.0.11.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 2001:db8:11::1 remote-as 64999
 neighbor 2001:db8:11::1 timers connect 1
 address-family ipv6 unicast
  neighbor 2001:db8:11::1 activate
  network ${SERVICE6}/128
 exit-address-family
`,
    );
    for (const name of ["zebra", "bgpd"]) {
      programs.push(frr.start(frrDaemon(folder, name)));
      await eventually(`${name} runs`, () => existsSync(place(`${name}.vty`)), DEADLINE_MS);
    }
  };

  const startExabgp = (...services: string[]): Program => {
    const routes = services.map((service) => `route ${service}/32 next-hop self;`).join(" ");
    writeFileSync(
      place("exabgp.conf"),
      `
neighbor 10.0.12.1 {
  router-id 10.0.12.2; local-address 10.0.12.2; local-as 64602; peer-as 64513;
  capability { graceful-restart 60; }
  family { ipv4 unicast; }
  static { ${routes} }
}
`,
    );
    const settings = ["exabgp.daemon.user=root", "exabgp.api.cli=false", "exabgp.log.level=WARNING"];
    const program = exabgp.start(["env", ...settings, "/usr/sbin/exabgp", place("exabgp.conf")]);
    programs.push(program);
    return program;
  };

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [i, subnet] of [1, 11, 12].entries()) {
      const host = await Host.create(`port${i}`, `10.0.${subnet}.2/24`, `10.0.${subnet}.1`);
      hosts.push(host);
      run(`ip addr add 10.0.${subnet}.1/24 dev port${i}`);
      run(`sysctl -qw net.ipv6.conf.port${i}.accept_dad=0`);
      host.run("sysctl -qw net.ipv6.conf.eth0.accept_dad=0");
      host.enableIpv6(`port${i}`, `2001:db8:${subnet}::2`, `2001:db8:${subnet}::1`);
    }
    [client, frr, exabgp] = hosts;
    frr.run(`ip addr add ${SERVICE6}/128 dev lo`);
    exabgp.run(`ip addr add ${STAYS}/32 dev lo`);
    configure();
    router = start([process.execPath, ECMP, "run", place("router.yaml"), "--control", control]);
    programs.push(router);
    expect(await router.line()).toBe("ready");
    await startFrr();
  }, 2 * DEADLINE_MS);

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const ofFrr = () => JSON.parse(vtysh("show bgp neighbors json"))["2001:db8:11::1"];

  describe("beside FRR", () => {
    test("the router is of another AS where it is told to be, and has its own behind it in the path", {
      timeout: 2 * DEADLINE_MS,
    }, async () => {
      await goesBy(`${SERVICE6}/128`, /./);
      expect(ofFrr()).toMatchObject({ remoteAs: 64999, bgpState: "Established" });
      const path = () => JSON.parse(vtysh("show bgp ipv6 unicast ::/0 json")).paths?.[0]?.aspath.string;
      await eventually("FRR has the default route", () => path() !== undefined, DEADLINE_MS);
      expect(path()).toBe("64999 64513");
    });

    test("of a next hop of 32 bytes the one that the configuration prefers is in force", {
      timeout: 2 * DEADLINE_MS,
    }, async () => {
      const linkLocal = /inet6 (fe80::\S+)\/64/.exec(frr.run("ip -6 addr show dev eth0"))?.[1];
      const settings: [string, string][] = [
        ["global", "2001:db8:11::2"],
        ["link-local", `${linkLocal}%port1`],
      ];
      for (const [ipv6NextHop, nextHop] of settings) {
        await reload(`, ipv6NextHop: ${ipv6NextHop}`);
        await goesBy(`${SERVICE6}/128`, new RegExp(`^${nextHop}$`));
        const { groups } = await show<{ groups: { members: { address: string }[] }[] }>("groups");
        expect(JSON.stringify(groups)).toContain(`"${nextHop}"`);
        expect(client.run(`ping -c 2 -i 0.2 -W 5 ${SERVICE6}`)).toMatch(/ttl=63[\s\S]*2 received/);
      }
    });

    test("a limit of prefixes is warned of, and beyond it FRR is told why and tried again", {
      timeout: 2 * DEADLINE_MS,
    }, async () => {
      // Counted before anything is refused: our own default route, which it sends back, is one of them.
      await reload(", prefixLimit: {maxPrefixes: 3, warningThresholdPct: 75, restartTimeSeconds: 1}");
      await goesBy(`${SERVICE6}/128`, /./);
      const announce = (number: number, no = "") =>
        vtysh("configure terminal", "router bgp 64601", "address-family ipv6 unicast", `${no}network 2001:db8:51::${number}/128`);
      const near = router.said(/prefix-limit-near peer=2001:db8:11::2 family=ipv6 received=3 maxPrefixes=3/);
      announce(2);
      await near;
      expect(ofFrr().bgpState).toBe("Established");
      const exceeded = () => router.said(/prefix-limit-exceeded peer=2001:db8:11::2 family=ipv6 maxPrefixes=3/);
      const first = exceeded();
      announce(3);
      await first;
      await exceeded();
      expect(ofFrr().lastNotificationReason).toMatch(/Cease\/Maximum Number of Prefixes Reached/i);
      announce(3, "no ");
      await goesBy("2001:db8:51::2/128", /./);
    });
  });

  test("packets go on to a service whose speaker, ExaBGP, is killed and started again", {
    timeout: 2 * DEADLINE_MS,
  }, async () => {
    const pathsTo = async (service: string): Promise<ShownPath[]> =>
      (await show<{ paths: ShownPath[] }[]>("bgp", "routes", `${service}/32`)).flatMap(({ paths }) => paths);
    const first = startExabgp(STAYS, GOES);
    await goesBy(`${STAYS}/32`, /^10\.0\.12\.2$/);
    await goesBy(`${GOES}/32`, /^10\.0\.12\.2$/);
    const ping = client.start(PING);
    programs.push(ping);
    await ping.line();
    expect(await ping.line()).toMatch(/ttl=63/);
    const down = router.said(/routes-kept peer=10\.0\.12\.2 .*seconds=60/);
    first.child.kill("SIGKILL");
    await down;
    expect(await pathsTo(STAYS)).toMatchObject([{ peer: "10.0.12.2", status: "best", stale: true }]);
    const swept = router.said(/stale-routes-gone peer=10\.0\.12\.2 family=ipv4 reason=End-of-RIB/);
    startExabgp(STAYS);
    await swept;
    await eventually("what it does not say again is gone", async () => (await pathsTo(GOES)).length === 0, DEADLINE_MS);
    const [again] = await pathsTo(STAYS);
    expect(again).toMatchObject({ status: "best" });
    expect(again.stale).toBeUndefined();
    ping.child.kill("SIGINT");
    let summary = "";
    while (!summary.includes("packets transmitted")) summary = await ping.line();
    expect(summary).toMatch(/(\d+) packets transmitted, \1 received/);
  });
});

/**
 * Real speakers behind the running router: they learn a default route from it and use it, are told when it is gone, and are
 * held to what they may announce. FRR and BIRD put the route into their kernels; GoBGP, without FRR's zebra, only knows it.
 *
 *   client 10.0.1.2 -- port0 [router, AS 64513] port1 -- 10.0.11.2 FRR, AS 64601
 *                                               port2 -- 10.0.12.2 BIRD, AS 64602
 *                                               port3 -- 10.0.13.2 GoBGP, AS 64603
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { delay, systemClock } from "#src/net/clock.ts";
import { frrDaemon } from "../common/frr.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";

const DEADLINE_MS = 60_000;
/** Each question is a process, beside those that are to find the answer. */
const ASK_EVERY_MS = 100;
const SERVICES = [1, 2, 3].map((n) => `198.51.100.${n}/32`);

const folder = mkdtempSync(join(tmpdir(), "ecmp-announce-"));
const place = (...names: string[]): string => join(folder, ...names);

/** Asks again and again: the speakers have no other way to tell. */
async function until(what: string, ask: () => string, wanted: RegExp): Promise<void> {
  const endMs = systemClock.nowMs() + DEADLINE_MS;
  let said = "";
  for (; systemClock.nowMs() < endMs; await delay(systemClock, ASK_EVERY_MS)) {
    try {
      said = ask();
    } catch (error) {
      said = (error as Error).message;
    }
    if (wanted.test(said)) return;
  }
  throw new Error(`Not within ${DEADLINE_MS} ms: ${what}, wanted ${wanted}. Said: ${said}`);
}

interface Speaker {
  readonly name: string;
  readonly address: string;
  files(): Record<string, string>;
  /** Started in this order, each in the node's namespace. */
  commands(): string[][];
  /** Once these run, each again until it succeeds. */
  setUp?(): string[];
  /** What the speaker, or its kernel, says of the default route. */
  readonly ask: string;
  readonly learned: RegExp;
  readonly forgotten: RegExp;
}

const SPEAKERS: readonly Speaker[] = [
  {
    name: "FRR",
    address: "10.0.11.2",
    files: () => ({
      "frr/zebra.conf": "",
      "frr/bgpd.conf": `
router bgp 64601
 bgp router-id 10.0.11.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.0.11.1 remote-as 64513
 neighbor 10.0.11.1 timers connect 1
 address-family ipv4 unicast
  network ${SERVICES[0]}
 exit-address-family
`,
    }),
    commands: () => [
      frrDaemon(place("frr"), "zebra"),
      frrDaemon(place("frr"), "bgpd", ["-f", place("frr", "bgpd.conf"), "-p", "0"]),
    ],
    ask: "ip route show default",
    learned: /default .*via 10\.0\.11\.1 .*proto bgp/,
    forgotten: /^$/,
  },
  {
    name: "BIRD",
    address: "10.0.12.2",
    files: () => ({
      "bird.conf": `
router id 10.0.12.2;
protocol device {}
protocol kernel { ipv4 { import none; export all; }; }
protocol static services { ipv4; ${SERVICES.map((prefix) => `route ${prefix} blackhole;`).join(" ")} }
protocol bgp upstream {
  local 10.0.12.2 as 64602; neighbor 10.0.12.1 as 64513;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`,
    }),
    commands: () => [["bird", "-f", "-c", place("bird.conf"), "-s", place("bird.ctl"), "-P", place("bird.pid")]],
    ask: "ip route show default",
    learned: /default via 10\.0\.12\.1 .*proto bird/,
    forgotten: /^$/,
  },
  {
    name: "GoBGP",
    address: "10.0.13.2",
    files: () => ({
      "gobgp.toml": `
[global.config]
  as = 64603
  router-id = "10.0.13.2"
  port = -1
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.0.13.1"
    peer-as = 64513
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
`,
    }),
    commands: () => [["gobgpd", "-f", place("gobgp.toml"), "--pprof-disable", "--api-hosts", "127.0.0.1:50051"]],
    setUp: () => ["gobgp", "global", "rib", "add", SERVICES[2]],
    ask: "gobgp global rib",
    learned: /0\.0\.0\.0\/0 +10\.0\.13\.1 +64513 /,
    forgotten: /^(?![\s\S]*0\.0\.0\.0\/0)/,
  },
];

const PROGRAMS = ["/usr/lib/frr/bgpd", "/usr/lib/frr/zebra", "/usr/sbin/bird", "/usr/bin/gobgpd"];

await inNamespace(import.meta.url, () => {
  const missing = PROGRAMS.find((program) => !existsSync(program));
  if (missing) return void test.skip(`the router announces: ${missing} is not installed`);
  const control = place("control.sock");
  const hosts: Host[] = [];
  const programs: Program[] = [];
  let router: Program;
  let client: Host;
  let nodes: Host[];

  const configure = (more: { bgp?: string; bird?: string; gobgp?: string } = {}): string => {
    const { bgp = "networks: [0.0.0.0/0]", bird = "", gobgp = `, accept: ["${SERVICES[2]}"]` } = more;
    writeFileSync(
      place("router.yaml"),
      `
ports: [{interface: port0}, {interface: port1}, {interface: port2}, {interface: port3}]
bgp:
  asn: 64513
  routerId: 10.0.1.1
  multipathRelax: true
  announce: [0.0.0.0/0, 10.0.1.0/24]
  ${bgp}
  neighbors:
    - {address: 10.0.11.2, remoteAsn: 64601, passive: true, accept: ["198.51.100.0/24 le 32"]}
    - {address: 10.0.12.2, remoteAsn: 64602, passive: true, accept: ["198.51.100.0/31 le 32"]${bird}}
    - {address: 10.0.13.2, remoteAsn: 64603, passive: true${gobgp}}
`,
    );
    return place("router.yaml");
  };
  const ecmp = (...words: string[]): string => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [ECMP, ...words], { encoding: "utf8" });
    if (status !== 0) throw new Error(`ecmp ${words.join(" ")}: exit code ${status}: ${stderr}`);
    return stdout;
  };
  const show = <Value>(what: string): Value => JSON.parse(ecmp("show", ...what.split(" "), "--json", "--control", control));
  const reload = async (more: Parameters<typeof configure>[0]): Promise<void> => {
    configure(more);
    const done = router.said(/configured actions/);
    router.child.kill("SIGHUP");
    await done;
  };
  const routesTo = (prefix: string): string[] =>
    show<{ nextHops: { address: string }[] }[]>(`routes ${prefix}`).flatMap(({ nextHops }) => nextHops.map((one) => one.address));

  beforeAll(async () => {
    run("ip link set lo up");
    const places = ["10.0.1.2", ...SPEAKERS.map(({ address }) => address)];
    for (const [i, address] of places.entries()) {
      const gateway = address.replace(/2$/, "1");
      const host = await Host.create(`port${i}`, `${address}/24`, gateway);
      hosts.push(host);
      run(`ip addr add ${gateway}/24 dev port${i}`);
    }
    [client, ...nodes] = hosts;
    router = start([process.execPath, ECMP, "run", configure(), "--control", control]);
    programs.push(router);
    expect(await router.line()).toBe("ready");
    mkdirSync(place("frr"));
    for (const [i, speaker] of SPEAKERS.entries()) {
      nodes[i].run("ip route del default");
      for (const [name, text] of Object.entries(speaker.files())) writeFileSync(place(name), text);
      for (const command of speaker.commands()) programs.push(nodes[i].start(command));
    }
    for (const [i, { name, setUp }] of SPEAKERS.entries()) {
      if (setUp) await until(`${name} set up`, () => `done${nodes[i].run(setUp().join(" "))}`, /^done/);
    }
  });

  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true, force: true });
  });

  describe("the router announces", () => {
    test("a default route that FRR, BIRD and GoBGP learn, and that the first two use", { timeout: 200_000 }, async () => {
      for (const [i, { name, ask, learned }] of SPEAKERS.entries())
        await until(`${name} learns`, () => nodes[i].run(ask), learned);
      for (const i of [0, 1]) expect(nodes[i].run("ping -c 1 -W 5 10.0.1.2")).toContain("1 received");
      expect(client.run("ip route")).toContain("default via 10.0.1.1");
      for (const { address } of SPEAKERS) {
        expect(show(`bgp announced ${address}`)).toEqual([
          { prefix: "0.0.0.0/0", nextHop: address.replace(/2$/, "1"), asPath: "64513", origin: "IGP" },
          { prefix: "10.0.1.0/24", nextHop: address.replace(/2$/, "1"), asPath: "64513", origin: "incomplete" },
        ]);
      }
    });

    test("takes from each what its prefix list names, and shows the rest as refused", { timeout: 100_000 }, async () => {
      await until("FRR's and BIRD's", () => routesTo(SERVICES[0]).join(" "), /^10\.0\.11\.2 10\.0\.12\.2$/);
      await until("GoBGP's", () => routesTo(SERVICES[2]).join(" "), /^10\.0\.13\.2$/);
      const [{ paths }] = show<{ paths: { peer: string; status: string; reason?: string }[] }[]>(`bgp routes ${SERVICES[2]}`);
      expect(paths.map(({ peer, status, reason }) => [peer, status, reason])).toEqual([
        ["10.0.13.2", "best", undefined],
        ["10.0.12.2", "refused", "not accepted"],
      ]);
      const neighbors = show<Record<string, { prefixesRefused: Record<string, number> }>>("bgp neighbors");
      expect(neighbors["10.0.12.2"].prefixesRefused).toEqual({ "not accepted": 2 });
      expect(ecmp("show", "bgp", "summary", "--control", control)).toMatch(/10\.0\.12\.2 .* 3 +2 +2/);
    });

    test("nothing more after a reload without it, and takes from GoBGP nothing without a list", {
      timeout: 100_000,
    }, async () => {
      await reload({ bgp: "networks: []", gobgp: "" });
      for (const [i, { name, ask, forgotten }] of SPEAKERS.entries())
        await until(`${name} forgets`, () => nodes[i].run(ask), forgotten);
      expect(routesTo(SERVICES[2])).toEqual([]);
      expect(ecmp("show", "bgp", "summary", "--control", control)).toMatch(/10\.0\.13\.2 .*\(Policy\) +1 /);
      const peers = Object.values(show<{ peers: Record<string, { connectionsEstablished: number }> }>("bgp summary").peers);
      expect(peers.map(({ connectionsEstablished }) => connectionsEstablished)).toEqual([1, 1, 1]);
    });

    test("Cease to BIRD when it announces more prefixes than it may, and hears it again when it may", {
      timeout: 100_000,
    }, async () => {
      const exceeded = () => router.said(/prefix-limit-exceeded peer=10\.0\.12\.2 family=ipv4 maxPrefixes=2/);
      const ended = exceeded();
      await reload({ bird: ", prefixLimit: {maxPrefixes: 2}" });
      nodes[1].run(`birdc -s ${place("bird.ctl")} restart services`);
      await ended;
      const birdSays = () => nodes[1].run(`birdc -s ${place("bird.ctl")} show protocols all upstream`);
      await until("BIRD hears why", birdSays, /Maximum number of prefixes reached/i);
      expect(show<{ peers: Record<string, { state: string }> }>("bgp summary").peers["10.0.12.2"].state).toBe("Idle");
      // Another hold time is a session anew, to which the limit holds as well.
      const again = exceeded();
      await reload({ bird: ", prefixLimit: {maxPrefixes: 2}, holdTimeSeconds: 60" });
      await again;
      await reload({ bird: ", prefixLimit: {maxPrefixes: 3}" });
      await until("BIRD is back", birdSays, /Established/);
      await until("its service", () => routesTo(SERVICES[0]).join(" "), /10\.0\.12\.2/);
    });

    test("tries BIRD again after the restart time, and gives it up again as long as it announces too many", {
      timeout: 100_000,
    }, async () => {
      const exceeded = () => router.said(/prefix-limit-exceeded peer=10\.0\.12\.2 .*restartTimeSeconds=1/);
      const first = exceeded();
      await reload({ bird: ", prefixLimit: {maxPrefixes: 2, restartTimeSeconds: 1}" });
      // A limit is looked at when something is announced.
      nodes[1].run(`birdc -s ${place("bird.ctl")} restart services`);
      await first;
      await exceeded();
      await reload({ bird: ", prefixLimit: {maxPrefixes: 3, restartTimeSeconds: 1}" });
      await until("its service", () => routesTo(SERVICES[0]).join(" "), /10\.0\.12\.2/);
    });
  });
});

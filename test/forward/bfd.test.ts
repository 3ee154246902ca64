/**
 * BFD where it matters: the router as a user runs it beside FRR's bgpd and bfdd, on a cable that goes silent without a word.
 * The hold time is three minutes, so whatever takes the routes away sooner is BFD.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BFD_DAEMONS, echoesReturned, startBfdDaemon, startZebra } from "../bfd/daemons.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { eventually } from "../speaker/recorder.ts";

const PASSWORD = "cable-and-secret";
const PREFIX = "203.0.113.10/32";
/** FRR's thread is an ordinary one: on a machine on which many run, it waits for longer than 100 ms. */
const INTERVAL_MS = 300;
const DETECTION_MS = 3 * INTERVAL_MS;
/** Room for such a machine, far below the hold time. */
const SLACK_MS = 2000;
const PROGRAMS = ["/usr/lib/frr/bgpd", "/usr/lib/frr/bfdd", "/usr/lib/frr/zebra"];

interface Event {
  readonly kind: string;
  readonly atMs: number;
  readonly [detail: string]: unknown;
}

await inNamespace(import.meta.url, () => {
  const missing = PROGRAMS.find((program) => !existsSync(program));
  const folder = mkdtempSync(join(tmpdir(), "ecmp-bfd-"));
  const control = join(folder, "control.sock");
  const programs: Program[] = [];
  let host: Host;

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const show = (...words: string[]) => {
    const { stdout } = spawnSync(process.execPath, [ECMP, "show", ...words, "--json", "--control", control], {
      encoding: "utf8",
    });
    return JSON.parse(stdout);
  };
  const keep = (program: Program): Program => {
    programs.push(program);
    return program;
  };

  beforeAll(async () => {
    run("ip link set lo up");
    host = await Host.create("port0", "10.0.5.2/24", "10.0.5.1");
    run("ip address add 10.0.5.1/24 dev port0");
  });
  afterAll(() => {
    for (const { child } of programs) child.kill("SIGKILL");
    host.end();
    rmSync(folder, { recursive: true });
  });

  const session = {
    ...{ ours: "10.0.5.1", theirs: "10.0.5.2", intervalMs: INTERVAL_MS, multiplier: 3, multihop: false, echo: false },
  };
  const plan = { ...session, folder: join(folder, "bfdd") };

  function startSpeaker(): void {
    mkdirSync(join(folder, "bgpd"));
    const configuration = file(
      "bgpd.conf",
      `router bgp 65001
 bgp router-id 10.0.5.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.0.5.1 remote-as 65000
 neighbor 10.0.5.1 password ${PASSWORD}
 neighbor 10.0.5.1 ttl-security hops 1
 neighbor 10.0.5.1 disable-connected-check
 neighbor 10.0.5.1 timers connect 1
 address-family ipv4 unicast
  network ${PREFIX}
 exit-address-family
`,
    );
    const options = [
      "-n",
      "-Z",
      "-S",
      "-P",
      "0",
      "-f",
      configuration,
      "-i",
      join(folder, "bgpd/pid"),
      "--vty_socket",
      join(folder, "bgpd"),
    ];
    keep(host.start(["setpriv", "--pdeathsig", "KILL", "/usr/lib/frr/bgpd", ...options]));
    keep(startBfdDaemon(BFD_DAEMONS[0], host, plan));
  }

  async function endSpeaker(): Promise<void> {
    for (const { child, ended } of programs.splice(0)) {
      child.kill("SIGKILL");
      await ended;
    }
  }

  if (missing) test.skip(`${missing} is not installed`, () => undefined);
  else {
    test("a silent cable takes the routes within the detection time, an operator's switch does not", { timeout: 180_000 }, play);
    test("echo packets that FRR sends to itself come back through the packet path", { timeout: 180_000 }, playEcho);
  }

  async function play(): Promise<void> {
    startSpeaker();
    file("n1.password", `${PASSWORD}\n`);
    const configuration = file(
      "router.yaml",
      `ports: [{interface: port0}]
bgp:
  asn: 65000
  routerId: 10.0.5.1
  holdTimeSeconds: 180
  connectRetrySeconds: 1
  bfdProfiles: {quick: {minTxMs: ${INTERVAL_MS}, minRxMs: ${INTERVAL_MS}}}
  neighbors:
    - {address: 10.0.5.2, remoteAsn: 65001, passwordFile: n1.password, ttlSecurity: {}, accept: ["203.0.113.0/24 le 32"], bfd: {profile: quick}}
`,
    );
    const router = keep(start([process.execPath, ECMP, "run", configuration, "--control", control, "--json"]));
    const events: Event[] = [];
    const next = async (kind: string): Promise<Event> => {
      for (;;) {
        const event: Event = JSON.parse(await router.line());
        events.push(event);
        if (event.kind === kind) return event;
      }
    };
    await next("routes");
    await eventually("settled", () => show("bfd")[0]["detection-time"] === DETECTION_MS, 20_000);
    expect(show("bfd", "10.0.5.2")).toMatchObject([{ status: "up", multihop: false, "detect-multiplier": 3 }]);

    for (const words of ["add table inet cut", "add chain inet cut out { type filter hook output priority 0 ; policy drop ; }"])
      host.run(`nft ${words}`);
    const down = await next("bfd-down");
    expect(down).toMatchObject({ peer: "10.0.5.2", reason: "control detection time expired", detectionTimeMs: DETECTION_MS });
    expect(down.silentMs).toBeGreaterThanOrEqual(DETECTION_MS);
    expect(down.silentMs).toBeLessThan(DETECTION_MS + SLACK_MS);
    expect(await next("notification")).toMatchObject({ notification: { direction: "sent", name: "Cease/BFD Down" } });
    const lost = await next("routes");
    expect(lost.atMs - (down.detectedAtMs as number)).toBeLessThan(SLACK_MS);
    expect(show("routes").filter(({ prefix }: { prefix: string }) => prefix === PREFIX)).toEqual([]);

    host.run("nft delete table inet cut");
    await next("bfd-up");
    while (show("routes").every(({ prefix }: { prefix: string }) => prefix !== PREFIX)) await next("routes");

    BFD_DAEMONS[0].switchOff(plan);
    expect(await next("bfd-down")).toMatchObject({ reason: "neighbor signaled session down", remoteState: "AdminDown" });
    expect(show("bgp", "summary").peers["10.0.5.2"]).toMatchObject({ state: "Established", connectionsDropped: 1 });

    // Without BFD in the file there is none, and the session that stands does not notice.
    file("router.yaml", `${spawnSync("sed", ["s/, bfd: {profile: quick}//", configuration], { encoding: "utf8" }).stdout}`);
    router.child.kill("SIGHUP");
    expect(await next("configured")).toMatchObject({ actions: ["configure-bfd"] });
    expect([show("bfd"), show("bgp", "summary").peers["10.0.5.2"].connectionsDropped]).toEqual([[], 1]);

    const shown = [["events"], ["bgp", "neighbors"], ["bgp", "summary"], ["bfd"]].map((words) =>
      spawnSync(process.execPath, [ECMP, "show", ...words, "--json", "--control", control], { encoding: "utf8" }),
    );
    router.child.kill("SIGTERM");
    const { code, stderr } = await router.ended;
    expect(code).toBe(0);
    await endSpeaker();
    expect(shown[1].stdout).toContain('"authenticationEnabled":1');
    expect([...shown.map(({ stdout }) => stdout), JSON.stringify(events), stderr].join("\n")).not.toContain(PASSWORD);
  }

  /** RFC 5881 section 6: FRR sends echo packets to itself, by way of us. */
  async function playEcho(): Promise<void> {
    const plan = { ...session, echo: true, folder: join(folder, "echo") };
    // Its kernel would take its own address in a packet from outside for a mistake.
    for (const name of ["all.accept_local=1", "all.rp_filter=0", "eth0.rp_filter=0"])
      host.run(`sysctl -qw net.ipv4.conf.${name}`);
    keep(await startZebra(host, plan));
    keep(startBfdDaemon(BFD_DAEMONS[0], host, plan));
    const configuration = file(
      "echo.yaml",
      `ports: [{interface: port0}]
bgp:
  asn: 65000
  routerId: 10.0.5.1
  neighbors: [{address: 10.0.5.2, remoteAsn: 65001, passive: true, bfd: {minTxMs: ${INTERVAL_MS}, minRxMs: ${INTERVAL_MS}, echo: true}}]
`,
    );
    const router = keep(start([process.execPath, ECMP, "run", configuration, "--control", control]));
    expect(await router.line()).toBe("ready");
    await eventually("echo mode", () => show("bfd")[0]["remote-echo-receive-interval"] > 0, 30_000);
    await eventually("echoes", () => echoesReturned(plan) > 20, 30_000);
    expect(show("bfd")).toMatchObject([{ status: "up", "echo-receive-interval": 50 }]);
    expect(show("bfd", "drops").echo).toBe(0);
    router.child.kill("SIGTERM");
    expect(await router.ended).toMatchObject({ code: 0 });
  }
});

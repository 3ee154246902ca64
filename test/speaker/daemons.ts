/**
 * The speakers that people run, each as one process with one static route: how it is configured, started, and told to take
 * that route back. A daemon lives in mount and process namespaces of its own and dies with the process that started it, so
 * nothing of it is left behind; the network namespace is that of the test.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { delay, systemClock } from "#src/net/clock.ts";

export interface DaemonPeer {
  readonly address: string;
  readonly asn: number;
}

export interface DaemonPlan {
  /** Where it runs and whom it talks to. */
  readonly address: string;
  readonly asn: number;
  readonly peers: readonly DaemonPeer[];
  readonly prefix: string;
  /** For its files. */
  readonly folder: string;
}

export interface DaemonKind {
  readonly name: string;
  /** All have to be there. */
  readonly programs: readonly string[];
  /** What to ask for its version, and where the answer has it. */
  readonly version: readonly [command: readonly string[], pattern: RegExp];
  configuration(plan: DaemonPlan): string;
  command(plan: DaemonPlan, configurationPath: string): string[];
  /** A folder of its own that it insists on; it gets one that nobody else sees. */
  readonly folder?: string;
  announce?(plan: DaemonPlan): string[];
  withdraw(plan: DaemonPlan): string[];
  /** Whether the words of a shutdown (RFC 9003) can be given. */
  readonly sendsWords: boolean;
  /** Ends the session with Cease/Administrative Shutdown, and `words` where it sends any. */
  shutDown(plan: DaemonPlan, words: string): string[];
}

const eachPeer = (plan: DaemonPlan, render: (peer: DaemonPeer, index: number) => string): string =>
  plan.peers.map(render).join("").trimStart();

const frrShell = (plan: DaemonPlan, ...lines: string[]) => [
  "vtysh",
  "--vty_socket",
  plan.folder,
  ...lines.flatMap((line) => ["-c", line]),
];

const exabgpCommand = (plan: DaemonPlan, line: string) => [
  ...["sh", "-c", 'echo "$1" >>"$2"', "sh"],
  ...[line, join(plan.folder, "commands")],
];

const openbgpdControl = (plan: DaemonPlan, ...words: string[]) => ["bgpctl", "-s", join(plan.folder, "control"), ...words];

export const DAEMONS: readonly DaemonKind[] = [
  {
    name: "FRR bgpd",
    sendsWords: true,
    programs: ["/usr/lib/frr/bgpd", "/usr/bin/vtysh"],
    version: [["/usr/lib/frr/bgpd", "--version"], /bgpd version (\S+)/],
    configuration: (plan) => `
      router bgp ${plan.asn}
       bgp router-id ${plan.address}
       no bgp ebgp-requires-policy
       no bgp network import-check
       ${eachPeer(
         plan,
         ({ address, asn }) => `
       neighbor ${address} remote-as ${asn}
       neighbor ${address} ebgp-multihop 2
       neighbor ${address} update-source ${plan.address}
       neighbor ${address} timers connect 1`,
       )}
       address-family ipv4 unicast
        network ${plan.prefix}
       exit-address-family
    `,
    // No zebra, no change of user, no telnet.
    command: (plan, path) => [
      ...["/usr/lib/frr/bgpd", "-n", "-Z", "-S", "-P", "0", "-l", plan.address, "-f", path],
      ...["-i", join(plan.folder, "pid"), "--vty_socket", plan.folder],
    ],
    withdraw: (plan) =>
      frrShell(plan, "configure terminal", `router bgp ${plan.asn}`, "address-family ipv4 unicast", `no network ${plan.prefix}`),
    shutDown: (plan, words) => {
      const shutdown = `neighbor ${plan.peers[0].address} shutdown message ${words}`;
      return frrShell(plan, "configure terminal", `router bgp ${plan.asn}`, shutdown);
    },
  },
  {
    name: "BIRD",
    sendsWords: true,
    programs: ["/usr/sbin/bird", "/usr/sbin/birdc"],
    version: [["/usr/sbin/bird", "--version"], /BIRD version (\S+)/],
    configuration: (plan) => `
      router id ${plan.address};
      protocol device {}
      protocol static service { ipv4; route ${plan.prefix} blackhole; }
      ${eachPeer(
        plan,
        ({ address, asn }, index) => `
      protocol bgp upstream${index} {
        local ${plan.address} as ${plan.asn};
        neighbor ${address} as ${asn};
        multihop 2; strict bind yes;
        connect delay time 1; connect retry time 1; error wait time 1, 1;
        ipv4 { import all; export all; next hop self; };
      }`,
      )}
    `,
    command: (plan, path) => [
      "/usr/sbin/bird",
      "-f",
      "-c",
      path,
      "-s",
      join(plan.folder, "control"),
      "-P",
      join(plan.folder, "pid"),
    ],
    withdraw: (plan) => ["birdc", "-s", join(plan.folder, "control"), "disable", "service"],
    shutDown: (plan, words) => ["birdc", "-s", join(plan.folder, "control"), "disable", "upstream0", `"${words}"`],
  },
  {
    name: "GoBGP",
    sendsWords: true,
    programs: ["/usr/bin/gobgpd", "/usr/bin/gobgp"],
    version: [["/usr/bin/gobgpd", "--version"], /gobgpd version (\S+)/],
    configuration: (plan) => `
      [global.config]
        as = ${plan.asn}
        router-id = "${plan.address}"
        local-address-list = ["${plan.address}"]
      ${eachPeer(
        plan,
        ({ address, asn }) => `
      [[neighbors]]
        [neighbors.config]
          neighbor-address = "${address}"
          peer-as = ${asn}
        [neighbors.timers.config]
          connect-retry = 1
        [neighbors.transport.config]
          local-address = "${plan.address}"
        [neighbors.ebgp-multihop.config]
          enabled = true
          multihop-ttl = 2`,
      )}
    `,
    command: (plan, path) => ["/usr/bin/gobgpd", "-f", path, "--pprof-disable", "--api-hosts", `${plan.address}:50051`],
    announce: (plan) => ["gobgp", "-u", plan.address, "global", "rib", "add", plan.prefix],
    withdraw: (plan) => ["gobgp", "-u", plan.address, "global", "rib", "del", plan.prefix],
    shutDown: (plan, words) => ["gobgp", "-u", plan.address, "neighbor", plan.peers[0].address, "shutdown", "--reason", words],
  },
  {
    name: "ExaBGP",
    // It has no words to send, only the number of the reason.
    sendsWords: false,
    programs: ["/usr/sbin/exabgp", "/usr/bin/tail"],
    version: [["/usr/sbin/exabgp", "--version"], /ExaBGP : (\S+)/],
    // Its commands are what a program of the user's choice prints: here, whatever is appended to a file.
    configuration: (plan) => `
      process commands {
        run /usr/bin/tail --lines=+1 --follow ${join(plan.folder, "commands")};
        encoder text;
      }
      ${eachPeer(
        plan,
        ({ address, asn }) => `
      neighbor ${address} {
        router-id ${plan.address};
        local-address ${plan.address};
        local-as ${plan.asn};
        peer-as ${asn};
        listen 179;
        hold-time 90;
        api { processes [ commands ]; }
      }`,
      )}
    `,
    command: (_, path) => [
      ...["env", "exabgp.daemon.user=root", "exabgp.api.ack=false", "exabgp.api.cli=false", "exabgp.log.level=WARNING"],
      ...["/usr/sbin/exabgp", path],
    ],
    announce: (plan) => exabgpCommand(plan, `announce route ${plan.prefix} next-hop self`),
    withdraw: (plan) => exabgpCommand(plan, `withdraw route ${plan.prefix} next-hop self`),
    shutDown: (plan) => exabgpCommand(plan, `neighbor ${plan.peers[0].address} teardown 2`),
  },
  {
    name: "OpenBGPD",
    sendsWords: true,
    programs: ["/usr/sbin/bgpd", "/usr/sbin/bgpctl"],
    version: [["/usr/sbin/bgpd", "-V"], /OpenBGPD (\S+)/],
    // Without `allow` it neither takes nor sends anything (RFC 8212). It dials again after two minutes, unless told.
    configuration: (plan) => `
      AS ${plan.asn}
      router-id ${plan.address}
      listen on ${plan.address}
      socket "${join(plan.folder, "control")}"
      fib-update no
      connect-retry 1
      network ${plan.prefix}
      ${eachPeer(
        plan,
        ({ address, asn }) => `
      neighbor ${address} {
        remote-as ${asn}
        local-address ${plan.address}
        multihop 2
      }`,
      )}
      allow from any
      allow to any
    `,
    folder: "/run/openbgpd",
    command: (_, path) => ["/usr/sbin/bgpd", "-d", "-f", path],
    withdraw: (plan) => openbgpdControl(plan, "network", "delete", plan.prefix),
    shutDown: (plan, words) => openbgpdControl(plan, "neighbor", plan.peers[0].address, "down", words),
  },
];

/** As the program itself says it. */
export function versionOf({ name, version: [command, pattern] }: DaemonKind): string {
  const { stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
  const found = pattern.exec(`${stdout}${stderr}`)?.[1];
  if (found === undefined) throw new Error(`${name}: ${command.join(" ")} says ${stdout}${stderr}, a version wanted`);
  return found;
}

export const missingProgram = (kind: DaemonKind): string | undefined => kind.programs.find((program) => !existsSync(program));

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

const descendants = (pid: number): number[] => childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);

const runProgram = promisify(execFile);

const CONTROL_DEADLINE_MS = 20_000;
const CONTROL_RETRY_MS = 50;

export class Daemon {
  private readonly kind: DaemonKind;
  private readonly plan: DaemonPlan;
  private readonly process: ChildProcess;
  private output = "";
  private isWanted = true;
  private readonly closed: Promise<void>;
  /** Rejects with the daemon's own words if it ends by itself. */
  readonly failed: Promise<never>;

  constructor(kind: DaemonKind, plan: DaemonPlan) {
    this.kind = kind;
    this.plan = plan;
    mkdirSync(plan.folder, { recursive: true });
    const path = join(plan.folder, "configuration");
    writeFileSync(path, kind.configuration(plan).replaceAll(/^ {6}/gm, ""));
    writeFileSync(join(plan.folder, "commands"), "");
    const mounts = [
      "mount -t tmpfs tmpfs /var/tmp",
      ...(kind.folder ? [`mount -t tmpfs tmpfs /run && mkdir ${kind.folder}`] : []),
    ];
    // The shell stays, as process 1: with it, all that is in its namespace dies, also a daemon that has changed its user.
    const inside = [[...mounts, '"$@"; exit'].join(" && "), "sh", ...kind.command(plan, path)];
    const unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", ...inside];
    this.process = spawn("setpriv", ["--pdeathsig", "KILL", ...unshare], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream?.on("data", (chunk) => (this.output += chunk));
    this.closed = new Promise((resolve) => this.process.once("close", () => resolve()));
    this.failed = this.closed.then(() => {
      if (this.isWanted) throw new Error(`${kind.name} has ended: ${this.output}`);
      return new Promise<never>(() => undefined);
    });
    this.failed.catch(() => undefined);
  }

  announce(): Promise<void> {
    return this.run(this.kind.announce?.(this.plan));
  }

  withdraw(): Promise<void> {
    return this.run(this.kind.withdraw(this.plan));
  }

  shutDown(words: string): Promise<void> {
    return this.run(this.kind.shutDown(this.plan, words));
  }

  /** SIGSTOP to every process of it: its sockets stay open and nobody answers. */
  freeze(): void {
    for (const pid of descendants(this.pid)) process.kill(pid, "SIGSTOP");
  }

  /** SIGKILL to the speaker itself, so that its kernel closes its sockets, and no process of it says a word. */
  kill(): void {
    this.isWanted = false;
    this.freeze();
    const [speaker] = childrenOf(this.pid);
    if (speaker > 0) process.kill(speaker, "SIGKILL");
  }

  private get pid(): number {
    if (this.process.pid === undefined) throw new Error(`${this.kind.name} has not started`);
    return this.process.pid;
  }

  /** Settles when nothing of it is left: its output stays open as long as any process of it lives. */
  end(): Promise<void> {
    this.isWanted = false;
    this.process.kill("SIGKILL");
    return this.closed;
  }

  /** The control socket may not be there yet: it is tried again until it is. */
  private async run(command: string[] | undefined): Promise<void> {
    if (!command) return;
    const endMs = systemClock.nowMs() + CONTROL_DEADLINE_MS;
    for (;;) {
      try {
        await runProgram(command[0], command.slice(1), { timeout: 5000 });
        return;
      } catch (cause) {
        if (systemClock.nowMs() > endMs || this.process.exitCode !== null)
          throw new Error(`${command.join(" ")}: ${this.output}`, { cause });
        await delay(systemClock, CONTROL_RETRY_MS);
      }
    }
  }
}

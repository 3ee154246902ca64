/**
 * The speakers that people run, each as one process with one static route: how it is configured, started, and told to take
 * that route back. A daemon lives in mount and process namespaces of its own and dies with the process that started it, so
 * nothing of it is left behind; the network namespace is that of the test.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

export interface DaemonPlan {
  /** Where it runs and whom it talks to. */
  readonly address: string;
  readonly asn: number;
  readonly peerAddress: string;
  readonly peerAsn: number;
  readonly prefix: string;
  /** For its files. */
  readonly folder: string;
}

export interface DaemonKind {
  readonly name: string;
  /** All have to be there. */
  readonly programs: readonly string[];
  configuration(plan: DaemonPlan): string;
  command(plan: DaemonPlan, configurationPath: string): string[];
  announce?(plan: DaemonPlan): string[];
  withdraw(plan: DaemonPlan): string[];
}

const frrShell = (plan: DaemonPlan, ...lines: string[]) => [
  "vtysh",
  "--vty_socket",
  plan.folder,
  ...lines.flatMap((line) => ["-c", line]),
];

export const DAEMONS: readonly DaemonKind[] = [
  {
    name: "FRR bgpd",
    programs: ["/usr/lib/frr/bgpd", "/usr/bin/vtysh"],
    configuration: (plan) => `
      router bgp ${plan.asn}
       bgp router-id ${plan.address}
       no bgp ebgp-requires-policy
       no bgp network import-check
       neighbor ${plan.peerAddress} remote-as ${plan.peerAsn}
       neighbor ${plan.peerAddress} ebgp-multihop 2
       neighbor ${plan.peerAddress} update-source ${plan.address}
       neighbor ${plan.peerAddress} timers connect 1
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
  },
  {
    name: "BIRD",
    programs: ["/usr/sbin/bird", "/usr/sbin/birdc"],
    configuration: (plan) => `
      router id ${plan.address};
      protocol device {}
      protocol static service { ipv4; route ${plan.prefix} blackhole; }
      protocol bgp upstream {
        local ${plan.address} as ${plan.asn};
        neighbor ${plan.peerAddress} as ${plan.peerAsn};
        multihop 2; strict bind yes;
        connect delay time 1; connect retry time 1;
        ipv4 { import none; export all; next hop self; };
      }
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
  },
  {
    name: "GoBGP",
    programs: ["/usr/bin/gobgpd", "/usr/bin/gobgp"],
    configuration: (plan) => `
      [global.config]
        as = ${plan.asn}
        router-id = "${plan.address}"
        local-address-list = ["${plan.address}"]
      [[neighbors]]
        [neighbors.config]
          neighbor-address = "${plan.peerAddress}"
          peer-as = ${plan.peerAsn}
        [neighbors.transport.config]
          local-address = "${plan.address}"
        [neighbors.ebgp-multihop.config]
          enabled = true
          multihop-ttl = 2
    `,
    command: (plan, path) => ["/usr/bin/gobgpd", "-f", path, "--api-hosts", `${plan.address}:50051`],
    announce: (plan) => ["gobgp", "-u", plan.address, "global", "rib", "add", plan.prefix],
    withdraw: (plan) => ["gobgp", "-u", plan.address, "global", "rib", "del", plan.prefix],
  },
];

export const missingProgram = (kind: DaemonKind): string | undefined => kind.programs.find((program) => !existsSync(program));

const runProgram = promisify(execFile);

export class Daemon {
  private readonly kind: DaemonKind;
  private readonly plan: DaemonPlan;
  private readonly process: ChildProcess;
  private output = "";
  private isWanted = true;
  /** Rejects with the daemon's own words if it ends by itself. */
  readonly failed: Promise<never>;

  constructor(kind: DaemonKind, plan: DaemonPlan) {
    this.kind = kind;
    this.plan = plan;
    mkdirSync(plan.folder, { recursive: true });
    const path = join(plan.folder, "configuration");
    writeFileSync(path, kind.configuration(plan).replaceAll(/^ {6}/gm, ""));
    const inside = ['mount -t tmpfs tmpfs /var/tmp && exec "$@"', "sh", ...kind.command(plan, path)];
    const unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", ...inside];
    this.process = spawn("setpriv", ["--pdeathsig", "KILL", ...unshare], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream?.on("data", (chunk) => (this.output += chunk));
    this.failed = new Promise((_, reject) =>
      this.process.once("close", () => this.isWanted && reject(new Error(`${kind.name} has ended: ${this.output}`))),
    );
    this.failed.catch(() => undefined);
  }

  announce(): Promise<void> {
    return this.run(this.kind.announce?.(this.plan));
  }

  withdraw(): Promise<void> {
    return this.run(this.kind.withdraw(this.plan));
  }

  /** SIGKILL to the speaker itself, so that its kernel closes its sockets, and nobody else says a word. */
  kill(): void {
    this.isWanted = false;
    const { pid } = this.process;
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
    if (child > 0) process.kill(child, "SIGKILL");
  }

  end(): void {
    this.isWanted = false;
    this.process.kill("SIGKILL");
  }

  /** The control socket may not be there yet: it is tried again until it is. */
  private async run(command: string[] | undefined): Promise<void> {
    if (!command) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await runProgram(command[0], command.slice(1), { timeout: 5000 });
        return;
      } catch (cause) {
        if (attempt === 20 || this.process.exitCode !== null) throw new Error(`${command.join(" ")}: ${this.output}`, { cause });
      }
    }
  }
}

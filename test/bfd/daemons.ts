/** The BFD speakers that people run, each on a host of its own: configured, started, and asked what they see. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { frrDaemon } from "../common/frr.ts";
import type { Host, Program } from "../common/host.ts";
import { eventually } from "../speaker/recorder.ts";

export interface BfdPlan {
  readonly ours: string;
  readonly theirs: string;
  readonly intervalMs: number;
  readonly multiplier: number;
  readonly multihop: boolean;
  readonly echo: boolean;
  /** Before all other processes, where that is allowed: it waits for no processor then. */
  readonly realTime?: boolean;
  /** For its files. */
  readonly folder: string;
}

export interface BfdDaemon {
  readonly name: string;
  /** All have to be there. */
  readonly programs: readonly string[];
  configuration(plan: BfdPlan): string;
  command(plan: BfdPlan, configuration: string): string[];
  /** What it says of the session. */
  show(plan: BfdPlan): string;
  isUp(shown: string): boolean;
  /** Of what it sends over many hops. */
  readonly multihopTtl: number;
  /** Whether it says a word when it is switched off. */
  readonly saysOff: boolean;
  /** By its operator's will; and on again. */
  switchOff(plan: BfdPlan): void;
  switchOn(plan: BfdPlan): void;
}

const peerOf = ({ ours, theirs, multihop, echo }: BfdPlan): string =>
  `peer ${ours}${multihop ? " multihop" : ""} local-address ${theirs}${echo ? " interface eth0" : ""}`;

const vtysh = ({ folder }: BfdPlan, ...lines: string[]): string =>
  execFileSync("vtysh", ["--vty_socket", folder, ...lines.flatMap((line) => ["-c", line])], { encoding: "utf8", stdio: "pipe" });

const switchPeer = (plan: BfdPlan, word: string): void => void vtysh(plan, "configure terminal", "bfd", peerOf(plan), word);

const birdc = ({ folder }: BfdPlan, ...words: string[]): string =>
  execFileSync("/usr/sbin/birdc", ["-s", join(folder, "control"), ...words], { encoding: "utf8", stdio: "pipe" });

export const BFD_DAEMONS: readonly BfdDaemon[] = [
  {
    name: "FRR bfdd",
    multihopTtl: 255,
    saysOff: true,
    programs: ["/usr/lib/frr/bfdd", "/usr/bin/vtysh"],
    configuration: (plan) => `
bfd
 ${peerOf(plan)}
  receive-interval ${plan.intervalMs}
  transmit-interval ${plan.intervalMs}
  detect-multiplier ${plan.multiplier}
  ${plan.echo ? "echo-mode" : "!"}
  no shutdown
`,
    command: ({ folder }, configuration) => frrDaemon(folder, "bfdd", ["-f", configuration, "--bfdctl", join(folder, "bfdctl")]),
    show: (plan) => vtysh(plan, "show bfd peers json"),
    isUp: (shown) => /"status": ?"up"/.test(shown),
    switchOff: (plan) => switchPeer(plan, "shutdown"),
    switchOn: (plan) => switchPeer(plan, "no shutdown"),
  },
  {
    name: "BIRD",
    // The system's.
    multihopTtl: 64,
    saysOff: false,
    programs: ["/usr/sbin/bird", "/usr/sbin/birdc"],
    configuration: (plan) => {
      const timers = `interval ${plan.intervalMs} ms; multiplier ${plan.multiplier};`;
      return `
router id 10.255.0.2;
protocol device {}
protocol bfd watch {
  interface "eth0" { ${timers} };
  multihop { ${timers} };
  neighbor ${plan.ours} ${plan.multihop ? "" : 'dev "eth0"'} local ${plan.theirs} ${plan.multihop ? "multihop on" : ""};
}
`;
    },
    command: ({ folder }, configuration) => [
      ...["/usr/sbin/bird", "-f", "-c", configuration],
      ...["-s", join(folder, "control"), "-P", join(folder, "pid")],
    ],
    show: (plan) => birdc(plan, "show", "bfd", "sessions"),
    isUp: (shown) => / Up /.test(shown),
    switchOff: (plan) => void birdc(plan, "disable", "watch"),
    switchOn: (plan) => void birdc(plan, "enable", "watch"),
  },
];

/**
 * What bfdd knows interfaces from, which it needs for echo packets alone. Resolves when it takes clients: one that comes
 * sooner tries again only after ten seconds, and after the third failure each minute (zclient.c, ZCLIENT_CONNECT).
 */
export async function startZebra(host: Host, { folder }: BfdPlan): Promise<Program> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "none"), "");
  const zebra = host.start(["setpriv", "--pdeathsig", "KILL", ...frrDaemon(folder, "zebra", ["-f", join(folder, "none")])]);
  await eventually("zebra", () => acceptsClients(join(folder, "zserv.api")), 30_000);
  return zebra;
}

const acceptsClients = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const client = connect(path, () => {
      client.destroy();
      resolve(true);
    });
    client.on("error", () => resolve(false));
  });

/** How many echo packets bfdd has seen come back. */
export const echoesReturned = (plan: BfdPlan): number =>
  Number(/Echo packet input: (\d+)/.exec(vtysh(plan, "show bfd peers counters"))?.[1]);

export function startBfdDaemon(daemon: BfdDaemon, host: Host, plan: BfdPlan): Program {
  mkdirSync(plan.folder, { recursive: true });
  const configuration = join(plan.folder, "configuration");
  writeFileSync(configuration, daemon.configuration(plan));
  const first = plan.realTime && canBeRealTime() ? ["chrt", "--fifo", "1"] : [];
  return host.start(["setpriv", "--pdeathsig", "KILL", ...first, ...daemon.command(plan, configuration)]);
}

export const canBeRealTime = (): boolean => spawnSync("chrt", ["--fifo", "1", "true"]).status === 0;

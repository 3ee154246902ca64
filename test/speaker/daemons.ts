/**
 * The speakers that people run, each as one process with one static route: how it is configured, started, and told to take that
 * route back. `daemon-configuration.ts` writes its configuration, `daemon.ts` runs it.
 */
import { join } from "node:path";
import {
  birdConfiguration,
  exabgpConfiguration,
  frrConfiguration,
  gobgpConfiguration,
  openbgpdConfiguration,
} from "./daemon-configuration.ts";

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
  readonly configuration: (plan: DaemonPlan) => string;
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

const frrShell = (plan: DaemonPlan, ...lines: string[]) => [
  "vtysh",
  "--vty_socket",
  plan.folder,
  ...lines.flatMap((line) => ["-c", line]),
];

/** What it does when it comes to it, session or none. */
export const exabgpCommand = (plan: DaemonPlan, line: string) => [
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
    configuration: frrConfiguration,
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
    configuration: birdConfiguration,
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
    withdraw: (plan) => ["birdc", "-s", join(plan.folder, "control"), "disable", "service0"],
    shutDown: (plan, words) => ["birdc", "-s", join(plan.folder, "control"), "disable", "upstream0", `"${words}"`],
  },
  {
    name: "GoBGP",
    sendsWords: true,
    programs: ["/usr/bin/gobgpd", "/usr/bin/gobgp"],
    version: [["/usr/bin/gobgpd", "--version"], /gobgpd version (\S+)/],
    configuration: gobgpConfiguration,
    command: (plan, path) => [
      "/usr/bin/gobgpd",
      "-f",
      path,
      "--pprof-disable",
      "--api-hosts",
      `${plan.address.includes(":") ? `[${plan.address}]` : plan.address}:50051`,
    ],
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
    configuration: exabgpConfiguration,
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
    configuration: openbgpdConfiguration,
    folder: "/run/openbgpd",
    command: (_, path) => ["/usr/sbin/bgpd", "-d", "-f", path],
    withdraw: (plan) => openbgpdControl(plan, "network", "delete", plan.prefix),
    shutDown: (plan, words) => openbgpdControl(plan, "neighbor", plan.peers[0].address, "down", words),
  },
];

/** By the beginning of its name. */
export function daemonNamed(name: string): DaemonKind {
  const found = DAEMONS.find((kind) => kind.name.startsWith(name));
  if (!found) throw new Error(`No daemon ${name}: one of ${DAEMONS.map((kind) => kind.name).join(", ")} wanted`);
  return found;
}

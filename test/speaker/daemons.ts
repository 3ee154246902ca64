/**
 * The speakers that people run, each as one process with one static route: how it is configured, started, and told to take that
 * route back. The builders of configurations have room for what a test is about; `daemon.ts` runs them.
 */
import { join } from "node:path";

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

type Lines = readonly string[];

interface FrrWords {
  readonly routerId?: string;
  /** Of the router, before its neighbors. */
  readonly global?: Lines;
  /** Of every neighbor. */
  readonly neighbor?: Lines;
  readonly ipv4?: Lines;
  /** After that, as it stands. */
  readonly rest?: string;
}

const MULTIHOP = ["ebgp-multihop 2"];

/** `neighbor` in place of the two hops that it is allowed otherwise. */
export const frrConfiguration = (
  { address, asn, peers, prefix }: DaemonPlan,
  { routerId = address, global = [], neighbor = MULTIHOP, ipv4 = [`network ${prefix}`], rest = "" }: FrrWords = {},
): string => `
router bgp ${asn}
 bgp router-id ${routerId}
 no bgp ebgp-requires-policy
 no bgp network import-check
${global.map((line) => ` ${line}`).join("\n")}
${peers
  .flatMap((peer) =>
    [`remote-as ${peer.asn}`, `update-source ${address}`, "timers connect 1", ...neighbor].map(
      (line) => ` neighbor ${peer.address} ${line}`,
    ),
  )
  .join("\n")}
 address-family ipv4 unicast
${ipv4.map((line) => `  ${line}`).join("\n")}
 exit-address-family
${rest}
`;

interface BirdWords {
  readonly routerId?: string;
  /** Of IPv4, each of a protocol of its own: "service0", "service1". */
  readonly routes?: Lines;
  /** Other protocols. */
  readonly protocols?: string;
  /** Of every neighbor. */
  readonly session?: string;
  readonly channels?: string;
}

const TWO_HOPS = "multihop 2;";

/** `session` in place of the two hops that it is allowed otherwise. */
export const birdConfiguration = (
  { address, asn, peers, prefix }: DaemonPlan,
  {
    routerId = address,
    routes = [prefix],
    protocols = "",
    session = TWO_HOPS,
    channels = "ipv4 { import all; export all; next hop self; };",
  }: BirdWords = {},
): string => `
router id ${routerId};
protocol device {}
${routes.map((route, index) => `protocol static service${index} { ipv4; route ${route} blackhole; }`).join("\n")}
${protocols}
${peers
  .map(
    (peer, index) => `protocol bgp upstream${index} {
  local ${address} as ${asn}; neighbor ${peer.address} as ${peer.asn};
  strict bind yes; connect delay time 1; connect retry time 1; error wait time 1, 1;
  ${session}
  ${channels}
}`,
  )
  .join("\n")}
`;

interface GobgpWords {
  readonly routerId?: string;
  /** Tables of every neighbor. */
  readonly neighbor?: string;
  /** After that, as it stands. */
  readonly rest?: string;
}

export const gobgpConfiguration = (
  { address, asn, peers }: DaemonPlan,
  { routerId = address, neighbor = "", rest = "" }: GobgpWords = {},
): string => `
[global.config]
  as = ${asn}
  router-id = "${routerId}"
  local-address-list = ["${address}"]
${peers
  .map(
    (peer) => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${peer.address}"
    peer-as = ${peer.asn}
  [neighbors.timers.config]
    connect-retry = 1
  [neighbors.transport.config]
    local-address = "${address}"
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 2
  ${neighbor}`,
  )
  .join("\n")}
${rest}
`;

/** `families` of two words: "ipv4-unicast". */
export const gobgpFamilies = (families: Lines, more = ""): string =>
  families
    .map((family) => `[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "${family}"\n${more}`)
    .join("\n");

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
      ${plan.peers
        .map(
          ({ address, asn }) => `neighbor ${address} {
        router-id ${plan.address};
        local-address ${plan.address};
        local-as ${plan.asn};
        peer-as ${asn};
        listen 179;
        hold-time 90;
        api { processes [ commands ]; }
      }`,
        )
        .join("\n")}
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
      ${plan.peers
        .map(
          ({ address, asn }) => `neighbor ${address} {
        remote-as ${asn}
        local-address ${plan.address}
        multihop 2
      }`,
        )
        .join("\n")}
      allow from any
      allow to any
    `,
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

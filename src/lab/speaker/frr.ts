/**
 * FRR, configured as MetalLB's FRR mode does it (metallb, internal/bgp/frr/templates and testdata): the same frr.conf, loaded
 * into the daemons by vtysh as the speaker's container does, and bgpd with `-p 0`, so that it dials and never listens. zebra
 * answers for next hops; there is no watchfrr, which would bring a killed bgpd back.
 *
 * A service's link bandwidth, which MetalLB never announces, is an entry of the route map before its own.
 * Three differences, none of which the router can see: the log goes to stdout, and `timers connect 1` (MetalLB's `connectTime`)
 * and `bgp route-map delay-timer 0` make a lab start quickly: FRR holds its sessions until route maps are at rest, 4 s by default.
 */
import type { SpeakerKind, SpeakerPlan } from "./plan.ts";

const DAEMONS = "/usr/lib/frr";

export const frr: SpeakerKind = {
  implementation: "FRR",
  debianPackage: "frr",
  programs: [`${DAEMONS}/bgpd`, `${DAEMONS}/zebra`, "vtysh"],
  listens: false,
  version: { command: [`${DAEMONS}/bgpd`, "--version"], pattern: /^bgpd version (\S+)/m },
  files: (plan) => ({ "frr.conf": renderFrrConf(plan), "vtysh.conf": "service integrated-vtysh-config\n" }),
  processes: (plan) => [
    { name: "bgpd", command: frrDaemon(plan.directory, "bgpd", "-p", "0") },
    { name: "zebra", command: frrDaemon(plan.directory, "zebra") },
  ],
  setUp: ({ directory }) => [...frrReady(directory), vtyshFile(directory)],
  withdraw: (plan) => [inUnicast(plan, (prefix) => `no network ${prefix}`)],
  announce: (plan) => [inUnicast(plan, (prefix) => `network ${prefix}`)],
  reset: (plan) => [vtysh(plan, [`clear bgp ${plan.routerAddress}`])],
};

function vtysh({ directory }: SpeakerPlan, lines: readonly string[]): string[] {
  return vtyshAt(directory, "-d", "bgpd", ...lines.flatMap((line) => ["-c", line]));
}

function inUnicast(plan: SpeakerPlan, toLine: (prefix: string) => string): string[] {
  const enter = ["configure terminal", `router bgp ${plan.asn}`, "address-family ipv4 unicast"];
  return vtysh(plan, [...enter, ...plan.prefixes.map(toLine)]);
}

const vtyshAt = (directory: string, ...words: string[]): string[] => [
  "vtysh",
  "--vty_socket",
  directory,
  "--config_dir",
  directory,
  ...words,
];

/** vtysh skips a daemon whose socket is not there yet, without an error: both must answer before a file is loaded. */
export const frrReady = (directory: string): string[][] =>
  ["zebra", "bgpd"].map((name) => vtyshAt(directory, "-d", name, "-c", "show version"));

export const vtyshFile = (directory: string): string[] => vtyshAt(directory, "-f", `${directory}/frr.conf`);

export function frrDaemon(directory: string, name: string, ...options: string[]): string[] {
  // As root, because in a user namespace there is nobody else; /etc/group puts root into frrvty there.
  const identity = ["-u", "root", "-g", "root", "-A", "127.0.0.1", "-P", "0"];
  const places = ["--vty_socket", directory, "-z", `${directory}/zserv.api`, "-i", `${directory}/${name}.pid`];
  return [`${DAEMONS}/${name}`, "-f", "/dev/null", "--log", "stdout", ...identity, ...places, ...options];
}

const weightedEntry = (peer: string, sequence: number, list: string, megabits: number): string =>
  `route-map ${peer}-out permit ${sequence}\n  match ip address prefix-list ${list}\n  set extcommunity bandwidth ${megabits}\n`;

export function renderFrrConf(plan: SpeakerPlan): string {
  const peer = plan.routerAddress;
  const prefixList = plan.prefixes.map((prefix, index) => `ip prefix-list ${peer}-pl-ipv4 seq ${index + 1} permit ${prefix}`);
  const weighted = [...plan.linkBandwidths].map(([prefix, megabits], index) => {
    return { list: `${peer}-bw-${index + 1}`, prefix, megabits };
  });
  return `log stdout informational
log timestamp precision 3
hostname ${plan.node}
bgp route-map delay-timer 0
ip nht resolve-via-default
ipv6 nht resolve-via-default
route-map ${peer}-in deny 20

${[...prefixList, ...weighted.map(({ list, prefix }) => `ip prefix-list ${list} seq 1 permit ${prefix}`)].join("\n")}

ipv6 prefix-list ${peer}-pl-ipv4 seq ${plan.prefixes.length + 1} deny any

${weighted.map(({ list, megabits }, index) => weightedEntry(peer, index + 1, list, megabits)).join("")}route-map ${peer}-out permit ${weighted.length + 1}
  match ip address prefix-list ${peer}-pl-ipv4
route-map ${peer}-out permit ${weighted.length + 2}
  match ipv6 address prefix-list ${peer}-pl-ipv4

router bgp ${plan.asn}
  no bgp ebgp-requires-policy
  no bgp network import-check
  no bgp default ipv4-unicast
  bgp graceful-restart preserve-fw-state

  bgp router-id ${plan.address}
  neighbor ${peer} remote-as ${plan.routerAsn}
  neighbor ${peer} port 179
  neighbor ${peer} timers ${Math.floor(plan.holdTimeSeconds / 3)} ${plan.holdTimeSeconds}
  neighbor ${peer} timers connect 1
  neighbor ${peer} update-source ${plan.address}

  address-family ipv4 unicast
    neighbor ${peer} activate
    neighbor ${peer} route-map ${peer}-in in
    neighbor ${peer} route-map ${peer}-out out
  exit-address-family
  address-family ipv4 unicast
${plan.prefixes.map((prefix) => `    network ${prefix}`).join("\n")}
  exit-address-family
`;
}

/**
 * FRR as one writes it by hand: sessions, families and networks, and a route map only where a service has a link bandwidth. vtysh
 * loads it into the daemons; zebra answers for next hops; there is no watchfrr, which would bring a killed bgpd back. What MetalLB
 * makes of the same plan is `frr-metallb.ts`, with these daemons.
 *
 * For a quick start `timers connect 1` and `bgp route-map delay-timer 0`: FRR holds its sessions until route maps are at rest, 4 s
 * by default. And networks come before neighbors: FRR says End-of-RIB a second after a session is up, so with networks last a
 * restart on a busy machine loses at End-of-RIB what graceful restart had kept.
 */
import { fullTable } from "../full-table.ts";
import type { BfdTimers } from "../lab.ts";
import { type Flood, ipv4Of, ipv6Of, type SpeakerKind, type SpeakerPlan } from "./plan.ts";

const DAEMONS = "/usr/lib/frr";

export const frr: SpeakerKind = {
  implementation: "FRR",
  debianPackage: "frr",
  programs: [`${DAEMONS}/bgpd`, `${DAEMONS}/zebra`, "vtysh"],
  bfd: true,
  gracefulRestart: true,
  linkBandwidth: true,
  ipv6: true,
  needsRoot: false,
  listens: false,
  version: { command: [`${DAEMONS}/bgpd`, "--version"], pattern: /^bgpd version (\S+)/m },
  files: (plan) => ({ "frr.conf": renderFrrConf(plan), "vtysh.conf": "service integrated-vtysh-config\n" }),
  processes: (plan) => [
    { name: "bgpd", command: frrDaemon(plan.directory, "bgpd") },
    { name: "zebra", command: frrDaemon(plan.directory, "zebra") },
    // Its control socket is in a place that nodes of a lab share.
    ...(plan.bfd
      ? [{ name: "bfdd", command: frrDaemon(plan.directory, "bfdd", "--bfdctl", `${plan.directory}/bfdd.sock`) }]
      : []),
  ],
  setUp: ({ directory, bfd }) => [...frrReady(directory, ...(bfd ? ["bfdd"] : [])), vtyshFile(directory)],
  withdraw: (plan) => inUnicast(plan, (prefix) => `no network ${prefix}`),
  announce: (plan) => inUnicast(plan, (prefix) => `network ${prefix}`),
  repeat: (plan) => plan.routers.map(({ address }) => vtysh(plan, [`clear bgp ${address} soft out`])),
  reset: (plan) => plan.routers.map(({ address }) => vtysh(plan, [`clear bgp ${address}`])),
  flood: (plan, prefixes) => frrFlood(plan, prefixes, []),
};

/** `lists`: what lets them out, where something holds them back. */
export function frrFlood(plan: SpeakerPlan, prefixes: number, lists: readonly string[]): Flood {
  const file = (no: string) =>
    [
      ...lists.map((line) => no + line),
      `router bgp ${plan.asn}`,
      "address-family ipv4 unicast",
      ...fullTable(prefixes).map((prefix) => `${no}network ${prefix}`),
      "",
    ].join("\n");
  return {
    files: { "flood.conf": file(""), "ebb.conf": file("no ") },
    begin: [vtyshFile(plan.directory, "flood.conf")],
    end: [vtyshFile(plan.directory, "ebb.conf")],
  };
}

function vtysh({ directory }: SpeakerPlan, lines: readonly string[]): string[] {
  return vtyshAt(directory, "-d", "bgpd", ...lines.flatMap((line) => ["-c", line]));
}

function inUnicast(plan: SpeakerPlan, toLine: (prefix: string) => string): string[][] {
  const enter = (name: string) => ["configure terminal", `router bgp ${plan.asn}`, `address-family ${name} unicast`];
  const families = [
    [...enter("ipv4"), ...ipv4Of(plan.prefixes).map(toLine)],
    ...(plan.address6 ? [[...enter("ipv6"), ...ipv6Of(plan.prefixes).map(toLine)]] : []),
  ];
  return families.map((lines) => vtysh(plan, lines));
}

const vtyshAt = (directory: string, ...words: string[]): string[] => [
  "vtysh",
  "--vty_socket",
  directory,
  "--config_dir",
  directory,
  ...words,
];

/** vtysh skips a daemon whose socket is not there yet, without an error: all must answer before a file is loaded. */
export const frrReady = (directory: string, ...further: readonly string[]): string[][] =>
  ["zebra", "bgpd", ...further].map((name) => vtyshAt(directory, "-d", name, "-c", "show version"));

export const vtyshFile = (directory: string, name = "frr.conf"): string[] => vtyshAt(directory, "-f", `${directory}/${name}`);

export function frrDaemon(directory: string, name: string, ...options: string[]): string[] {
  // As root, because in a user namespace there is nobody else; /etc/group puts root into frrvty there.
  const identity = ["-u", "root", "-g", "root", "-A", "127.0.0.1", "-P", "0"];
  const places = ["--vty_socket", directory, "-z", `${directory}/zserv.api`, "-i", `${directory}/${name}.pid`];
  const command = [`${DAEMONS}/${name}`, "-f", "/dev/null", "--log", "stdout", ...identity, ...places, ...options];
  if (name === "zebra") return command;
  // One that comes before zebra listens tries again after ten seconds, and after a minute from the third time on.
  const afterZebra = `until [ -S ${directory}/zserv.api ]; do sleep 0.05; done; exec "$@"`;
  return ["sh", "-c", afterZebra, name, ...command];
}

/** What a session is asked for beside its routes. */
export const sessionExtras = ({ bfd, gracefulRestart }: SpeakerPlan, address: string): string =>
  (bfd ? `  neighbor ${address} bfd\n  neighbor ${address} bfd profile lab\n` : "") +
  (gracefulRestart ? gracefulRestartLines(address) : "");

/** FRR refuses a command that changes nothing, and a file may be loaded twice: so there is always something to change. */
const gracefulRestartLines = (address: string): string =>
  `  neighbor ${address} graceful-restart-helper\n  neighbor ${address} graceful-restart\n`;

export const bfdProfile = ({ intervalMs, multiplier }: BfdTimers): string => `bfd
  profile lab
    receive-interval ${intervalMs}
    transmit-interval ${intervalMs}
    detect-multiplier ${multiplier}
  exit
exit
`;

/** A route map for all neighbors: each prefix with its bandwidth, and then the others. */
function sharesMap({ linkBandwidths }: SpeakerPlan): string {
  if (linkBandwidths.size === 0) return "";
  const entries = [...linkBandwidths].map(
    ([prefix, megabits], index) => `ip prefix-list share-${index + 1} permit ${prefix}
route-map shares permit ${index + 1}
  match ip address prefix-list share-${index + 1}
  set extcommunity bandwidth ${megabits}
exit
`,
  );
  return `${entries.join("")}route-map shares permit ${linkBandwidths.size + 1}\nexit\n`;
}

function neighborLines(plan: SpeakerPlan, { address, asn }: SpeakerPlan["routers"][number]): string {
  const keepaliveSeconds = Math.floor(plan.holdTimeSeconds / 3);
  return `  neighbor ${address} remote-as ${asn}
  neighbor ${address} timers ${keepaliveSeconds} ${plan.holdTimeSeconds}
  neighbor ${address} timers connect 1
${sessionExtras(plan, address)}`;
}

export const networks = (name: "ipv4" | "ipv6", prefixes: readonly string[]): string => `  address-family ${name} unicast
${prefixes.map((prefix) => `    network ${prefix}`).join("\n")}
  exit-address-family
`;

function activations(plan: SpeakerPlan, name: "ipv4" | "ipv6"): string {
  const lines = plan.routers.flatMap(({ address }) => [
    `    neighbor ${address} activate`,
    ...(plan.linkBandwidths.size > 0 ? [`    neighbor ${address} route-map shares out`] : []),
  ]);
  return `  address-family ${name} unicast\n${lines.join("\n")}\n  exit-address-family\n`;
}

export function renderFrrConf(plan: SpeakerPlan): string {
  return `log stdout informational
log timestamp precision 3
hostname ${plan.node}
bgp route-map delay-timer 0
${sharesMap(plan)}${plan.bfd ? bfdProfile(plan.bfd) : ""}router bgp ${plan.asn}
  bgp router-id ${plan.address}
  no bgp ebgp-requires-policy
  no bgp network import-check
${plan.gracefulRestart ? "  bgp graceful-restart preserve-fw-state\n" : ""}${networks("ipv4", ipv4Of(plan.prefixes))}${plan.address6 ? networks("ipv6", ipv6Of(plan.prefixes)) : ""}${plan.routers.map((router) => neighborLines(plan, router)).join("")}${activations(plan, "ipv4")}${plan.address6 ? activations(plan, "ipv6") : ""}`;
}

/**
 * FRR, configured as MetalLB's FRR mode does it (metallb, internal/bgp/frr/templates and testdata): the same frr.conf, loaded
 * into the daemons by vtysh as the speaker's container does, and bgpd with `-p 0`, so that it dials and never listens. zebra
 * answers for next hops; there is no watchfrr, which would bring a killed bgpd back.
 *
 * A service's link bandwidth, which MetalLB never announces, is an entry of the route map before its own.
 * Four differences. The log goes to stdout; `timers connect 1` (MetalLB's `connectTime`) and `bgp route-map delay-timer 0` make a lab
 * start quickly: FRR holds its sessions until route maps are at rest, 4 s by default. None of these the router can see. And networks
 * come before neighbors: FRR says End-of-RIB a second after a session is up, so with networks last, as MetalLB has them, a restart on
 * a busy machine loses at End-of-RIB what graceful restart had kept.
 */
import { fullTable, TABLE_RANGE } from "../full-table.ts";
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
    { name: "bgpd", command: frrDaemon(plan.directory, "bgpd", "-p", "0") },
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
  flood,
};

/** The route map before each router lets nothing but the services out, until it is told so. */
function flood(plan: SpeakerPlan, prefixes: number): Flood {
  const lists = (no: string) =>
    plan.routers.map(({ address }) => `${no}ip prefix-list ${address}-pl-ipv4 seq 1000000 permit ${TABLE_RANGE} le 24`);
  const networks = (no: string) => fullTable(prefixes).map((prefix) => `${no}network ${prefix}`);
  const file = (no: string) =>
    [...lists(no), `router bgp ${plan.asn}`, "address-family ipv4 unicast", ...networks(no), ""].join("\n");
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

/** As MetalLB writes one neighbor: its lists, its route maps, its sessions. */
function routeMaps(plan: SpeakerPlan, peer: string): string {
  const list = (name: string, family: "ip" | "ipv6", prefixes: readonly string[]) =>
    prefixes.map((prefix, index) => `${family} prefix-list ${name} seq ${index + 1} permit ${prefix}`);
  const [ours4, ours6] = [ipv4Of(plan.prefixes), ipv6Of(plan.prefixes)];
  const weighted = [...plan.linkBandwidths].map(([prefix, megabits], index) => {
    return { name: `${peer}-bw-${index + 1}`, prefix, megabits };
  });
  const lists4 = [...list(`${peer}-pl-ipv4`, "ip", ours4), ...weighted.flatMap(({ name, prefix }) => list(name, "ip", [prefix]))];
  const lists6 =
    ours6.length > 0
      ? list(`${peer}-pl-ipv4`, "ipv6", ours6)
      : [`ipv6 prefix-list ${peer}-pl-ipv4 seq ${ours4.length + 1} deny any`];
  const entries = weighted.map(
    ({ name, megabits }, index) =>
      `route-map ${peer}-out permit ${index + 1}\n  match ip address prefix-list ${name}\n  set extcommunity bandwidth ${megabits}\n`,
  );
  return `route-map ${peer}-in deny 20

${lists4.join("\n")}

${lists6.join("\n")}

${entries.join("")}route-map ${peer}-out permit ${weighted.length + 1}
  match ip address prefix-list ${peer}-pl-ipv4
route-map ${peer}-out permit ${weighted.length + 2}
  match ipv6 address prefix-list ${peer}-pl-ipv4
`;
}

const neighborLines = (plan: SpeakerPlan, { address, asn }: SpeakerPlan["routers"][number]): string => `
  neighbor ${address} remote-as ${asn}
  neighbor ${address} port 179
  neighbor ${address} timers ${Math.floor(plan.holdTimeSeconds / 3)} ${plan.holdTimeSeconds}
  neighbor ${address} timers connect 1
  neighbor ${address} update-source ${plan.address}
${plan.bfd ? `  neighbor ${address} bfd\n  neighbor ${address} bfd profile lab\n` : ""}${plan.gracefulRestart ? gracefulRestart(address) : ""}`;

/** FRR refuses a command that changes nothing, and a file may be loaded twice: so there is always something to change. */
const gracefulRestart = (address: string): string =>
  `  neighbor ${address} graceful-restart-helper\n  neighbor ${address} graceful-restart\n`;

const bfdProfile = ({ intervalMs, multiplier }: BfdTimers): string => `bfd
  profile lab
    receive-interval ${intervalMs}
    transmit-interval ${intervalMs}
    detect-multiplier ${multiplier}
  exit
exit
`;

const networks = (name: "ipv4" | "ipv6", prefixes: readonly string[]): string => `  address-family ${name} unicast
${prefixes.map((prefix) => `    network ${prefix}`).join("\n")}
  exit-address-family
`;

function activations({ routers }: SpeakerPlan, name: "ipv4" | "ipv6"): string {
  const activate = routers.map(
    ({ address }) => `    neighbor ${address} activate
    neighbor ${address} route-map ${address}-in in
    neighbor ${address} route-map ${address}-out out
`,
  );
  return `  address-family ${name} unicast
${activate.join("")}  exit-address-family
`;
}

export function renderFrrConf(plan: SpeakerPlan): string {
  return `log stdout informational
log timestamp precision 3
hostname ${plan.node}
bgp route-map delay-timer 0
ip nht resolve-via-default
ipv6 nht resolve-via-default
${plan.routers.map(({ address }) => routeMaps(plan, address)).join("")}
${plan.bfd ? bfdProfile(plan.bfd) : ""}router bgp ${plan.asn}
  no bgp ebgp-requires-policy
  no bgp network import-check
  no bgp default ipv4-unicast
  bgp graceful-restart preserve-fw-state

  bgp router-id ${plan.address}
${networks("ipv4", ipv4Of(plan.prefixes))}${plan.address6 ? networks("ipv6", ipv6Of(plan.prefixes)) : ""}${plan.routers.map((router) => neighborLines(plan, router)).join("")}
${activations(plan, "ipv4")}${plan.address6 ? activations(plan, "ipv6") : ""}`;
}

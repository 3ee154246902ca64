/**
 * The stage: the lab's machines without anything running in them. Called once, inside the lab's own mount, network and
 * process namespaces (`tree.ts` has seen to that), so nothing here has to be undone: it ends with the process tree.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { LabFailure } from "./failure.ts";
import { renderKubeProxy } from "./kube-proxy.ts";
import type { Lab } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { startNat } from "./nat.ts";
import { forgetDropped } from "./packet-filter.ts";
import { placeOf } from "./place.ts";
import { execute } from "./process.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { type Sysctls, sysctlsOf } from "./sysctls.ts";
import { planTopology, type Topology } from "./topology.ts";
import type { Outside } from "./tree.ts";

/** Everything the lab writes is below; it is in memory and nobody else sees it. */
export const LAB_DIRECTORY = "/run/lab";

/** Where a router of the lab is asked, whatever selector it runs with. */
export const controlSocketOf = (router: string): string => `${LAB_DIRECTORY}/${router}.sock`;

/** A file that is there as soon as the lab is up, and stays until it ends. */
export const UP_MARK = `${LAB_DIRECTORY}/up`;

/** Which program is in which Debian package, besides the speakers' own. */
const PROGRAMS = { ip: "iproute2", nsenter: "util-linux", nft: "nftables", conntrack: "conntrack", sysctl: "procps" };

export async function checkPrograms(lab: Lab, { ordinaryUser }: Outside): Promise<void> {
  const proud = lab.nodes.find(({ kind }) => ordinaryUser && SPEAKERS[kind].needsRoot);
  if (proud)
    throw new LabFailure(`node ${proud.name}`, `${proud.kind}, as an ordinary user`, "root", "sudo, or a node of another kind");
  const wanted = new Map<string, string>(Object.entries(PROGRAMS));
  for (const { kind } of lab.nodes) {
    for (const program of SPEAKERS[kind].programs) wanted.set(program, SPEAKERS[kind].debianPackage);
  }
  await requirePrograms(Object.fromEntries(wanted));
}

/** By the names of programs, the Debian packages that have them. */
export async function requirePrograms(packageOf: Readonly<Record<string, string>>): Promise<void> {
  const script = 'for program; do command -v "$program" >/dev/null || echo "$program"; done';
  const missing = (await execute(["sh", "-c", script, "sh", ...Object.keys(packageOf)])).split("\n").filter(Boolean);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => packageOf[program]))].join(" ");
  throw new LabFailure("programs", `missing: ${missing.join(", ")}`, "all of them", `as root: apt-get install ${packages}`);
}

export async function buildStage(lab: Lab): Promise<Topology> {
  await ownTheMachine();
  const topology = planTopology(lab);
  await execute(["ip", "-batch", "-"], lines(topology.create));
  await Promise.all(
    [...topology.configure].map(([name, commands]) => execute(["ip", "-n", name, "-batch", "-"], lines(commands))),
  );
  const setKernel = (name: string, more: Sysctls) => {
    const settings = Object.entries({ ...sysctlsOf(lab, name), ...more }).map(([key, value]) => `${key}=${value}`);
    return execute(inNamespace(name, ["sysctl", "--quiet", "--write", ...settings]));
  };
  await Promise.all(lab.nodes.map(({ name }) => setKernel(name, NO_REDIRECTS)));
  await Promise.all(lab.hosts.map((name) => setKernel(name, PORTS_AGAIN)));
  await Promise.all(lab.nodes.map((node) => execute(inNamespace(node.name, ["nft", "-f", "-"]), renderKubeProxy(lab, node))));
  if (lab.nat) await startNat(lab.nat, placeOf(lab.nat.host));
  for (const [host, commands] of Object.entries(lab.exec)) {
    for (const command of commands) await execute(inNamespace(host, ["sh", "-c", command]));
  }
  return topology;
}

/**
 * What the nodes' and the pods' kernels know of connections, packets and paths is forgotten: one run must not answer for the
 * other.
 */
export async function forgetConnections(lab: Lab): Promise<void> {
  const pods = lab.nodes.flatMap((node) => node.pods);
  await Promise.all([
    ...[...lab.nodes.map(({ name }) => name), ...(lab.nat ? [lab.nat.host] : [])].map((name) =>
      execute(inNamespace(name, ["conntrack", "-F"])),
    ),
    ...lab.nodes.map(forgetDropped),
    ...pods.map(({ name }) => execute(["ip", "-n", name, "route", "flush", "cache"])),
  ]);
}

/** A node sends none for packets that leave by the link they came in on, as every DNAT to another node's pod does. */
const NO_REDIRECTS: Sysctls = { "net.ipv4.conf.all.send_redirects": 0, "net.ipv4.conf.eth0.send_redirects": 0 };

/** A port whose connection was ended in order may have another at once: strategies take turns with the same ports. */
const PORTS_AGAIN: Sysctls = { "net.ipv4.tcp_tw_reuse": 1 };

const lines = (commands: readonly string[]): string => commands.map((command) => `${command}\n`).join("");

/**
 * `/run` and `/var/tmp` become ours and empty; `/etc/group` gets root into FRR's group, without which it does not start as root.
 */
async function ownTheMachine(): Promise<void> {
  for (const path of ["/run", "/var/tmp"]) await execute(["mount", "-t", "tmpfs", "lab", path]);
  await mkdir("/run/netns");
  await mkdir(LAB_DIRECTORY);
  const groups = await readFile("/etc/group", "utf8");
  await writeFile(`${LAB_DIRECTORY}/group`, groups.replace(/^(frrvty:.*:)([^:\n]*)$/m, "$1root,$2"));
  await execute(["mount", "--bind", `${LAB_DIRECTORY}/group`, "/etc/group"]);
}

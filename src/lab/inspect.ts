/**
 * What a standing lab is made of, seen from outside: each machine with its addresses, the processes that are really there, and
 * the state of its session as the router tells it. `ecmp lab inspect` shows it; `ecmp lab up` asks it whether all is well.
 */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { formatAddress } from "../net/address.ts";
import { formatPrefix } from "../net/prefix.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import { type ClusterNode, type Lab, type MaybeAddressed, nodesOf, type RouterNode, routersOf } from "./lab.ts";
import { execute } from "./process.ts";
import type { PeerSummary } from "./router-view.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { planSpeaker } from "./speakers.ts";
import { controlSocketOf, UP_MARK } from "./stage.ts";
import { type LabProcess, networkOf, pathInside, processesOf, type StandingLab } from "./standing.ts";

export interface InspectedMachine {
  readonly name: string;
  /** As the lab file has it; a pod is a `pod`. */
  readonly kind: string;
  readonly addresses: readonly string[];
  readonly processes: readonly { readonly pid: number; readonly command: string }[];
  /** Programs that should run on it and do not, or are stopped. */
  readonly missing: readonly string[];
  /** Of its BGP session with the router. */
  readonly session?: string;
}

export interface Inspection {
  readonly name: string;
  readonly verb: string;
  readonly pid: number;
  /** All there, all sessions Established, and somebody who would end it. */
  readonly whole: boolean;
  readonly machines: readonly InspectedMachine[];
  readonly links: readonly (readonly [string, string])[];
  /** The command that runs another one on MACHINE. */
  readonly enter: string;
}

/** Whether `ecmp lab up` has said that it is up; before that, what is missing may still come. */
export const isUp = ({ pid }: StandingLab): boolean => existsSync(pathInside(pid, UP_MARK));

export async function inspect(lab: Lab, standing: StandingLab): Promise<Inspection> {
  const sessions = await askSessions(lab, standing);
  const processes = processesOf(standing);
  const machines = planMachines(lab).map(({ name, kind, addresses, programs, peer }): InspectedMachine => {
    const network = networkOf(standing, name);
    const own = processes.filter((process) => process.network === network);
    const found = own.map(describeProcess);
    const running = own.filter(({ stopped }) => !stopped).map(describeProcess);
    const missing = programs.filter((program) => !running.some(({ command }) => command === program));
    const session = peer === undefined ? {} : { session: sessions.get(peer) ?? "unknown" };
    return { name, kind, addresses, processes: found, missing, ...session };
  });
  const well = ({ missing, session }: InspectedMachine) =>
    missing.length === 0 && (session === undefined || session === "Established");
  const { name, verb, pid, stopped } = standing;
  const enter = enterCommand(pid, process.getuid?.() !== 0, "MACHINE");
  const links = lab.links.map(([a, b]) => [`${a.node}:${a.interface}`, `${b.node}:${b.interface}`] as const);
  return { name, verb, pid, whole: !stopped && machines.every(well), machines, links, enter };
}

/** A command that runs what follows it on a machine of the lab; an ordinary user is root in his lab. */
export function enterCommand(pid: number, ordinaryUser: boolean, machine: string): string {
  const user = ordinaryUser ? " --user --preserve-credentials" : "";
  return `nsenter --target ${pid}${user} --mount nsenter --net=/run/netns/${machine}`;
}

/** By the node's address; of one that speaks with several routers, the session that is not Established. */
async function askSessions(lab: Lab, standing: StandingLab): Promise<ReadonlyMap<string, string>> {
  const sessions = new Map<string, string>();
  for (const router of routersOf(lab)) {
    const peers = await askPeers(router, standing);
    for (const { address } of nodesOf(lab, router).map((node) => node.address)) {
      const peer = formatAddress(address);
      const state = peers[peer]?.state ?? "unknown";
      if (state !== "Established" || !sessions.has(peer)) sessions.set(peer, state);
    }
  }
  return sessions;
}

/** On a busy machine; one that is stopped never answers. */
const ANSWER_DEADLINE_MS = 5000;

/** A router that is not up yet, or no more, is asked in vain. */
async function askPeers({ name }: RouterNode, { pid }: StandingLab): Promise<Readonly<Record<string, PeerSummary>>> {
  const socket = pathInside(pid, controlSocketOf(name));
  if (!existsSync(socket)) return {};
  try {
    const command = [...ECMP_COMMAND, "show", "bgp", "summary", "--json", "--control", socket];
    return (JSON.parse(await execute(command, "", ANSWER_DEADLINE_MS)) as { peers: Record<string, PeerSummary> }).peers;
  } catch (error) {
    if (error instanceof LabFailure) return {};
    throw error;
  }
}

interface PlannedMachine {
  readonly name: string;
  readonly kind: string;
  readonly addresses: readonly string[];
  readonly programs: readonly string[];
  /** Its address as the router's neighbor. */
  readonly peer?: string;
}

function planMachines(lab: Lab): PlannedMachine[] {
  const linked = (name: string) => lab.links.flat().flatMap((end) => (end.node === name ? addressesOf(end) : []));
  const speakers = lab.nodes.map((node) => ({
    name: node.name,
    kind: node.kind,
    addresses: [...linked(node.name), ...addressesOf(node.podGateway)],
    programs: programsOf(lab, node),
    peer: formatAddress(node.address.address),
  }));
  const pods = lab.nodes.flatMap((node) => node.pods);
  return [
    ...routersOf(lab).map(({ name }) => ({ name, kind: "ecmp-router", addresses: linked(name), programs: ["ecmp run"] })),
    ...lab.hosts.map((name) => ({ name, kind: "linux", addresses: linked(name), programs: [] })),
    ...lab.bridges.map((name) => ({ name, kind: "bridge", addresses: [], programs: [] })),
    ...speakers,
    ...pods.map((pod) => ({ name: pod.name, kind: "pod", addresses: addressesOf(pod), programs: ["pod-process"] })),
  ];
}

const addressesOf = ({ address, address6 }: MaybeAddressed): string[] =>
  [address, address6].flatMap((each) => (each ? [formatPrefix(each)] : []));

const programsOf = (lab: Lab, node: ClusterNode): string[] =>
  SPEAKERS[node.kind].processes(planSpeaker(lab, node, "")).map(({ name }) => name);

/** By its program's name; what an interpreter runs by its file's, and `ecmp` with its verb. */
function describeProcess({ pid, command }: LabProcess): InspectedMachine["processes"][number] {
  const [program = "", file = "", verb = ""] = command;
  if (basename(program).startsWith("python")) return { pid, command: basename(file) };
  if (!file.endsWith(".js")) return { pid, command: basename(program) };
  const name = basename(file, ".js");
  return { pid, command: name === "main" ? `ecmp ${verb}` : name };
}

const HEADINGS = ["machine", "kind", "addresses", "session", "processes"];

/** The table that a person reads, and how to go in. */
export function renderInspection({ name, verb, pid, whole, machines, links, enter }: Inspection): string {
  const rows = machines.map((machine) => [
    machine.name,
    machine.kind,
    machine.addresses.join(", ") || "-",
    machine.session ?? "-",
    [
      ...machine.processes.map((process) => `${process.command} (${process.pid})`),
      ...machine.missing.map((program) => `${program} is missing`),
    ].join(", ") || "-",
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(...[HEADINGS, ...rows].map((row) => row[column].length), heading.length),
  );
  const lines = [HEADINGS, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join("  ")
      .trimEnd(),
  );
  const state = whole ? "whole" : "not whole";
  return [
    `${name}: ${verb}, process ${pid}, ${state}`,
    "",
    ...lines,
    "",
    `links  ${links.map(([a, b]) => `${a} -- ${b}`).join(", ")}`,
    `enter  ${enter} COMMAND`,
    "",
  ].join("\n");
}

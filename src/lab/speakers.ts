/** The real speakers of a lab as processes: started with their rendered files, asked for their version, killed, stopped. */
import { mkdir, writeFile } from "node:fs/promises";
import { formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import { LabFailure } from "./failure.ts";
import { type ClusterNode, type Lab, podsOf, routersAt, type Service, servicesOf } from "./lab.ts";
import { executeUntilDone } from "./namespace.ts";
import type { Place } from "./place.ts";
import { Daemon, execute } from "./process.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import type { SpeakerKind, SpeakerPlan } from "./speaker/plan.ts";

const SET_UP_DEADLINE_MS = 60_000;

/** As a report names it. */
export interface SpeakerReport {
  readonly node: string;
  readonly implementation: string;
  readonly version: string;
  readonly state: string;
}

export interface Speaker {
  readonly node: ClusterNode;
  readonly implementation: string;
  readonly version: string;
  readonly plan: SpeakerPlan;
  /** The first one speaks BGP. */
  readonly daemons: readonly Daemon[];
}

/** As nodes announce it. */
export const prefixOf = ({ address }: Service): string => formatPrefix(hostPrefix(address));

export function planSpeaker(lab: Lab, node: ClusterNode, directory: string): SpeakerPlan {
  const announced = servicesOf(lab, node);
  const kind = SPEAKERS[node.kind];
  const { holdTimeSeconds, bfd, gracefulRestart } = lab.router;
  return {
    node: node.name,
    asn: node.asn,
    address: formatAddress(node.address.address),
    address6: node.address6 && formatAddress(node.address6.address),
    routers: routersAt(lab, node).map(({ router, port }) => ({ address: formatAddress(port.address.address), asn: router.asn })),
    holdTimeSeconds,
    bfd: kind.bfd ? bfd : undefined,
    gracefulRestart: kind.gracefulRestart && gracefulRestart,
    prefixes: announced.map(prefixOf),
    tableSize: node.tableSize,
    linkBandwidths: new Map(announced.flatMap((service) => linkBandwidthOf(lab, service, node))),
    directory,
  };
}

/** What one pod is taken to be good for, in megabits a second. Only the proportions matter: shares are percents of the sum. */
const POD_BANDWIDTH = 100;

function linkBandwidthOf(lab: Lab, service: Service, node: ClusterNode): [string, number][] {
  if (!service.linkBandwidth) return [];
  const pods = podsOf(lab, service).filter((pod) => pod.node === node.name).length;
  return [[prefixOf(service), pods * POD_BANDWIDTH]];
}

/** As the program that is installed here says it. */
export async function versionOf({ version }: SpeakerKind): Promise<string> {
  return version.pattern.exec(await execute(version.command))?.[1] ?? "unknown";
}

export async function startSpeaker(clock: Clock, lab: Lab, node: ClusterNode, place: Place, directory: string): Promise<Speaker> {
  const kind = SPEAKERS[node.kind];
  const plan = planSpeaker(lab, node, directory);
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries(kind.files(plan))) await writeFile(`${directory}/${name}`, text);
  const version = await versionOf(kind);
  const daemons = await Promise.all(kind.processes(plan).map(({ name, command }) => Daemon.start(name, place(command))));
  try {
    for (const command of kind.setUp(plan)) await executeUntilDone(clock, place(command), SET_UP_DEADLINE_MS);
  } catch (error) {
    const said = daemons.flatMap((daemon) => daemon.lastLines(5).map((line) => `${daemon.name}: ${line}`));
    throw new LabFailure(
      `${kind.implementation} on ${node.name}`,
      [(error as Error).message, ...said].join("\n    "),
      "a speaker that can be set up",
    );
  }
  return { node, implementation: kind.implementation, version, plan, daemons };
}

/**
 * What the kernels' connection tracking knows (`conntrack -L`): the witness of which node a flow entered, even where nobody
 * answered it, and of what a NAT made of one. Under externalTrafficPolicy Cluster the node that a connection enters by masquerades,
 * so on the fabric it has that node's address and a port drawn by lot; the node's own table leads back to the client.
 */
import { formatAddress, parseAddress } from "../net/address.ts";
import { type Flow, formatFlow, parseProtocol } from "../net/flow.ts";
import { type ClusterNode, hasIpv6, type Lab, nextHopsOf } from "./lab.ts";
import type { Translations } from "./nat.ts";
import { type Place, placeOf } from "./place.ts";
import { execute } from "./process.ts";

/** A connection as its first packet came, and as its answers have to come. */
export interface TrackedConnection {
  readonly original: Flow;
  readonly reply: Flow;
}

/** A reset connection is known for ten seconds more, others for longer. */
export async function listTracked(lab: Lab, place: Place): Promise<string> {
  const families = hasIpv6(lab) ? ["ipv4", "ipv6"] : ["ipv4"];
  return (await Promise.all(families.map((family) => execute(place(["conntrack", "-L", "-f", family]))))).join("");
}

const readTracked = async (lab: Lab, machine: string): Promise<TrackedConnection[]> =>
  parseTracked(await listTracked(lab, placeOf(machine)));

const TUPLE = /src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g;

/** A line each: protocol, number, seconds, perhaps a state, both tuples with flags between and behind; and a summary. */
export function parseTracked(listing: string): TrackedConnection[] {
  return listing.split("\n").flatMap((line) => {
    const protocol = parseProtocol(line.split(" ", 1)[0]);
    if (protocol === undefined) return [];
    const [original, reply] = [...line.matchAll(TUPLE)].map((words) => toFlow(protocol, words));
    return original && reply ? [{ original, reply }] : [];
  });
}

function toFlow(protocol: number, [, from, to, sourcePort, destinationPort]: readonly string[]): Flow | undefined {
  const [source, destination] = [parseAddress(from), parseAddress(to)];
  if (source === undefined || destination === undefined) return undefined;
  return { protocol, source, destination, sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) };
}

/** What each node's kernel tracks. */
export type NodesTracking = readonly { readonly node: ClusterNode; readonly connections: readonly TrackedConnection[] }[];

export const readNodesTracking = (lab: Lab): Promise<NodesTracking> =>
  Promise.all(lab.nodes.map(async (node) => ({ node, connections: await readTracked(lab, node.name) })));

/** By a flow's name, the nodes that track it, as next hops: whose kernels have seen packets of it. */
export function trackedBy(tracking: NodesTracking): Map<string, Set<string>> {
  const nextHopsBy = new Map<string, Set<string>>();
  for (const { node, connections } of tracking) {
    const nextHops = nextHopsOf(node).map(formatAddress);
    for (const name of connections.map(({ original }) => formatFlow(original)))
      nextHopsBy.set(name, new Set([...(nextHopsBy.get(name) ?? []), ...nextHops]));
  }
  return nextHopsBy;
}

/** By a flow's name, the pod that a node's kube-proxy drew for it, whether that has answered or not. */
export function podsDrawn({ nodes }: Lab, tracking: NodesTracking): Map<string, string> {
  const pods = nodes.flatMap((node) => node.pods);
  const nameOf = new Map(pods.flatMap((pod) => nextHopsOf(pod).map((address) => [formatAddress(address), pod.name] as const)));
  const drawn = tracking.flatMap(({ connections }) =>
    connections.flatMap(({ original, reply }) => {
      const pod = nameOf.get(formatAddress(reply.source));
      return pod === undefined || original.destination === reply.source ? [] : [[formatFlow(original), pod] as const];
    }),
  );
  return new Map(drawn);
}

/** What a NAT makes of the flows that it tracks. */
export const parseTranslations = (listing: string): Translations =>
  new Map(parseTracked(listing).map(({ original, reply }) => [formatFlow(original), reverse(reply)]));

/** The clients' flows, by the names that their packets have behind the node that they entered by, in both directions. */
export async function readMasquerades(lab: Lab): Promise<Map<string, string>> {
  const tracked = await Promise.all(lab.nodes.map(({ name }) => readTracked(lab, name)));
  return new Map(tracked.flat().flatMap(namesBehind));
}

export const namesBehind = ({ original, reply }: TrackedConnection): [string, string][] =>
  [reply, reverse(reply)].map((flow) => [formatFlow(flow), formatFlow(original)]);

const reverse = ({ protocol, source, destination, sourcePort, destinationPort }: Flow): Flow => ({
  protocol,
  source: destination,
  destination: source,
  sourcePort: destinationPort,
  destinationPort: sourcePort,
});

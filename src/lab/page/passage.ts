/**
 * What a flow has surely passed on its way from the clients to a node: hosts in front of the router (a NAT, say), the router that
 * clients enter by, and those behind it. Its pod is the witness of the node; between the two nobody is, so only what no way goes
 * around is told, and of a node that several routers of a tier lead to none of these. The flow charts are drawn of it. Pure.
 */
import { type Lab, nodesOf, peersOf, routersOf } from "../lab.ts";

export interface Passage {
  /** From the clients' host to the router that they enter by; each flow's. */
  readonly front: readonly string[];
  /** The routers behind that one, tier by tier and as many for each node: undefined where there is none, or nobody knows which. */
  readonly behind: (node: string | undefined) => readonly (string | undefined)[];
}

/** Who hands packets to whom. */
type Network = ReadonlyMap<string, readonly string[]>;

export function passageOf(lab: Lab): Passage {
  const { name } = lab.router;
  const front = inCommon(networkOfHosts(lab), lab.clients[0].node, name).filter((hop) => !lab.bridges.includes(hop));
  const routers = networkOfRouters(lab);
  const behind = new Map(lab.nodes.map((node) => [node.name, inCommon(routers, name, node.name).slice(1, -1)]));
  const tiers = Math.max(...[...behind.values()].map(({ length }) => length));
  return { front, behind: (node = "") => Array.from({ length: tiers }, (_, tier) => behind.get(node)?.[tier]) };
}

/** In front of the router; whom hosts have links to besides, they do not enter by. */
function networkOfHosts({ links, hosts, bridges, router }: Lab): Network {
  const own = new Set([...hosts, ...bridges, router.name]);
  const there = links.filter((ends) => ends.every(({ node }) => own.has(node)));
  return networkOf(there.flatMap(([{ node: a }, { node: b }]) => [[a, b] as const, [b, a] as const]));
}

/** Behind it a node gets packets from those that it announces its services to. */
const networkOfRouters = (lab: Lab): Network =>
  networkOf(
    routersOf(lab).flatMap((router) => [
      ...peersOf(lab, router).map((peer) => [router.name, peer.router.name] as const),
      ...nodesOf(lab, router).map((node) => [router.name, node.name] as const),
    ]),
  );

function networkOf(pairs: readonly (readonly [string, string])[]): Network {
  const network = new Map<string, string[]>();
  for (const [from, to] of pairs) network.set(from, [...(network.get(from) ?? []), to]);
  return network;
}

/** What every way has in common, in its order, both ends included. */
function inCommon(network: Network, from: string, to: string): readonly string[] {
  const all = reachedFrom(network, from);
  if (!all.includes(to)) return [from, to];
  return all.filter((hop) => hop === from || hop === to || !reachedFrom(network, from, hop).includes(to));
}

/** The nearest first. */
function reachedFrom(network: Network, from: string, closed?: string): readonly string[] {
  const reached = new Set([from]);
  // What is added meanwhile is walked, too.
  for (const hop of reached) for (const next of network.get(hop) ?? []) if (next !== closed) reached.add(next);
  return [...reached];
}

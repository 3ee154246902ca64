/**
 * A lab's network as text for `ip -batch`: which namespaces there are, which links join them, which addresses and routes
 * they have. Pure; `stage.ts` runs it.
 *
 *   client eth0 ── client0 router fabric0 ── fabric (a bridge) ─┬─ eth0 n1 cni0 (a bridge) ─┬─ eth0 n1-a
 *                                                               ├─ eth0 n2 ...              └─ eth0 n1-b
 *
 * Each name is a namespace. The fabric's bridge has one of its own, because a host's bridge filters (Docker's, say) work on
 * the namespace that the bridge is in.
 */
import { formatAddress } from "../net/address.ts";
import { formatPrefix, type Prefix } from "../net/prefix.ts";
import {
  type Addressed,
  type ClusterNode,
  type Endpoint,
  hostAddresses,
  type Lab,
  type MaybeAddressed,
  ofFamily,
  type Pod,
  portsTo,
  routersAt,
  routersOf,
} from "./lab.ts";
import { FORWARD_IPV4, sysctlsOf } from "./sysctls.ts";

export interface Topology {
  readonly namespaces: readonly string[];
  readonly linkCount: number;
  /** Lines for one `ip -batch`: namespaces, and links with their ends where they belong. */
  readonly create: readonly string[];
  /** Lines for `ip -n NAMESPACE -batch`, by namespace. */
  readonly configure: ReadonlyMap<string, readonly string[]>;
  /** Namespaces whose kernel forwards. */
  readonly forwarding: readonly string[];
}

export function planTopology(lab: Lab): Topology {
  const pods = lab.nodes.flatMap((node) => node.pods);
  const namespaces = [
    ...routersOf(lab).map(({ name }) => name),
    ...lab.hosts,
    ...lab.bridges,
    ...lab.nodes.map((node) => node.name),
  ];
  namespaces.push(...pods.map((pod) => pod.name));
  const create = namespaces.map((name) => `netns add ${name}`);
  const configure = new Map<string, string[]>(namespaces.map((name) => [name, ["link set lo up"]]));
  const configureAt = (name: string, ...lines: string[]) => configure.get(name)?.push(...lines);

  for (const bridge of lab.bridges) configureAt(bridge, "link add br0 type bridge", "link set br0 up");
  const links = linkEnds(lab);
  for (const [a, b] of links) {
    const mtu = a.mtu === undefined ? "" : ` mtu ${a.mtu}`;
    create.push(`link add ${a.interface} netns ${a.node}${mtu} type veth peer name ${b.interface} netns ${b.node}${mtu}`);
  }
  for (const end of lab.links.flat()) configureAt(end.node, ...linkEnd(lab, end));
  for (const node of lab.nodes) {
    configureAt(node.name, ...nodeSide(lab, node));
    for (const pod of node.pods) configureAt(pod.name, ...podSide(node, pod));
  }
  for (const host of lab.hosts) {
    configureAt(host, ...hostRoutes(lab, host));
  }
  const forwarding = namespaces.filter((name) => sysctlsOf(lab, name)[FORWARD_IPV4] === 1);
  return { namespaces, linkCount: links.length, create, configure, forwarding };
}

/** Every link: those of the lab file, and one between each pod and its node. */
export function linkEnds(lab: Lab): (readonly [Endpoint, Endpoint])[] {
  const pods = lab.nodes.flatMap((node) => node.pods);
  const podLinks = pods.map(
    ({ name, node }) =>
      [
        { node, interface: name },
        { node: name, interface: "eth0" },
      ] as const,
  );
  return [...lab.links, ...podLinks];
}

/** What `stage.ts` would run, as a person reads it: each batch of `ip` under the namespace it is for. */
export function describeTopology({ create, configure, forwarding }: Topology): string {
  const sections = [...configure].map(([name, commands]) => {
    return `# ip -n ${name} -batch -${forwarding.includes(name) ? " (and this kernel forwards)" : ""}\n${commands.join("\n")}\n`;
  });
  return [`# ip -batch -\n${create.join("\n")}\n`, ...sections].join("\n");
}

function linkEnd(lab: Lab, end: Endpoint): string[] {
  const lines = addAddresses(end, end.interface);
  if (lab.bridges.includes(end.node)) lines.push(`link set ${end.interface} master br0`);
  return [...lines, `link set ${end.interface} up`];
}

/** A node as a CNI plugin leaves it: a bridge for its pods, a route to every other node's, the router for the rest. */
function nodeSide(lab: Lab, node: ClusterNode): string[] {
  const lines = ["link add cni0 type bridge", ...addAddresses(node.podGateway, "cni0"), "link set cni0 up"];
  for (const pod of node.pods) lines.push(...nodeEnd(pod));
  return [...lines, ...nodeRoutes(lab, node)];
}

/**
 * The same of one pod that comes later, in the order in which it is done: lines for `ip -batch`, by namespace (undefined: ours).
 */
export const podNamespace = (node: ClusterNode, pod: Pod): readonly (readonly [string | undefined, readonly string[]])[] => [
  [undefined, [`netns add ${pod.name}`, `link add ${pod.name} netns ${node.name} type veth peer name eth0 netns ${pod.name}`]],
  [pod.name, ["link set lo up", ...podSide(node, pod)]],
  [node.name, nodeEnd(pod)],
];

const podSide = (node: ClusterNode, pod: Pod): string[] => [...addAddresses(pod, "eth0"), "link set eth0 up", ...podRoutes(node)];
const nodeEnd = ({ name }: Pod): string[] => [`link set ${name} master cni0`, `link set ${name} up`];

/** `nodad`: nobody else has them, and one that is tentative is no use for a second. */
const addAddresses = ({ address, address6 }: MaybeAddressed, name: string): string[] => [
  ...(address ? [`address add ${formatPrefix(address)} dev ${name}`] : []),
  ...(address6 ? [`address add ${formatPrefix(address6)} dev ${name} nodad`] : []),
];

/** `replace`: a container engine may have put a default route of its own there. */
export const nodeRoutes = (lab: Lab, node: ClusterNode): string[] => [
  ...lab.nodes.filter((other) => other !== node).flatMap((other) => podSubnetRoutes(other)),
  ...defaultRoutes(routersAt(lab, node).map(({ port }) => port)),
];

const podSubnetRoutes = ({ podSubnet, podSubnet6, address, address6 }: ClusterNode): string[] => [
  routeTo(podSubnet, address),
  ...(podSubnet6 && address6 ? [routeTo(podSubnet6, address6)] : []),
];

const routeTo = (subnet: Prefix, { address }: Prefix): string =>
  `route replace ${formatPrefix(subnet)} via ${formatAddress(address)}`;

export const podRoutes = (node: ClusterNode): string[] => defaultRoutes([node.podGateway]);
/** By the routers that it shares a network with; a host without any says itself where it sends what. */
export const hostRoutes = (lab: Lab, host: string): string[] => defaultRoutes(portsTo(lab, hostAddresses(lab, host)));

/** By one gateway, or by several alike. */
const defaultRoutes = (gateways: readonly Addressed[]): string[] =>
  (["ipv4", "ipv6"] as const).flatMap((family) => {
    const hops = gateways
      .flatMap((gateway) => ofFamily(gateway, family) ?? [])
      .map(({ address }) => `via ${formatAddress(address)}`);
    if (hops.length === 0) return [];
    // In a batch there is no option that tells the family.
    const all = family === "ipv4" ? "default" : "::/0";
    return [`route replace ${all} ${hops.length === 1 ? hops[0] : hops.map((hop) => `nexthop ${hop}`).join(" ")}`];
  });

/**
 * A lab as a value: the router, the nodes of the cluster with their pods, the links, the services, and what shall happen.
 * `lab-file.ts` makes it from `lab.yaml`; everything else in this folder reads it.
 */
import { type Address, type AddressFamily, addressFamily, formatAddress } from "../net/address.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";

export const SPEAKER_KINDS = ["frr-metallb", "frr", "bird", "gobgp", "exabgp", "openbgpd"] as const;
export type SpeakerKindName = (typeof SPEAKER_KINDS)[number];

export interface Endpoint {
  readonly node: string;
  readonly interface: string;
  readonly address?: Prefix | undefined;
  readonly address6?: Prefix | undefined;
  /** Of its link. */
  readonly mtu?: number | undefined;
}

/** What an interface may have. */
export type MaybeAddressed = Pick<Endpoint, "address" | "address6">;

/** Addresses of one interface: IPv6 is beside IPv4 and never alone, because sessions run over IPv4. */
export interface Addressed {
  readonly address: Prefix;
  readonly address6?: Prefix | undefined;
}

export interface Pod extends Addressed {
  /** Its name and that of its namespace: the node's, with a letter. */
  readonly name: string;
  readonly node: string;
}

/** A node of the cluster: it speaks BGP, forwards to its pods, and masquerades. Its addresses are those on the fabric. */
export interface ClusterNode extends Addressed {
  readonly name: string;
  readonly kind: SpeakerKindName;
  readonly asn: number;
  readonly podSubnet: Prefix;
  readonly podSubnet6?: Prefix | undefined;
  /** On its pods' side: their gateway, and the source they see when this node masquerades to them. */
  readonly podGateway: Addressed;
  readonly pods: readonly Pod[];
  /** The routers that it speaks with; all on its network when absent. */
  readonly routers?: readonly string[] | undefined;
  /** So many prefixes of `fullTable` it announces beside the services. */
  readonly tableSize: number;
}

export interface BfdTimers {
  readonly intervalMs: number;
  readonly multiplier: number;
}

/** What a router and its neighbors agree on, beside their routes. */
export interface SessionSettings {
  readonly holdTimeSeconds: number;
  /** With every neighbor whose speaker can. */
  readonly bfd?: BfdTimers | undefined;
  /** Whether speakers that can ask the router to keep their routes while they begin anew. */
  readonly gracefulRestart?: boolean | undefined;
  /** The most prefixes of a family that the router takes from a node; beyond it the session ends, and stays down. */
  readonly prefixLimit?: number | undefined;
}

export interface RouterNode extends SessionSettings {
  readonly name: string;
  readonly asn: number;
  readonly maximumPaths: number;
  readonly ports: readonly (Endpoint & Addressed)[];
  /** Beside what it learns: the way to what is not attached to it. */
  readonly routes: readonly StaticRoute[];
}

export interface StaticRoute {
  readonly prefix: Prefix;
  readonly via: Address;
}

export const SERVICE_PROTOCOLS = ["tcp", "udp"] as const;
export type ServiceProtocol = (typeof SERVICE_PROTOCOLS)[number];

/** A Kubernetes service of type LoadBalancer. */
export interface Service {
  readonly name: string;
  readonly address: Address;
  readonly port: number;
  readonly targetPort: number;
  readonly protocols: readonly ServiceProtocol[];
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** What its pods speak over TCP; when absent, an echo behind a line that says who they are. */
  readonly appProtocol?: "http" | undefined;
  /** `by-pods`: each node announces it with a bandwidth for every pod that it runs, and gets that share of the connections. */
  readonly linkBandwidth?: "by-pods" | undefined;
  /** The nodes that run its pods; all of them when absent. */
  readonly podsOn?: readonly string[] | undefined;
  /** It has a HAProxy on each of these nodes instead, before the pods of that service. */
  readonly ingressTo?: string | undefined;
}

/** A name that leads to the address of a service, and may be moved to another. */
export interface LabName {
  readonly name: string;
  /** The host that answers for it. */
  readonly server: string;
  readonly ttlSeconds: number;
  readonly service: string;
}

/** A host that masquerades what it passes on by one of its interfaces: between the clients and the router. */
export interface Nat {
  readonly host: string;
  readonly interface: string;
}

/** Connections from one host to one service, one for each source port from `firstSourcePort` on. */
export interface Client {
  readonly node: string;
  readonly service: string;
  readonly connections: number;
  readonly firstSourcePort: number;
}

export interface SelectorChoice {
  readonly name: string;
  readonly buckets?: number | undefined;
}

/** Rows of `fault.ts`. */
export const FAULT_KINDS = [
  "kill-speaker",
  "stop-speaker",
  "withdraw",
  "session-flap",
  "link-down",
  "silent-node",
  "one-way-loss",
  "loss",
  "delay",
  "jitter",
  "reorder",
  "duplicate",
  "corrupt",
  "mtu",
  "mac-change",
  "pods-move",
  "kill-router",
  "kill-worker",
  "mutate-bgp",
  "prefix-flood",
  "drain",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Experiment {
  readonly hash: { readonly algorithm: string; readonly fields: string; readonly seed: number };
  /** One run for each. */
  readonly selectors: readonly SelectorChoice[];
  readonly event: { readonly kind: FaultKind; readonly node: string };
}

export interface Lab {
  readonly name: string;
  readonly description: string;
  /** The one that the clients' packets enter by. */
  readonly router: RouterNode;
  /** Those behind it: a second tier. */
  readonly furtherRouters: readonly RouterNode[];
  readonly nodes: readonly ClusterNode[];
  readonly bridges: readonly string[];
  readonly hosts: readonly string[];
  /** What a host runs once its links are in place, by its name. */
  readonly exec: Readonly<Record<string, readonly string[]>>;
  /** What a host tells its kernel, by its name: a NAT forwards. */
  readonly sysctls: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly nat?: Nat | undefined;
  readonly links: readonly (readonly [Endpoint, Endpoint])[];
  readonly services: readonly Service[];
  readonly names: readonly LabName[];
  readonly clients: readonly Client[];
  readonly experiment: Experiment;
}

/** Of names that were checked when the file was read. */
export const nodeNamed = (lab: Lab, name: string): ClusterNode => named(lab.nodes, "node", name);
export const serviceNamed = (lab: Lab, name: string): Service => named(lab.services, "service", name);

function named<One extends { readonly name: string }>(all: readonly One[], what: string, name: string): One {
  const found = all.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no ${what} ${name}, and the file was checked for that`);
  return found;
}

/** The pods that a node sends a service's connections to. An ingress is where its node's first pod is. */
export function podsOf(lab: Lab, service: Service): readonly Pod[] {
  const nodes = lab.nodes.filter((node) => service.podsOn?.includes(node.name) ?? true);
  return nodes.flatMap(({ pods }) => (service.ingressTo === undefined ? pods : pods.slice(0, 1)));
}

/** The nodes that announce a service: all of them, or under Local those with a pod of it. */
export function announcersOf(lab: Lab, service: Service): readonly ClusterNode[] {
  if (service.externalTrafficPolicy === "Cluster") return lab.nodes;
  const withPods = new Set(podsOf(lab, service).map((pod) => pod.node));
  return lab.nodes.filter((node) => withPods.has(node.name));
}

/** What a node announces. */
export const servicesOf = (lab: Lab, node: ClusterNode): readonly Service[] =>
  lab.services.filter((service) => announcersOf(lab, service).includes(node));

export const routersOf = (lab: Lab): readonly RouterNode[] => [lab.router, ...lab.furtherRouters];

export const hasIpv6 = (lab: Lab): boolean => lab.nodes.some(({ address6 }) => address6 !== undefined);

/** The one of these addresses that belongs to a family. */
export const ofFamily = ({ address, address6 }: MaybeAddressed, family: AddressFamily): Prefix | undefined =>
  family === "ipv4" ? address : address6;

/** A node as a next hop: one for each family that it speaks. */
export const nextHopsOf = ({ address, address6 }: Addressed): readonly Address[] =>
  [address, address6].flatMap((each) => each?.address ?? []);

/** The names of the nodes, by what a forecast calls them. */
export const nodesByNextHop = (lab: Lab): ReadonlyMap<string, string> =>
  new Map(lab.nodes.flatMap((node) => nextHopsOf(node).map((address) => [formatAddress(address), node.name])));

/** A node as the next hop of a service. */
export function nextHopFor(node: Addressed, service: Service): Address | undefined {
  return ofFamily(node, addressFamily(service.address))?.address;
}

/** A router's port on the network that an interface belongs to. */
export function portTo(router: RouterNode, { address }: Addressed): (Endpoint & Addressed) | undefined {
  const network = makePrefix(address.address, address.length);
  return router.ports.find((port) => prefixContains(network, port.address.address));
}

/** The ports of routers on the network that an interface belongs to. */
export const portsTo = (lab: Lab, end: Addressed): (Endpoint & Addressed)[] =>
  routersOf(lab).flatMap((router) => portTo(router, end) ?? []);

/** The nodes that a router speaks with. */
export const nodesOf = (lab: Lab, router: RouterNode): readonly ClusterNode[] =>
  lab.nodes.filter((node) => portTo(router, node) && (node.routers?.includes(router.name) ?? true));

/** The routers that a node speaks with, each with its port towards it. */
export const routersAt = (
  lab: Lab,
  node: ClusterNode,
): readonly { readonly router: RouterNode; readonly port: Endpoint & Addressed }[] =>
  routersOf(lab).flatMap((router) => {
    const port = nodesOf(lab, router).includes(node) && portTo(router, node);
    return port ? [{ router, port }] : [];
  });

/** The routers that a router speaks with, each by its port there: those at the other ends of its cables. */
export function peersOf(
  lab: Lab,
  router: RouterNode,
): readonly { readonly router: RouterNode; readonly port: Endpoint & Addressed }[] {
  return lab.links.flatMap((ends) => {
    const far = ends.find((end) => end.node !== router.name);
    const peer = routersOf(lab).find(({ name }) => name === far?.node);
    const port = peer?.ports.find((each) => each.interface === far?.interface);
    return peer && port && ends.some((end) => end.node === router.name) ? [{ router: peer, port }] : [];
  });
}

/** The addresses of a host: those of its first link that has any. */
export function hostAddresses(lab: Lab, host: string): Addressed {
  const end = lab.links.flat().find((candidate) => candidate.node === host && candidate.address !== undefined);
  if (!end?.address) throw new Error(`the host ${host} has no address, and the lab file was checked for that`);
  return { address: end.address, address6: end.address6 };
}

/** Where the clients are. */
export const hostNetworks = (lab: Lab): readonly Prefix[] =>
  lab.hosts.flatMap((host) => {
    const { address, address6 } = hostAddresses(lab, host);
    return [address, address6].flatMap((each) => (each ? makePrefix(each.address, each.length) : []));
  });

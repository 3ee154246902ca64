/**
 * A lab as a value: the router, the nodes of the cluster with their pods, the links, the services, and what shall happen.
 * `lab-file.ts` makes it from `lab.yaml`; everything else in this folder reads it.
 */
import type { Ipv4Address } from "../net/address.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";

export const SPEAKER_KINDS = ["frr", "bird", "gobgp", "exabgp"] as const;
export type SpeakerKindName = (typeof SPEAKER_KINDS)[number];

export interface Endpoint {
  readonly node: string;
  readonly interface: string;
  readonly address?: Prefix;
}

export interface Pod {
  /** Its name and that of its namespace: the node's, with a letter. */
  readonly name: string;
  readonly node: string;
  readonly address: Prefix;
}

/** A node of the cluster: it speaks BGP, forwards to its pods, and masquerades. */
export interface ClusterNode {
  readonly name: string;
  readonly kind: SpeakerKindName;
  readonly asn: number;
  /** Its address on the fabric. */
  readonly address: Prefix;
  readonly podSubnet: Prefix;
  /** Its address on its pods' side: their gateway, and the source they see when this node masquerades to them. */
  readonly podGateway: Prefix;
  readonly pods: readonly Pod[];
  /** So many prefixes of `fullTable` it announces beside the services. */
  readonly tableSize: number;
}

export interface RouterNode {
  readonly name: string;
  readonly asn: number;
  readonly holdTimeSeconds: number;
  readonly maximumPaths: number;
  readonly ports: readonly Required<Endpoint>[];
}

/** A Kubernetes service of type LoadBalancer. */
export interface Service {
  readonly name: string;
  readonly address: Ipv4Address;
  readonly port: number;
  readonly targetPort: number;
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** `by-pods`: each node announces it with a bandwidth for every pod that it runs, and gets that share of the connections. */
  readonly linkBandwidth?: "by-pods" | undefined;
  /** The nodes that run its pods; all of them when absent. */
  readonly podsOn?: readonly string[] | undefined;
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
  "mtu",
  "mac-change",
  "pods-move",
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
  readonly router: RouterNode;
  readonly nodes: readonly ClusterNode[];
  readonly bridges: readonly string[];
  readonly hosts: readonly string[];
  readonly links: readonly (readonly [Endpoint, Endpoint])[];
  readonly services: readonly Service[];
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

/** The pods that answer for a service. */
export function podsOf(lab: Lab, service: Service): readonly Pod[] {
  return lab.nodes.filter((node) => service.podsOn?.includes(node.name) ?? true).flatMap((node) => node.pods);
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

/** The router's address on the network that `address` belongs to. */
export function routerAddressFor(lab: Lab, address: Prefix): Ipv4Address {
  const network = makePrefix(address.address, address.length);
  const port = lab.router.ports.find((candidate) => prefixContains(network, candidate.address.address));
  return (port ?? lab.router.ports[0]).address.address as Ipv4Address;
}

/** The address of a host: that of its first link. */
export function hostAddress(lab: Lab, host: string): Prefix {
  const end = lab.links.flat().find((candidate) => candidate.node === host && candidate.address !== undefined);
  if (!end?.address) throw new Error(`the host ${host} has no address, and the lab file was checked for that`);
  return end.address;
}

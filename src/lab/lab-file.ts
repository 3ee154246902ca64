/**
 * `lab.yaml`: what it may say, checked with every mistake told at once, and the `Lab` it means. `name`, `topology.nodes`,
 * `kind`, `exec`, `sysctls`, `links`, `endpoints`, `ipv4`, `ipv6` and `mtu` mean what they mean to containerlab; `services`,
 * `clients` and `experiment` are ours. No file is opened here (that is `catalog.ts`).
 */
import type { ConfigMistake } from "../config/read.ts";
import type { Addressed, ClusterNode, Endpoint, Lab, RouterNode } from "./lab.ts";
import { checkLab } from "./lab-check.ts";
import { type LabFile, labSchema, type PodPlan } from "./lab-schema.ts";
import { podAt, podGateway } from "./pod-address.ts";
import { readSound } from "./sound.ts";
import { FORWARD_IPV4 } from "./sysctls.ts";

/** The lab that `text` describes, or every mistake in it. */
export function readLab(text: string): { readonly lab: Lab } | { readonly mistakes: readonly ConfigMistake[] } {
  const result = readSound(text, labSchema, checkLab);
  return "value" in result ? { lab: expand(result.value) } : result;
}

function expand(file: LabFile): Lab {
  const { name, description, services, names, clients, experiment } = file;
  const named = Object.entries(file.topology.nodes);
  const links = file.topology.links.map((link) => [toEndpoint(link, 0), toEndpoint(link, 1)] as const);
  const addressed = (node: string) =>
    links.flat().filter((end): end is Endpoint & Addressed => end.node === node && end.address !== undefined);
  const [router, ...furtherRouters] = named.flatMap(([name, node]): RouterNode[] => {
    if (node.kind !== "ecmp-router") return [];
    const { asn, holdTimeSeconds, maximumPaths, routes } = node;
    return [{ name, asn, holdTimeSeconds, maximumPaths, routes, ports: addressed(name) }];
  });
  const nodes = named.flatMap(([name, node]): ClusterNode[] => {
    if (!("pods" in node)) return [];
    const { kind, asn, tableSize, routers, pods } = node;
    const [{ address, address6 }] = addressed(name);
    return [{ name, kind, asn, tableSize, routers, address, address6, ...expandPods(name, pods) }];
  });
  const ofKind = (kind: string) => named.filter(([, node]) => node.kind === kind).map(([name]) => name);
  const exec = Object.fromEntries(named.flatMap(([name, node]) => (node.kind === "linux" ? [[name, node.exec]] : [])));
  const sysctls = Object.fromEntries(
    named.flatMap(([name, node]) => (node.kind === "linux" ? [[name, sysctlsOfHost(node)]] : [])),
  );
  const [nat] = named.flatMap(([host, node]) =>
    node.kind === "linux" && node.masquerade !== undefined ? [{ host, interface: node.masquerade }] : [],
  );
  const machines = { router, furtherRouters, nodes, bridges: ofKind("bridge"), hosts: ofKind("linux"), exec, sysctls, nat };
  return { name, description, ...machines, links, services, names, clients, experiment };
}

const sysctlsOfHost = ({ sysctls, masquerade }: Extract<LabFile["topology"]["nodes"][string], { kind: "linux" }>) =>
  masquerade === undefined ? sysctls : { ...sysctls, [FORWARD_IPV4]: 1 };

function toEndpoint({ endpoints, ipv4, ipv6, mtu }: LabFile["topology"]["links"][number], side: 0 | 1): Endpoint {
  const [node, name] = endpoints[side].split(":");
  return { node, interface: name, address: ipv4[side], address6: ipv6[side], mtu };
}

function expandPods(
  node: string,
  { subnet, subnet6, count }: PodPlan,
): Pick<ClusterNode, "podSubnet" | "podSubnet6" | "podGateway" | "pods"> {
  const subnets = { podSubnet: subnet, podSubnet6: subnet6 };
  const pods = Array.from({ length: count }, (_, index) => podAt(node, subnets, index));
  return { ...subnets, podGateway: podGateway(subnets), pods };
}

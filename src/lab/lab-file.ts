/**
 * `lab.yaml`: what it may say, checked with every mistake told at once, and the `Lab` it means. `name`, `topology.nodes`,
 * `kind`, `exec`, `sysctls`, `links`, `endpoints`, `ipv4`, `ipv6` and `mtu` mean what they mean to containerlab; `services`, `clients` and `experiment` are
 * ours. No file is opened here (that is `catalog.ts`).
 */
import type { z } from "zod";
import { type ConfigMistake, readYaml } from "../config/read.ts";
import { type AddressFamily, addressFamily } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Addressed, ClusterNode, Endpoint, Lab, RouterNode, SpeakerKindName } from "./lab.ts";
import { type LabFile, labSchema, type PodPlan } from "./lab-schema.ts";
import { podAt, podGateway } from "./pod-address.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { FORWARD_IPV4 } from "./sysctls.ts";

/** The lab that `text` describes, or every mistake in it. */
export function readLab(text: string): { readonly lab: Lab } | { readonly mistakes: readonly ConfigMistake[] } {
  const result = readYaml(text, labSchema.superRefine(checkReferences));
  return "value" in result ? { lab: expand(result.value) } : result;
}

type Refuse = (path: PropertyKey[], wanted: string) => void;

/** What a schema cannot say: that names refer to something, and that nothing is claimed twice. */
function checkReferences(file: LabFile, context: z.core.$RefinementCtx<LabFile>): void {
  const refuse: Refuse = (path, wanted) => context.addIssue({ code: "custom", path, message: `wanted ${wanted}` });
  checkLinks(file, refuse);
  checkNodes(file, refuse);
  checkServices(file, refuse);
  checkNames(file, refuse);
  checkClients(file, refuse);
  const speakers = speakerNames(file);
  if (!speakers.includes(file.experiment.event.node)) refuse(["experiment", "event", "node"], `one of ${speakers.join(", ")}`);
}

const speakerNames = (file: LabFile): string[] =>
  Object.entries(file.topology.nodes).flatMap(([name, node]) => ("pods" in node ? [name] : []));

const routerNames = (file: LabFile): string[] =>
  Object.entries(file.topology.nodes).flatMap(([name, { kind }]) => (kind === "ecmp-router" ? [name] : []));

const hasAddress = (file: LabFile, name: string, family: AddressFamily = "ipv4"): boolean =>
  file.topology.links.some((link) => link.endpoints.some((end, side) => end.startsWith(`${name}:`) && link[family][side]));

function checkLinks({ topology }: LabFile, refuse: Refuse): void {
  const known = Object.keys(topology.nodes);
  const endpoints = new Set<string>();
  const owners = new Map<Prefix["address"], string>();
  topology.links.forEach((link, index) => {
    link.endpoints.forEach((name, side) => {
      const path = ["topology", "links", index, "endpoints", side];
      if (!known.includes(name.split(":")[0])) refuse(path, `a node of topology.nodes (${known.join(", ")})`);
      if (endpoints.has(name)) refuse(path, "an interface that no other link uses");
      endpoints.add(name);
    });
    for (const family of ["ipv4", "ipv6"] as const) {
      link[family].forEach(({ address }, side) => {
        const path = ["topology", "links", index, family, side];
        const owner = owners.get(address);
        if (owner) refuse(path, `an address that ${owner} does not have`);
        if (!link.ipv4[side]) refuse(path, `an ipv4 address beside it (${link.endpoints[side]} has none)`);
        owners.set(address, link.endpoints[side]);
      });
    }
  });
}

function checkNodes(file: LabFile, refuse: Refuse): void {
  const nodes = Object.entries(file.topology.nodes);
  const routers = routerNames(file);
  if (routers.length === 0) refuse(["topology", "nodes"], "a node of kind ecmp-router");
  const nats = nodes.flatMap(([name, node]) => (node.kind === "linux" && node.masquerade !== undefined ? [name] : []));
  for (const [name, node] of nodes) {
    if (node.kind === "linux" && node.masquerade !== undefined) {
      const refuseNat = (wanted: string) => refuse(["topology", "nodes", name, "masquerade"], wanted);
      const ends = file.topology.links.flatMap(({ endpoints, ipv4 }) => endpoints.filter((_, side) => ipv4[side]));
      if (name !== nats[0]) refuseNat(`one host at most that masquerades (${nats[0]})`);
      if (!ends.includes(`${name}:${node.masquerade}`))
        refuseNat("an interface of its own, on a link that gives it an ipv4 address");
    }
    if (!("pods" in node)) continue;
    node.routers?.forEach((router, i) => {
      if (!routers.includes(router)) refuse(["topology", "nodes", name, "routers", i], `one of ${routers.join(", ")}`);
    });
    if (node.tableSize > 0 && node.kind !== "bird") {
      refuse(["topology", "nodes", name, "tableSize"], `a node of kind bird (${name} is ${node.kind})`);
    }
  }
  for (const name of [...speakerNames(file), ...routers]) {
    if (!hasAddress(file, name)) refuse(["topology", "nodes", name], "a link that gives it an ipv4 address");
  }
}

function checkServices(file: LabFile, refuse: Refuse): void {
  const names = new Set<string>();
  const speakers = speakerNames(file);
  file.services.forEach((service, index) => {
    if (addressFamily(service.address) === "ipv6") checkIpv6(file, service.podsOn ?? speakers, index, refuse);
    if (names.has(service.name)) refuse(["services", index, "name"], "a name of its own");
    names.add(service.name);
    service.podsOn?.forEach((name, i) => {
      if (!speakers.includes(name)) refuse(["services", index, "podsOn", i], `nodes with pods (${speakers.join(", ")})`);
    });
    const announcers = service.externalTrafficPolicy === "Local" ? (service.podsOn ?? speakers) : speakers;
    const mute = announcers.filter((name) => speakers.includes(name) && !canSayLinkBandwidth(file.topology.nodes[name].kind));
    if (service.linkBandwidth && mute.length > 0) {
      const found = mute.map((name) => `${name} is ${file.topology.nodes[name].kind}`).join(", ");
      refuse(["services", index, "linkBandwidth"], `nodes whose speaker can say it (${found})`);
    }
  });
}

const canSayLinkBandwidth = (kind: string): boolean => SPEAKERS[kind as SpeakerKindName].linkBandwidth;

function checkNames({ names, services, topology }: LabFile, refuse: Refuse): void {
  const known = services.map(({ name }) => name);
  names.forEach(({ name, server, service }, index) => {
    const wrong = (key: string, wanted: string) => refuse(["names", index, key], wanted);
    if (topology.nodes[server]?.kind !== "linux") wrong("server", "a node of kind linux");
    if (!known.includes(service)) wrong("service", `one of ${known.join(", ")}`);
    if (names.findIndex((other) => other.name === name) < index) wrong("name", "a name of its own");
  });
  services.forEach(({ ingressTo, externalTrafficPolicy, appProtocol }, index) => {
    if (ingressTo === undefined) return;
    const wrong = (key: string, wanted: string) => refuse(["services", index, key], wanted);
    const behind = services.find(({ name }) => name === ingressTo);
    if (!behind || behind.ingressTo !== undefined) wrong("ingressTo", "another service, one of pods");
    else if (behind.appProtocol !== appProtocol) wrong("appProtocol", `that of ${ingressTo}`);
    if (externalTrafficPolicy !== "Local") wrong("externalTrafficPolicy", "Local, for an ingress");
  });
}

/** A service of IPv6 needs it all the way. */
function checkIpv6(file: LabFile, nodes: readonly string[], service: number, refuse: Refuse): void {
  const hosts = file.clients.filter((client) => client.service === file.services[service].name).map(({ node }) => node);
  for (const name of [...nodes, ...hosts]) {
    if (!hasAddress(file, name, "ipv6"))
      refuse(["services", service, "address"], `an ipv6 address of ${name} for it, on its link`);
  }
  for (const name of nodes) {
    const node = file.topology.nodes[name];
    if (!node || !("pods" in node)) continue;
    if (!node.pods.subnet6) refuse(["topology", "nodes", name, "pods"], "subnet6, for a service of IPv6");
    if (!SPEAKERS[node.kind].ipv6) refuse(["topology", "nodes", name, "kind"], "a speaker that can announce a service of IPv6");
  }
}

function checkClients(file: LabFile, refuse: Refuse): void {
  const services = file.services.map(({ name }) => name);
  file.clients.forEach(({ node, service, connections, firstSourcePort }, index) => {
    const wrong = (key: string, wanted: string) => refuse(["clients", index, key], wanted);
    if (file.topology.nodes[node]?.kind !== "linux") wrong("node", "a node of kind linux");
    else if (!hasAddress(file, node)) wrong("node", "a link that gives it an ipv4 address");
    if (node !== file.clients[0].node) wrong("node", `the host of the first one (${file.clients[0].node})`);
    if (!services.includes(service)) wrong("service", `one of ${services.join(", ")}`);
    const end = firstSourcePort + connections;
    if (end > 65536) wrong("firstSourcePort", `${connections} ports below 65536`);
    for (const other of file.clients.slice(0, index)) {
      if (firstSourcePort >= other.firstSourcePort + other.connections || end <= other.firstSourcePort) continue;
      wrong("firstSourcePort", "source ports that no client before it uses");
    }
  });
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

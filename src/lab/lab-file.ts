/**
 * `lab.yaml`: what it may say, checked with every mistake told at once, and the `Lab` it means. `name`, `topology.nodes`,
 * `kind`, `links`, `endpoints` and `ipv4` mean what they mean to containerlab; `services`, `clients` and `experiment` are
 * ours. No file is opened here (that is `catalog.ts`).
 */
import { parseDocument } from "yaml";
import type { z } from "zod";
import type { Ipv4Address } from "../net/address.ts";
import { formatPrefix, type Prefix } from "../net/prefix.ts";
import type { ClusterNode, Endpoint, Lab, RouterNode } from "./lab.ts";
import { type LabFile, labSchema, type PodPlan } from "./lab-schema.ts";

/** The lab that `text` describes, or every mistake in it as "path: found; wanted ...". */
export function readLab(text: string): { lab: Lab } | { mistakes: readonly string[] } {
  const document = parseDocument(text);
  if (document.errors.length > 0) return { mistakes: document.errors.map((error) => error.message) };
  const input: unknown = document.toJS();
  const parsed = labSchema.safeParse(input);
  if (!parsed.success) return { mistakes: parsed.error.issues.flatMap((issue) => describeIssue(input, issue)) };
  const mistakes = checkReferences(parsed.data);
  return mistakes.length > 0 ? { mistakes } : { lab: expand(parsed.data) };
}

function describeIssue(input: unknown, issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map(String).join(".") || "the file";
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => `${path}: "${key}" is not known here`);
  const found = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
  const wanted = issue.message.replace(/^Invalid (?:input|option): expected (.*?)(?:, received .*)?$/, "$1");
  return [`${path}: ${found === undefined ? "missing" : `found ${JSON.stringify(found)}`}; wanted ${wanted}`];
}

type Wrong = (path: string, found: string, wanted: string) => void;

/** What a schema cannot say: that names refer to something, and that nothing is claimed twice. */
function checkReferences(file: LabFile): string[] {
  const mistakes: string[] = [];
  const wrong: Wrong = (path, found, wanted) => mistakes.push(`${path}: found "${found}"; wanted ${wanted}`);
  checkLinks(file, wrong);
  checkNodes(file, wrong);
  checkServices(file, wrong);
  checkClients(file, wrong);
  const { event } = file.experiment;
  const speakers = speakerNames(file);
  if (!speakers.includes(event.node)) wrong("experiment.event.node", event.node, `one of ${speakers.join(", ")}`);
  return mistakes;
}

const speakerNames = (file: LabFile): string[] =>
  Object.entries(file.topology.nodes).flatMap(([name, node]) => ("pods" in node ? [name] : []));

const hasAddress = (file: LabFile, name: string): boolean =>
  file.topology.links.some((link) => link.endpoints.some((end, side) => end.startsWith(`${name}:`) && link.ipv4[side]));

function checkLinks({ topology }: LabFile, wrong: Wrong): void {
  const endpoints = new Set<string>();
  const addresses = new Map<Prefix["address"], string>();
  topology.links.forEach((link, index) => {
    link.endpoints.forEach((name, side) => {
      const path = `topology.links.${index}.endpoints.${side}`;
      const known = Object.keys(topology.nodes);
      if (!known.includes(name.split(":")[0])) wrong(path, name, `a node of topology.nodes (${known.join(", ")})`);
      if (endpoints.has(name)) wrong(path, name, "an interface that no other link uses");
      endpoints.add(name);
    });
    link.ipv4.forEach((address, side) => {
      const path = `topology.links.${index}.ipv4.${side}`;
      const other = addresses.get(address.address);
      if (other) wrong(path, formatPrefix(address), `an address that ${other} does not have`);
      addresses.set(address.address, path);
    });
  });
}

function checkNodes(file: LabFile, wrong: Wrong): void {
  const nodes = Object.entries(file.topology.nodes);
  const routers = nodes.flatMap(([name, { kind }]) => (kind === "ecmp-router" ? [name] : []));
  if (routers.length !== 1) wrong("topology.nodes", routers.join(", "), "exactly one node of kind ecmp-router");
  for (const [name, node] of nodes) {
    if (!("pods" in node) || node.tableSize === 0 || node.kind === "bird") continue;
    wrong(`topology.nodes.${name}.tableSize`, String(node.tableSize), `a node of kind bird (${name} is ${node.kind})`);
  }
  for (const name of [...speakerNames(file), ...routers]) {
    if (!hasAddress(file, name)) wrong(`topology.nodes.${name}`, name, "a link that gives it an ipv4 address");
  }
}

function checkServices(file: LabFile, wrong: Wrong): void {
  const names = new Set<string>();
  const speakers = speakerNames(file);
  file.services.forEach((service, index) => {
    if (names.has(service.name)) wrong(`services.${index}.name`, service.name, "a name of its own");
    names.add(service.name);
    for (const name of service.podsOn ?? []) {
      if (!speakers.includes(name)) wrong(`services.${index}.podsOn`, name, `nodes with pods (${speakers.join(", ")})`);
    }
    const gobgp = speakers.find((name) => file.topology.nodes[name].kind === "gobgp");
    if (service.linkBandwidth && gobgp) {
      wrong(`services.${index}.linkBandwidth`, service.linkBandwidth, `nodes whose speaker can say it (${gobgp} is gobgp)`);
    }
  });
}

function checkClients(file: LabFile, wrong: Wrong): void {
  const services = file.services.map(({ name }) => name);
  file.clients.forEach(({ node, service, connections, firstSourcePort }, index) => {
    const path = `clients.${index}`;
    if (file.topology.nodes[node]?.kind !== "linux") wrong(`${path}.node`, node, "a node of kind linux");
    else if (!hasAddress(file, node)) wrong(`${path}.node`, node, "a link that gives it an ipv4 address");
    if (node !== file.clients[0].node) wrong(`${path}.node`, node, `the host of the first one (${file.clients[0].node})`);
    if (!services.includes(service)) wrong(`${path}.service`, service, `one of ${services.join(", ")}`);
    const end = firstSourcePort + connections;
    if (end > 65536) wrong(`${path}.firstSourcePort`, String(firstSourcePort), `${connections} ports below 65536`);
    for (const other of file.clients.slice(0, index)) {
      if (firstSourcePort >= other.firstSourcePort + other.connections || end <= other.firstSourcePort) continue;
      wrong(`${path}.firstSourcePort`, String(firstSourcePort), "source ports that no client before it uses");
    }
  });
}

function expand(file: LabFile): Lab {
  const { name, description, services, clients, experiment } = file;
  const named = Object.entries(file.topology.nodes);
  const links = file.topology.links.map((link) => [toEndpoint(link, 0), toEndpoint(link, 1)] as const);
  const addressed = (node: string) =>
    links.flat().filter((end): end is Required<Endpoint> => end.node === node && end.address !== undefined);
  const [router] = named.flatMap(([name, node]): RouterNode[] => {
    if (node.kind !== "ecmp-router") return [];
    const { asn, holdTimeSeconds, maximumPaths } = node;
    return [{ name, asn, holdTimeSeconds, maximumPaths, ports: addressed(name) }];
  });
  const nodes = named.flatMap(([name, node]): ClusterNode[] =>
    "pods" in node
      ? [
          {
            name,
            kind: node.kind,
            asn: node.asn,
            address: addressed(name)[0].address,
            tableSize: node.tableSize,
            ...expandPods(name, node.pods),
          },
        ]
      : [],
  );
  const ofKind = (kind: string) => named.filter(([, node]) => node.kind === kind).map(([name]) => name);
  const hosts = ofKind("linux");
  return { name, description, router, nodes, bridges: ofKind("bridge"), hosts, links, services, clients, experiment };
}

function toEndpoint(link: LabFile["topology"]["links"][number], side: 0 | 1): Endpoint {
  const [node, name] = link.endpoints[side].split(":");
  const address = link.ipv4[side];
  return address ? { node, interface: name, address } : { node, interface: name };
}

/** The gateway is the subnet's first host, the pods are the ones after it. */
function expandPods(node: string, { subnet, count }: PodPlan): Pick<ClusterNode, "podSubnet" | "podGateway" | "pods"> {
  const at = (host: number): Prefix => ({ address: (subnet.address as Ipv4Address) + host, length: subnet.length });
  const pods = Array.from({ length: count }, (_, index) => ({
    name: `${node}-${String.fromCharCode("a".charCodeAt(0) + index)}`,
    node,
    address: at(2 + index),
  }));
  return { podSubnet: subnet, podGateway: at(1), pods };
}

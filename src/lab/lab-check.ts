/**
 * What the shape of a lab file cannot say: that names refer to something, that nothing is claimed twice, and that the parts can do
 * what is asked of them. `lab-file.ts` has each file checked so, with whatever of it is sound (`sound.ts`); nothing is held against
 * a name that leads to a part which is wrong itself.
 */
import type { z } from "zod";
import { hashSchema, selectorSchema } from "../config/ecmp-schema.ts";
import { flattenIssues } from "../config/read.ts";
import { type AddressFamily, addressFamily, formatAddress } from "../net/address.ts";
import { formatPrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import { FAULTS } from "./fault.ts";
import type { FaultKind } from "./lab.ts";
import type { LabFile } from "./lab-schema.ts";
import type { Refuse, Sound } from "./sound.ts";
import { SPEAKERS } from "./speaker/kinds.ts";

type SoundFile = Sound<LabFile>;
type SoundNode = NonNullable<NonNullable<NonNullable<SoundFile["topology"]>["nodes"]>[string]>;
type SpeakerNode = Extract<SoundNode, { readonly pods?: unknown }>;

/** What of the file is known; a part that is wrong itself is whatever it is taken for. */
interface Known {
  readonly file: SoundFile;
  /** In the order of the file; undefined: a node that is wrong itself. */
  readonly nodes: ReadonlyMap<string, SoundNode | undefined>;
  /** Whether these are all. */
  readonly hasNodes: boolean;
  readonly speakers: readonly string[];
  readonly routers: readonly string[];
  readonly links: readonly Sound<LabFile["topology"]["links"][number]>[];
  /** Whether these are all, and their ends are known. */
  readonly hasLinks: boolean;
  readonly services: readonly string[];
  readonly hasServices: boolean;
}

export function checkLab(file: SoundFile, refuse: Refuse): void {
  const known = knownOf(file);
  checkLinks(known, refuse);
  checkNodes(known, refuse);
  checkPodSubnets(known, refuse);
  checkServices(known, refuse);
  checkIngresses(known, refuse);
  checkNames(known, refuse);
  checkClients(known, refuse);
  checkExperiment(known, refuse);
}

function knownOf(file: SoundFile): Known {
  const nodes = new Map(Object.entries(file.topology?.nodes ?? {}));
  const links = file.topology?.links ?? [];
  const services = file.services ?? [];
  const named = (isIt: (node: SoundNode) => boolean) => [...nodes].flatMap(([name, node]) => (node && isIt(node) ? [name] : []));
  return {
    file,
    nodes,
    hasNodes: file.topology?.nodes !== undefined,
    speakers: named(isSpeaker),
    routers: named(({ kind }) => kind === "ecmp-router"),
    links: links.map((link) => link ?? {}),
    hasLinks: file.topology?.links !== undefined && links.every((link) => link?.endpoints?.every((end) => end !== undefined)),
    services: services.flatMap((service) => service?.name ?? []),
    hasServices: file.services !== undefined && services.every((service) => service?.name !== undefined),
  };
}

const isSpeaker = (node: SoundNode): node is SpeakerNode => node.kind !== undefined && node.kind in SPEAKERS;

function mayBeNode({ nodes, hasNodes }: Known, name: string | undefined, isIt: (node: SoundNode) => boolean): boolean {
  if (name === undefined || !hasNodes) return true;
  const node = nodes.get(name);
  return nodes.has(name) && (node === undefined || isIt(node));
}

const mayBeService = ({ services, hasServices }: Known, name: string | undefined): boolean =>
  name === undefined || !hasServices || services.includes(name);

/** An end that has an address by the file is taken at its word, be the address wrong. */
const mayHaveAddress = ({ links, hasLinks }: Known, name: string, family: AddressFamily = "ipv4"): boolean =>
  !hasLinks ||
  links.some((link) => link.endpoints?.some((end, side) => end?.startsWith(`${name}:`) && (link[family]?.length ?? 2) > side));

const listed = (names: readonly string[]): string => [...new Set(names)].join(", ") || "there is none";

function checkLinks({ nodes, hasNodes, links }: Known, refuse: Refuse): void {
  const endpoints = new Set<string>();
  const owners = new Map<Prefix["address"], string>();
  links.forEach((link, index) => {
    const at = (...path: PropertyKey[]) => ["topology", "links", index, ...path];
    link.endpoints?.forEach((name, side) => {
      if (name === undefined) return;
      if (hasNodes && !nodes.has(name.split(":")[0])) {
        refuse(at("endpoints", side), `a node of topology.nodes (${listed([...nodes.keys()])})`);
      }
      if (endpoints.has(name)) refuse(at("endpoints", side), "an interface that no other link uses");
      endpoints.add(name);
    });
    for (const family of ["ipv4", "ipv6"] as const) {
      link[family]?.forEach((prefix, side) => {
        const end = link.endpoints?.[side] ?? "another interface";
        if ((link.ipv4?.length ?? 2) <= side) refuse(at(family, side), `an ipv4 address beside it (${end} has none)`);
        if (prefix === undefined) return;
        const owner = owners.get(prefix.address);
        if (owner) refuse(at(family, side), `an address that ${owner} does not have`);
        owners.set(prefix.address, end);
      });
    }
  });
}

function checkNodes(known: Known, refuse: Refuse): void {
  const { nodes, hasNodes, routers, links } = known;
  const hasUnknown = [...nodes.values()].includes(undefined);
  if (hasNodes && !hasUnknown && routers.length === 0) refuse(["topology", "nodes"], "a node of kind ecmp-router");
  const nats = [...nodes].flatMap(([name, node]) => (node?.kind === "linux" && node.masquerade !== undefined ? [name] : []));
  for (const [name, node] of nodes) {
    const wrong = (key: string, wanted: string) => refuse(["topology", "nodes", name, key], wanted);
    if (node?.kind === "linux" && node.masquerade !== undefined) {
      const own = `${name}:${node.masquerade}`;
      const isThere = links.some(({ endpoints, ipv4 }) =>
        endpoints?.some((end, side) => end === own && (ipv4?.length ?? 2) > side),
      );
      if (name !== nats[0]) wrong("masquerade", `one host at most that masquerades (${nats[0]})`);
      if (known.hasLinks && !isThere) wrong("masquerade", "an interface of its own, on a link that gives it an ipv4 address");
    }
    if (node && (isSpeaker(node) || node.kind === "ecmp-router") && !mayHaveAddress(known, name)) {
      refuse(["topology", "nodes", name], "a link that gives it an ipv4 address");
    }
    if (!node || !isSpeaker(node)) continue;
    node.routers?.forEach((router, i) => {
      if (mayBeNode(known, router, ({ kind }) => kind === "ecmp-router")) return;
      refuse(["topology", "nodes", name, "routers", i], `one of ${listed(routers)}`);
    });
    if ((node.tableSize ?? 0) > 0 && node.kind !== "bird") wrong("tableSize", `a node of kind bird (${name} is ${node.kind})`);
  }
}

function checkPodSubnets({ nodes }: Known, refuse: Refuse): void {
  const taken: { readonly name: string; readonly subnet: Prefix }[] = [];
  for (const [name, node] of nodes) {
    if (!node || !isSpeaker(node)) continue;
    for (const key of ["subnet", "subnet6"] as const) {
      const subnet = node.pods?.[key];
      if (subnet === undefined) continue;
      const other = taken.find((each) => overlap(each.subnet, subnet));
      const wanted = other && `a subnet apart from that of ${other.name} (${formatPrefix(other.subnet)})`;
      if (wanted) refuse(["topology", "nodes", name, "pods", key], wanted);
      taken.push({ name, subnet });
    }
  }
}

const overlap = (a: Prefix, b: Prefix): boolean =>
  typeof a.address === typeof b.address && (prefixContains(a, b.address) || prefixContains(b, a.address));

function checkServices(known: Known, refuse: Refuse): void {
  const { file, nodes, speakers } = known;
  const names = new Set<string>();
  const owners = new Map<string, string>();
  file.services?.forEach((service = {}, index) => {
    const { name, address, port, protocols, podsOn } = service;
    const at = (...path: PropertyKey[]) => ["services", index, ...path];
    if (name !== undefined && names.has(name)) refuse(at("name"), "a name of its own");
    if (name !== undefined) names.add(name);
    if (address !== undefined && addressFamily(address) === "ipv6") checkIpv6(known, podsOn ?? speakers, index, refuse);
    for (const protocol of address === undefined || port === undefined ? [] : (protocols ?? [])) {
      const claim = `${protocol} ${formatAddress(address as Prefix["address"])} ${port}`;
      const owner = owners.get(claim);
      if (owner) refuse(at("port"), `another port than ${owner} has at this address`);
      owners.set(claim, name ?? "another service");
    }
    podsOn?.forEach((node, i) => {
      if (!mayBeNode(known, node, isSpeaker)) refuse(at("podsOn", i), `nodes with pods (${listed(speakers)})`);
    });
    if (service.linkBandwidth === undefined || service.externalTrafficPolicy === undefined) return;
    const announcers = service.externalTrafficPolicy === "Local" ? (podsOn ?? speakers) : speakers;
    const mute = announcers.flatMap((announcer) => {
      const node = announcer === undefined ? undefined : nodes.get(announcer);
      return node && isSpeaker(node) && node.kind && !SPEAKERS[node.kind].linkBandwidth ? [`${announcer} is ${node.kind}`] : [];
    });
    if (mute.length > 0) refuse(at("linkBandwidth"), `nodes whose speaker can say it (${mute.join(", ")})`);
  });
}

/** A service of IPv6 needs it all the way. */
function checkIpv6(known: Known, nodes: readonly (string | undefined)[], index: number, refuse: Refuse): void {
  const { file } = known;
  const name = file.services?.[index]?.name;
  const hosts = (file.clients ?? []).flatMap((client) => (client?.service === name && client?.node ? [client.node] : []));
  for (const one of [...nodes, ...hosts]) {
    if (one !== undefined && known.nodes.has(one) && !mayHaveAddress(known, one, "ipv6"))
      refuse(["services", index, "address"], `an ipv6 address of ${one} for it, on its link`);
  }
  for (const one of nodes) {
    const node = one === undefined ? undefined : known.nodes.get(one);
    if (one === undefined || !node || !isSpeaker(node)) continue;
    if (node.pods && !("subnet6" in node.pods))
      refuse(["topology", "nodes", one, "pods", "subnet6"], "one, for a service of IPv6");
    if (node.kind && !SPEAKERS[node.kind].ipv6)
      refuse(["topology", "nodes", one, "kind"], "a speaker that can announce a service of IPv6");
  }
}

function checkIngresses(known: Known, refuse: Refuse): void {
  const services = known.file.services ?? [];
  services.forEach(({ ingressTo, externalTrafficPolicy, appProtocol } = {}, index) => {
    if (ingressTo === undefined) return;
    const wrong = (key: string, wanted: string) => refuse(["services", index, key], wanted);
    const behind = services.find((service) => service?.name === ingressTo);
    if (behind ? behind.ingressTo !== undefined : known.hasServices) wrong("ingressTo", "another service, one of pods");
    else if (behind && behind.appProtocol !== appProtocol) wrong("appProtocol", `that of ${ingressTo}`);
    if (externalTrafficPolicy === "Cluster") wrong("externalTrafficPolicy", "Local, for an ingress");
  });
}

function checkNames(known: Known, refuse: Refuse): void {
  const names = known.file.names ?? [];
  names.forEach(({ name, server, service } = {}, index) => {
    const wrong = (key: string, wanted: string) => refuse(["names", index, key], wanted);
    if (!mayBeNode(known, server, ({ kind }) => kind === "linux")) wrong("server", "a node of kind linux");
    if (!mayBeService(known, service)) wrong("service", `one of ${listed(known.services)}`);
    if (name !== undefined && names.findIndex((other) => other?.name === name) < index) wrong("name", "a name of its own");
  });
}

const MOST_PORTS = 65_536;

function checkClients(known: Known, refuse: Refuse): void {
  const clients = known.file.clients ?? [];
  const taken: { readonly from: number; readonly to: number }[] = [];
  clients.forEach(({ node, service, connections, firstSourcePort } = {}, index) => {
    const wrong = (key: string, wanted: string) => refuse(["clients", index, key], wanted);
    const first = clients[0]?.node;
    if (!mayBeNode(known, node, ({ kind }) => kind === "linux")) wrong("node", "a node of kind linux");
    else if (node !== undefined && known.nodes.get(node) && !mayHaveAddress(known, node))
      wrong("node", "a link that gives it an ipv4 address");
    else if (node !== undefined && first !== undefined && node !== first) wrong("node", `the host of the first one (${first})`);
    if (!mayBeService(known, service)) wrong("service", `one of ${listed(known.services)}`);
    if (connections === undefined || firstSourcePort === undefined) return;
    const [from, to] = [firstSourcePort, firstSourcePort + connections];
    if (to > MOST_PORTS) wrong("firstSourcePort", `${connections} ports below ${MOST_PORTS}`);
    if (taken.some((other) => from < other.to && other.from < to))
      wrong("firstSourcePort", "source ports that no client before it uses");
    taken.push({ from, to });
  });
}

function checkExperiment(known: Known, refuse: Refuse): void {
  const { hash, selectors = [], event } = known.file.experiment ?? {};
  if (event) checkEvent(known, event, refuse);
  const hold = (schema: z.ZodType, part: unknown, ...at: PropertyKey[]) => {
    const { error } = schema.safeParse(part);
    for (const { path, wanted } of error ? flattenIssues(error) : []) refuse(["experiment", ...at, ...path], wanted);
  };
  if (hash) hold(hashSchema, hash, "hash");
  selectors.forEach((selector, i) => {
    if (selector?.name !== undefined) hold(selectorSchema, selector, "selectors", i);
  });
}

function checkEvent(known: Known, { kind, node: name }: Sound<LabFile["experiment"]["event"]>, refuse: Refuse): void {
  const wrong = (wanted: string) => refuse(["experiment", "event", "node"], wanted);
  if (!mayBeNode(known, name, isSpeaker)) return wrong(`one of ${listed(known.speakers)}`);
  if (name === undefined) return;
  const node = known.nodes.get(name);
  if (!mayAnnounce(known, name)) wrong("a node that announces a service: nothing comes of it when another one goes");
  if (kind === undefined || !node || !isSpeaker(node)) return;
  const fit = known.speakers.filter((each) => mayBefall(known, each, kind));
  if (!fit.includes(name)) wrong(`a node that ${kind} can befall (${listed(fit)})`);
}

const mayAnnounce = ({ file: { services } }: Known, node: string): boolean =>
  !services ||
  services.some(
    (service) =>
      service?.externalTrafficPolicy !== "Local" || (service.podsOn ?? [undefined]).some((each) => (each ?? node) === node),
  );

function mayBefall({ nodes, links }: Known, name: string, fault: FaultKind): boolean {
  const node = nodes.get(name);
  if (!node || !isSpeaker(node) || node.kind === undefined) return true;
  const own = links.flatMap(({ endpoints, ipv6 }) => ipv6?.filter((_, side) => endpoints?.[side]?.startsWith(`${name}:`)) ?? []);
  const [address6] = own.flatMap((address) => address ?? []);
  return FAULTS[fault].canBefall?.({ kind: node.kind, address6 }) ?? true;
}

/**
 * One machine of a lab, played where we are: a container that has its addresses and its kernel's settings already, and nothing
 * else. `ecmp lab play` calls this; `compose.ts` and `containerlab.ts` write the files whose containers call that. The same
 * speakers, rules, pods, servers, clients and judgment as in namespaces; what an engine cannot be told (routes, the services'
 * rules) is done here first.
 *
 * A router of the lab is no part of this: it is `ecmp run`, as in every container of it.
 */
import { mkdir } from "node:fs/promises";
import { formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { type Cast, podCommand, untilEstablished, untilTaught } from "./cast.ts";
import { containerEventOf } from "./container-event.ts";
import { clientsHost, socketOf } from "./container-sockets.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { experimentProgram } from "./experiment-program.ts";
import { LabFailure } from "./failure.ts";
import { ingressPods, startIngress } from "./ingress.ts";
import { renderKubeProxy } from "./kube-proxy.ts";
import { type ClusterNode, hasIpv6, type Lab, nodeNamed, nodesOf, type Pod, type RouterNode, routersOf } from "./lab.ts";
import type { LabRouter } from "./lab-router.ts";
import { NameServer } from "./name-server.ts";
import { executeUntilDone } from "./namespace.ts";
import { startNat } from "./nat.ts";
import { askTranslations, serveTranslations } from "./nat-server.ts";
import { here } from "./place.ts";
import { Daemon, execute } from "./process.ts";
import { createProgress } from "./progress.ts";
import { RouterView } from "./router-view.ts";
import type { FaultStep, Scenario } from "./scenario.ts";
import { playScenario } from "./scenario-run.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { startSpeaker, versionOf } from "./speakers.ts";
import type { Tell } from "./timeline.ts";
import { hostRoutes, nodeRoutes, podRoutes } from "./topology.ts";

const DIRECTORY = "/run/lab";
const ROUTER_DEADLINE_MS = 60_000;
/** For the event, which is the user's to make. */
const A_DAY_MS = 86_400_000;

export interface PartOptions {
  /** That of the lab's experiment which the router is set for. */
  readonly scenario: Scenario;
  /** The folder in which the containers meet. */
  readonly sockets: string;
  readonly json: boolean;
}

/** Plays the machine `name` until it is told to stop (SIGTERM), or until the clients have their result; the exit code. */
export async function playPart(clock: Clock, lab: Lab, name: string, options: PartOptions): Promise<number> {
  await mkdir(DIRECTORY, { recursive: true });
  for (const node of lab.nodes) {
    if (node.name === name) return await playNode(clock, lab, node);
    const pod = node.pods.find((candidate) => candidate.name === name);
    if (pod) return await playPod(clock, lab, node, pod);
  }
  if (lab.hosts.includes(name)) return await playHost(clock, lab, name, options);
  const machines = [...lab.nodes.flatMap(({ name, pods }) => [name, ...pods.map((each) => each.name)]), ...lab.hosts];
  throw new LabFailure("lab play", `found "${name}"`, `one of ${machines.join(", ")}`);
}

/** The event of a lab comes as a signal here: `docker compose kill -s SIGUSR1 n2` befalls the speaker, and the node stays up. */
async function playNode(clock: Clock, lab: Lab, node: ClusterNode): Promise<number> {
  await takeRoutes(lab, nodeRoutes(lab, node));
  await execute(["nft", "-f", "-"], renderKubeProxy(lab, node) + NO_REDIRECTS);
  const { daemons, implementation, version } = await startSpeaker(clock, lab, node, here, `${DIRECTORY}/${node.name}`);
  console.log(`${node.name}: ${implementation} ${version} started`);
  const { signal, done } = containerEventOf(lab);
  process.on("SIGUSR1", () => {
    daemons[0].kill(signal);
    console.log(`${node.name}: ${implementation} ${done}; the node goes on forwarding`);
  });
  return await untilStopped(clock, daemons);
}

/**
 * Every DNAT to another node's pod leaves by the link it came in on, and the kernel would tell the sender so. In namespaces a
 * sysctl of the interface forbids that; in a container such a sysctl is read-only.
 */
const NO_REDIRECTS = `table ip lab {
  chain output {
    type filter hook output priority filter;
    icmp type redirect drop
  }
}
`;

/** Its server, and the ingresses that stand in its network. */
async function playPod(clock: Clock, lab: Lab, owner: ClusterNode, pod: Pod): Promise<number> {
  await takeRoutes(lab, podRoutes(owner));
  const server = await Daemon.start(pod.name, podCommand(lab, pod));
  const services = lab.services.filter((service) => ingressPods(lab, service).includes(pod));
  const ingresses = services.map((service) => startIngress(clock, lab, service, pod, here, DIRECTORY));
  return await untilStopped(clock, [server, ...(await Promise.all(ingresses))]);
}

/** The clients', or whatever else the lab file makes of a host. */
async function playHost(clock: Clock, lab: Lab, host: string, options: PartOptions): Promise<number> {
  await takeRoutes(lab, hostRoutes(lab, host));
  for (const command of lab.exec[host] ?? []) await execute(["sh", "-c", command]);
  if (host === clientsHost(lab)) return await playClients(clock, lab, options);
  if (lab.nat?.host === host) {
    // The engine has named the interfaces; the address is as in the lab file.
    const end = lab.links.flat().find((each) => each.node === host && each.interface === lab.nat?.interface);
    await startNat({ interface: await interfaceWith(formatAddress(end?.address?.address ?? 0)) }, here);
    await serveTranslations(lab, socketOf(host, options.sockets));
  }
  const names = lab.names.filter(({ server }) => server === host);
  const servers = names.length > 0 ? [await NameServer.start(clock, lab, names, here, DIRECTORY)] : [];
  return await untilStopped(clock, servers);
}

async function interfaceWith(address: string): Promise<string> {
  const listing = await execute(["ip", "-oneline", "address", "show", "to", address]);
  const name = /^\d+: ([^\s@]+)/.exec(listing)?.[1];
  if (name) return name;
  throw new LabFailure("lab play", `no interface has ${address}`, "the addresses of the lab file");
}

async function playClients(clock: Clock, lab: Lab, { scenario, sockets, json }: PartOptions): Promise<number> {
  const progress = createProgress(clock);
  const routers: LabRouter[] = [];
  for (const node of routersOf(lab)) routers.push(await followRouter(clock, node, sockets));
  const told = await Promise.all(routers.map(({ node, view }) => untilEstablished(lab, node, view, () => [])));
  const states: Readonly<Record<string, string>> = Object.assign({}, ...told);
  await Promise.all(routers.map(({ node, view }) => untilTaught(lab, node, view)));
  progress.step("routes", `learned in ${told.reduce((count, each) => count + Object.keys(each).length, 0)} sessions`);
  const untilMade = ({ node }: FaultStep) => {
    progress.step("waiting", `for the event: SIGUSR1 to ${node}, and its ${containerEventOf(lab).what(lab)}`);
    return untilSessionDown(clock, lab, routers, nodeNamed(lab, node));
  };
  // The clients' container is of the same image as the nodes': what is installed here runs there.
  const speakers = lab.nodes.map(async ({ name, kind }) => {
    const { implementation } = SPEAKERS[kind];
    return { node: name, implementation, version: await versionOf(SPEAKERS[kind]), state: states[name] };
  });
  const program = experimentProgram(clock, lab, [scenario], { json, connections: false }, progress);
  const reports = await Promise.all(speakers);
  program.learned(reports);
  const tell: Tell = (kind, atMs, detail) => program.told(scenario, kind, atMs, detail);
  const cast = { ...castOfClients(lab, scenario, routers, sockets), untilMade };
  program.played(await playScenario(clock, cast, scenario, reports, tell));
  await Promise.all(routers.map((router) => router.stop(clock)));
  return program.end();
}

/** Of all who play, the clients' container has itself, a view of each router, and the NAT's word. */
function castOfClients(lab: Lab, { router: settings }: Scenario, routers: readonly LabRouter[], sockets: string): Cast {
  const [router, ...furtherRouters] = routers;
  const nobody = { pods: [], speakers: [], ingresses: [], nameServers: [], moves: new Map() };
  const { nat } = lab;
  const translations = async () => (nat ? await askTranslations(nat.host, socketOf(nat.host, sockets)) : new Map());
  return { lab, ...nobody, router, furtherRouters, settings, directory: DIRECTORY, clients: here, translations };
}

async function followRouter(clock: Clock, node: RouterNode, sockets: string): Promise<LabRouter> {
  const control = socketOf(node.name, sockets);
  await executeUntilDone(clock, [...ECMP_COMMAND, "show", "ports", "--control", control], ROUTER_DEADLINE_MS);
  const view = await RouterView.follow(clock, here, control);
  return { node, view, lastLines: () => [], stop: () => view.stop(clock) };
}

/** With every router that the node speaks with; when the first one was told. */
async function untilSessionDown(clock: Clock, lab: Lab, routers: readonly LabRouter[], node: ClusterNode): Promise<number> {
  const peer = formatAddress(node.address.address);
  const sinceMs = clock.nowMs();
  const ends = routers
    .filter((router) => nodesOf(lab, router.node).includes(node))
    .map(({ view }) =>
      view.events.find(({ kind, peer: of, atMs }) => kind === "session-down" && of === peer && atMs > sinceMs, A_DAY_MS),
    );
  const seen = await Promise.all(ends);
  return Math.min(...seen.map((event) => event?.atMs ?? sinceMs));
}

/** In the place of those that the engine has put there. */
async function takeRoutes(lab: Lab, lines: readonly string[]): Promise<void> {
  for (const family of hasIpv6(lab) ? ["-4", "-6"] : ["-4"]) await execute(["ip", family, "route", "flush", "exact", "default"]);
  await execute(["ip", "-batch", "-"], lines.map((line) => `${line}\n`).join(""));
}

/** SIGTERM and SIGINT stop them; that they all end by themselves is a failure, but a speaker's that was killed is not. */
async function untilStopped(clock: Clock, parts: readonly { stop(clock: Clock): Promise<unknown> }[]): Promise<number> {
  // A machine whose kernel does all there is to do has nothing else that would keep this process.
  const stay = () => void clock.setTimer(A_DAY_MS, stay);
  stay();
  return await new Promise((resolve) => {
    const stop = () => void Promise.all(parts.map((part) => part.stop(clock))).then(() => resolve(0));
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
}

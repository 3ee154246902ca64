/**
 * Who plays in one run: the pods, the real speakers, the router. Started together, and waited for until the router has been
 * taught everything it should know; stopped in the order in which a machine room would be switched off.
 */
import { fileURLToPath } from "node:url";
import { addressFamily, formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import { listTracked, parseTranslations } from "./connection-tracking.ts";
import { LabFailure } from "./failure.ts";
import { ingressPods, startIngress } from "./ingress.ts";
import {
  type Addressed,
  announcersOf,
  hostNetworks,
  type Lab,
  nextHopFor,
  nodesOf,
  ofFamily,
  type Pod,
  peersOf,
  podsOf,
  type RouterNode,
  routersOf,
  servicesOf,
} from "./lab.ts";
import type { LabRouter, LabView } from "./lab-router.ts";
import { LinuxRouter } from "./linux-router.ts";
import { NameServer } from "./name-server.ts";
import type { Translations } from "./nat.ts";
import { type Place, placeOf } from "./place.ts";
import { Daemon, stopAllDaemons } from "./process.ts";
import { RouterProcess } from "./router-process.ts";
import type { RouterSettings } from "./router-settings.ts";
import type { RouteSummary } from "./router-view.ts";
import type { FaultStep } from "./scenario.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { type Speaker, startSpeaker } from "./speakers.ts";
import { forgetConnections } from "./stage.ts";

const POD_PROCESS = fileURLToPath(new URL("./pod-process.js", import.meta.url));
const POD_DEADLINE_MS = 60_000;
const SESSIONS_DEADLINE_MS = 60_000;
const ROUTES_DEADLINE_MS = 15_000;
const TABLES_DEADLINE_MS = 60_000;

/** A fault may put another process in the place of one of them. */
export interface Cast {
  readonly lab: Lab;
  readonly pods: Daemon[];
  readonly speakers: Speaker[];
  /** The one that the clients enter by, and those behind it. */
  router: LabRouter;
  readonly settings: RouterSettings;
  readonly directory: string;
  /** Where the clients are. */
  readonly clients: Place;
  /** What the NAT makes of flows that are open; of none where there is no NAT. */
  readonly translations: () => Promise<Translations>;
  readonly furtherRouters: readonly LabRouter[];
  readonly ingresses: readonly Daemon[];
  readonly nameServers: readonly NameServer[];
  /** The nodes whose pods are not where they belong, and what runs of them on other nodes. */
  readonly moves: Map<string, readonly Pod[]>;
  /** Where faults are not ours to make: waits until somebody has made this one; when that was. */
  readonly untilMade?: ((step: FaultStep) => Promise<number>) | undefined;
}

export const routersIn = ({ router, furtherRouters }: Cast): readonly LabRouter[] => [router, ...furtherRouters];

/** By the routers' names. */
export const viewsOf = (cast: Cast): Readonly<Record<string, LabView>> =>
  Object.fromEntries(routersIn(cast).map(({ node, view }) => [node.name, view]));

/** `isAsked`: whether a service or a name is. An ingress or a name server that nobody asks is not started. */
export async function startCast(
  clock: Clock,
  lab: Lab,
  settings: RouterSettings,
  directory: string,
  isAsked: (name: string) => boolean = () => true,
): Promise<Cast> {
  const pods = lab.nodes.flatMap((node) => node.pods).map((pod) => startPod(clock, lab, pod));
  const speakers = lab.nodes.map((node) => startSpeaker(clock, lab, node, placeOf(node.name), `${directory}/${node.name}`));
  const routers = routersOf(lab).map((node) => startRouter(clock, lab, node, settings, directory));
  const ingresses = lab.services
    .filter(({ name }) => isAsked(name))
    .flatMap((service) =>
      ingressPods(lab, service).map((pod) => startIngress(clock, lab, service, pod, placeOf(pod.name), directory)),
    );
  const nameServers = lab.hosts.flatMap((host) => {
    const names = lab.names.filter(({ name, server }) => server === host && isAsked(name));
    return names.length > 0 ? [NameServer.start(clock, lab, names, placeOf(host), directory)] : [];
  });
  try {
    const all = await Promise.all([
      Promise.all(pods),
      Promise.all(speakers),
      Promise.all(routers),
      Promise.all(ingresses),
      Promise.all(nameServers),
    ]);
    const [router, ...furtherRouters] = all[2];
    const { nat } = lab;
    return {
      ...{ lab, pods: all[0], speakers: all[1], router, settings, directory, furtherRouters, moves: new Map() },
      ...{ ingresses: all[3], nameServers: all[4], clients: placeOf(lab.clients[0].node) },
      translations: async () => (nat ? parseTranslations(await listTracked(lab, placeOf(nat.host))) : new Map()),
    };
  } catch (error) {
    // Who did come up must not stand in the way of the next cast.
    await Promise.allSettled([...pods, ...speakers, ...routers, ...ingresses, ...nameServers]);
    await stopAllDaemons(clock);
    throw error;
  }
}

/** The command that is one pod's server: at each of its addresses what the services have there. */
export function podCommand(lab: Lab, pod: Pod): readonly string[] {
  const listens = lab.services
    .filter((service) => service.ingressTo === undefined && podsOf(lab, service).includes(pod))
    .flatMap(({ address, protocols, targetPort, appProtocol }) => {
      const own = ofFamily(pod, addressFamily(address)) ?? pod.address;
      const languages = protocols.map((protocol) => (protocol === "tcp" ? (appProtocol ?? protocol) : protocol));
      return languages.map((language) => `${language}/${formatAddress(own.address)}/${targetPort}`);
    });
  return [process.execPath, POD_PROCESS, pod.name, ...new Set(listens)];
}

export const startRouter = (
  clock: Clock,
  lab: Lab,
  node: RouterNode,
  settings: RouterSettings,
  directory: string,
): Promise<LabRouter> =>
  settings.kind === "linux"
    ? LinuxRouter.start(clock, lab, settings, directory)
    : RouterProcess.start(clock, lab, node, settings.ecmpOf?.[node.name] ?? settings.ecmp, directory);

export async function startPod(clock: Clock, lab: Lab, pod: Pod): Promise<Daemon> {
  const daemon = await Daemon.start(pod.name, placeOf(pod.name)(podCommand(lab, pod)));
  await daemon.untilLine("ready", clock, POD_DEADLINE_MS);
  return daemon;
}

/**
 * Waits until every session of a router is Established; the states by machine, as the router tells them. `lastWords`: what is
 * known of one that is late.
 */
export async function untilEstablished(
  lab: Lab,
  router: RouterNode,
  view: LabView,
  lastWords: (machine: string) => readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const neighbors = [
    ...nodesOf(lab, router).map(({ name, address, kind }) => ({ name, address, what: SPEAKERS[kind].implementation })),
    ...peersOf(lab, router).map(({ router: { name }, port }) => ({ name, address: port.address, what: "router" })),
  ];
  let states: Record<string, string> = {};
  const done = await view.events.until(async () => {
    const peers = await view.summary();
    states = Object.fromEntries(
      neighbors.map(({ name, address }) => [name, peers[formatAddress(address.address)]?.state ?? "unknown"]),
    );
    return Object.values(states).every((state) => state === "Established") || undefined;
  }, SESSIONS_DEADLINE_MS);
  if (done) return states;
  const missing = neighbors.filter(({ name }) => states[name] !== "Established");
  const found = missing.map(({ name, what }) => {
    const said = lastWords(name).map((line) => `\n    ${line}`);
    return `\n  ${name} (${what}) is in state ${states[name]}${said.join("")}`;
  });
  const wanted = `${neighbors.length} sessions Established in ${SESSIONS_DEADLINE_MS / 1000} s`;
  throw new LabFailure(`sessions of ${router.name}`, found.join(""), wanted);
}

/** What a machine's daemons and the routers said last. */
export function lastWords(cast: Cast, machine: string): readonly string[] {
  const daemons = cast.speakers.find(({ node }) => node.name === machine)?.daemons ?? [];
  const said = daemons.flatMap((daemon) => daemon.lastLines(5).map((line) => `${daemon.name}: ${line}`));
  return [...said, ...routersIn(cast).flatMap((router) => router.lastLines(5).map((line) => `${router.node.name}: ${line}`))];
}

/** A service's prefix, and the next hops it should have. */
export interface WantedRoute {
  readonly prefix: string;
  readonly nextHops: readonly string[];
}

/**
 * What a router has been taught once every node but `absent` announces what it should; by itself, or by the tier behind it. That
 * tier also learns the way back.
 */
export function wantedRoutes(lab: Lab, router: RouterNode, absent: ReadonlySet<string> = new Set()): WantedRoute[] {
  const own = nodesOf(lab, router);
  const tier = peersOf(lab, router).filter((peer) => peer.router !== lab.router);
  const back = peersOf(lab, router).filter((peer) => peer.router === lab.router);
  const hosts = hostNetworks(lab).map((prefix) => {
    const nextHops = back.flatMap(({ port }) => ofFamily(port, addressFamily(prefix.address))?.address ?? []);
    return { prefix: formatPrefix(prefix), nextHops: nextHops.map(formatAddress) };
  });
  const services = lab.services.map((service) => {
    const announcers = announcersOf(lab, service).filter(({ name }) => !absent.has(name));
    const behind = tier.filter((peer) => nodesOf(lab, peer.router).some((node) => announcers.includes(node)));
    const hops: readonly Addressed[] =
      own.length > 0 ? announcers.filter((node) => own.includes(node)) : behind.map(({ port }) => port);
    const nextHops = hops.flatMap((hop) => nextHopFor(hop, service) ?? []).map(formatAddress);
    return { prefix: formatPrefix(hostPrefix(service.address)), nextHops };
  });
  return back.length > 0 ? [...services, ...hosts] : services;
}

/** Waits until each service's prefix has exactly the next hops that announce it, and every full table has come whole. */
export async function untilTaught(lab: Lab, node: RouterNode, router: LabView): Promise<void> {
  await untilRouted(router, wantedRoutes(lab, node), ROUTES_DEADLINE_MS);
  const late = async () => {
    const peers = await router.summary();
    return nodesOf(lab, node).filter((node) => {
      const received = peers[formatAddress(node.address.address)]?.pfxRcd ?? 0;
      return node.tableSize > 0 && received < node.tableSize + servicesOf(lab, node).length;
    });
  };
  const done = await router.events.until(async () => (await late()).length === 0 || undefined, TABLES_DEADLINE_MS);
  if (done) return;
  const missing = (await late()).map(({ name }) => name).join(", ");
  throw new LabFailure("routes", `not all of ${missing}`, `the full tables in ${TABLES_DEADLINE_MS / 1000} s`);
}

/** Waits until BFD watches whom it can: a fault before that would be the hold timer's to find. */
export async function untilWatched(lab: Lab, node: RouterNode, { events }: LabView): Promise<void> {
  if (!node.bfd) return;
  for (const { name, kind, address } of nodesOf(lab, node)) {
    if (!SPEAKERS[kind].bfd) continue;
    const own = formatAddress(address.address);
    const isUp = async () => events.latest(({ kind, peer }) => peer === own && /^bfd-(up|down)$/.test(kind))?.kind === "bfd-up";
    if (await events.until(async () => (await isUp()) || undefined, SESSIONS_DEADLINE_MS)) continue;
    throw new LabFailure("BFD", `no session with ${name}`, `one that is up in ${SESSIONS_DEADLINE_MS / 1000} s`);
  }
}

export async function untilRouted(router: LabView, wanted: readonly WantedRoute[], deadlineMs: number): Promise<void> {
  let found: string[] = [];
  const done = await router.events.until(async () => {
    const routes = await Promise.all(wanted.map(({ prefix }) => router.routes(prefix)));
    found = wanted.map(({ prefix }, index) => describeRoute(prefix, nextHopsOf(routes[index], prefix)));
    return wanted.every(({ prefix, nextHops }, index) => found[index] === describeRoute(prefix, nextHops)) || undefined;
  }, deadlineMs);
  if (done) return;
  throw new LabFailure(
    "routes",
    found.join("; "),
    wanted.map(({ prefix, nextHops }) => describeRoute(prefix, nextHops)).join("; "),
    "look at what the speakers announce: their files are shown by --keep",
  );
}

const nextHopsOf = (routes: readonly RouteSummary[], prefix: string): string[] =>
  routes.find((route) => route.prefix === prefix)?.nextHops.map(({ address }) => address) ?? [];

const describeRoute = (prefix: string, nextHops: readonly string[]): string =>
  `${prefix} by ${[...nextHops].sort().join(", ") || "nothing"}`;

export async function stopCast(clock: Clock, cast: Cast): Promise<void> {
  const { lab, pods, speakers, ingresses, nameServers } = cast;
  await Promise.all(routersIn(cast).map((router) => router.stop(clock)));
  await Promise.all([...ingresses, ...pods].map((daemon) => daemon.stop(clock)));
  await Promise.all(nameServers.map((server) => server.stop(clock)));
  await Promise.all(speakers.flatMap(({ daemons }) => daemons.map((daemon) => daemon.stop(clock))));
  await forgetConnections(lab);
}

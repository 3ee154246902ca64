/**
 * Who plays in one run: the pods, the real speakers, the router. Started together, and waited for until the router has been
 * taught everything it should know; stopped in the order in which a machine room would be switched off.
 */
import { fileURLToPath } from "node:url";
import { formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import { LabFailure } from "./failure.ts";
import { announcersOf, type ClusterNode, type Lab, type Pod, podsOf, servicesOf } from "./lab.ts";
import type { LabRouter, LabView } from "./lab-router.ts";
import { LinuxRouter } from "./linux-router.ts";
import { placeOf } from "./place.ts";
import { Daemon, stopAllDaemons } from "./process.ts";
import { RouterProcess } from "./router-process.ts";
import type { RouterSettings } from "./router-settings.ts";
import type { RouteSummary } from "./router-view.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { type Speaker, startSpeaker } from "./speakers.ts";
import { flushConntrack } from "./stage.ts";

const POD_PROCESS = fileURLToPath(new URL("./pod-process.js", import.meta.url));
const POD_DEADLINE_MS = 15_000;
const SESSIONS_DEADLINE_MS = 30_000;
const ROUTES_DEADLINE_MS = 15_000;
const TABLES_DEADLINE_MS = 60_000;

/** A fault may put another process in the place of one of them. */
export interface Cast {
  readonly lab: Lab;
  readonly pods: Daemon[];
  readonly speakers: Speaker[];
  readonly router: LabRouter;
}

export async function startCast(clock: Clock, lab: Lab, settings: RouterSettings, directory: string): Promise<Cast> {
  const pods = lab.nodes.flatMap((node) => node.pods).map((pod) => startPod(clock, lab, pod));
  const speakers = lab.nodes.map((node) => startSpeaker(clock, lab, node, placeOf(node.name), `${directory}/${node.name}`));
  const router = startRouter(clock, lab, settings, directory);
  try {
    const all = await Promise.all([Promise.all(pods), Promise.all(speakers), router]);
    return { lab, pods: all[0], speakers: all[1], router: all[2] };
  } catch (error) {
    // Who did come up must not stand in the way of the next cast.
    await Promise.allSettled([...pods, ...speakers, router]);
    await stopAllDaemons(clock);
    throw error;
  }
}

/** The command that is one pod's server. */
export function podCommand(lab: Lab, pod: Pod): readonly string[] {
  const ports = lab.services.filter((service) => podsOf(lab, service).includes(pod)).map(({ targetPort }) => String(targetPort));
  return [process.execPath, POD_PROCESS, pod.name, formatAddress(pod.address.address), ...ports];
}

const startRouter = (clock: Clock, lab: Lab, settings: RouterSettings, directory: string): Promise<LabRouter> =>
  settings.kind === "linux"
    ? LinuxRouter.start(clock, lab, settings, directory)
    : RouterProcess.start(clock, lab, settings.ecmp, directory);

export async function startPod(clock: Clock, lab: Lab, pod: Pod): Promise<Daemon> {
  const daemon = await Daemon.start(pod.name, placeOf(pod.name)(podCommand(lab, pod)));
  await daemon.untilLine("ready", clock, POD_DEADLINE_MS);
  return daemon;
}

/** Waits until every session is Established; the states by node, as the router tells them. `lastWords`: what is known of a node that is late. */
export async function untilEstablished(
  lab: Lab,
  router: LabView,
  lastWords: (node: ClusterNode) => readonly string[],
): Promise<Readonly<Record<string, string>>> {
  let states: Record<string, string> = {};
  const done = await router.events.until(async () => {
    const peers = await router.summary();
    states = Object.fromEntries(
      lab.nodes.map((node) => [node.name, peers[formatAddress(node.address.address)]?.state ?? "unknown"]),
    );
    return Object.values(states).every((state) => state === "Established") || undefined;
  }, SESSIONS_DEADLINE_MS);
  if (done) return states;
  const missing = lab.nodes.filter(({ name }) => states[name] !== "Established");
  const found = missing.map((node) => {
    const said = lastWords(node).map((line) => `\n    ${line}`);
    return `\n  ${node.name} (${SPEAKERS[node.kind].implementation}) is in state ${states[node.name]}${said.join("")}`;
  });
  const wanted = `${lab.nodes.length} sessions Established in ${SESSIONS_DEADLINE_MS / 1000} s`;
  throw new LabFailure("sessions", found.join(""), wanted);
}

/** What a node's daemons and the router said last. */
export function lastWords({ router, speakers }: Cast, node: ClusterNode): readonly string[] {
  const daemons = speakers.find((speaker) => speaker.node === node)?.daemons ?? [];
  const said = daemons.flatMap((daemon) => daemon.lastLines(5).map((line) => `${daemon.name}: ${line}`));
  return [...said, ...router.lastLines(5).map((line) => `router: ${line}`)];
}

/** A service's prefix, and the next hops it should have. */
export interface WantedRoute {
  readonly prefix: string;
  readonly nextHops: readonly string[];
}

/** What the router has been taught once every node but `absent` announces what it should. */
export const wantedRoutes = (lab: Lab, absent: ReadonlySet<string> = new Set()): WantedRoute[] =>
  lab.services.map((service) => ({
    prefix: formatPrefix(hostPrefix(service.address)),
    nextHops: announcersOf(lab, service).flatMap(({ name, address }) => (absent.has(name) ? [] : formatAddress(address.address))),
  }));

/** Waits until each service's prefix has exactly the next hops that announce it, and every full table has come whole. */
export async function untilTaught(lab: Lab, router: LabView): Promise<void> {
  await untilRouted(router, wantedRoutes(lab), ROUTES_DEADLINE_MS);
  const late = async () => {
    const peers = await router.summary();
    return lab.nodes.filter((node) => {
      const received = peers[formatAddress(node.address.address)]?.pfxRcd ?? 0;
      return node.tableSize > 0 && received < node.tableSize + servicesOf(lab, node).length;
    });
  };
  const done = await router.events.until(async () => (await late()).length === 0 || undefined, TABLES_DEADLINE_MS);
  if (done) return;
  const missing = (await late()).map(({ name }) => name).join(", ");
  throw new LabFailure("routes", `not all of ${missing}`, `the full tables in ${TABLES_DEADLINE_MS / 1000} s`);
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

export async function stopCast(clock: Clock, { lab, pods, speakers, router }: Cast): Promise<void> {
  await router.stop(clock);
  await Promise.all(pods.map((pod) => pod.stop(clock)));
  await Promise.all(speakers.flatMap(({ daemons }) => daemons.map((daemon) => daemon.stop(clock))));
  await flushConntrack(lab);
}

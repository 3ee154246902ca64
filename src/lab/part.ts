/**
 * One machine of a lab, played where we are: a container that has its addresses already, and nothing else. `ecmp lab play`
 * calls this; `compose.ts` writes the file whose containers call that. The same speakers, rules, pods, clients and judgment
 * as in namespaces; what an engine cannot be told (routes, the services' rules) is done here first.
 *
 * The router of the lab is no part of this: it is `ecmp run`, as in every container of it.
 */
import { mkdir } from "node:fs/promises";
import { formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { podCommand, untilEstablished, untilTaught } from "./cast.ts";
import { ECMP_COMMAND } from "./ecmp-command.ts";
import { LabFailure } from "./failure.ts";
import { renderKubeProxy } from "./kube-proxy.ts";
import type { ClusterNode, Lab, SelectorChoice } from "./lab.ts";
import { executeUntilDone } from "./namespace.ts";
import { here } from "./place.ts";
import { Daemon, execute } from "./process.ts";
import { createProgress } from "./progress.ts";
import { RouterView } from "./router-view.ts";
import { runOnce } from "./run.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { startSpeaker, versionOf } from "./speakers.ts";
import { tell } from "./tell.ts";
import { hostRoutes, nodeRoutes, podRoutes } from "./topology.ts";

const DIRECTORY = "/run/lab";
const ROUTER_DEADLINE_MS = 60_000;
/** For the event, which is the user's to make. */
const A_DAY_MS = 86_400_000;

export interface PartOptions {
  readonly selector: SelectorChoice;
  /** The router's control socket, which the container of the clients shares with it. */
  readonly control: string;
  readonly json: boolean;
}

/** Plays the machine `name` until it is told to stop (SIGTERM), or until the clients have their result; the exit code. */
export async function playPart(clock: Clock, lab: Lab, name: string, options: PartOptions): Promise<number> {
  await mkdir(DIRECTORY, { recursive: true });
  const node = lab.nodes.find((candidate) => candidate.name === name);
  if (node) return await playNode(clock, lab, node);
  const owner = lab.nodes.find(({ pods }) => pods.some((pod) => pod.name === name));
  const pod = owner?.pods.find((candidate) => candidate.name === name);
  if (owner && pod) {
    await addRoutes(podRoutes(owner));
    return await untilStopped(clock, [await Daemon.start(name, podCommand(lab, pod))]);
  }
  if (lab.hosts.includes(name)) return await playClients(clock, lab, name, options);
  const machines = [...lab.nodes.flatMap(({ name, pods }) => [name, ...pods.map((each) => each.name)]), ...lab.hosts];
  throw new LabFailure("lab play", `found "${name}"`, `one of ${machines.join(", ")}`);
}

/** The event of a lab comes as a signal here: `docker compose kill -s SIGUSR1 n2` kills the speaker, and the node stays up. */
async function playNode(clock: Clock, lab: Lab, node: ClusterNode): Promise<number> {
  await addRoutes(nodeRoutes(lab, node));
  await execute(["nft", "-f", "-"], renderKubeProxy(lab, node) + NO_REDIRECTS);
  const { daemons, implementation, version } = await startSpeaker(clock, lab, node, here, `${DIRECTORY}/${node.name}`);
  console.log(`${node.name}: ${implementation} ${version} started`);
  process.on("SIGUSR1", () => {
    daemons[0].kill("SIGKILL");
    console.log(`${node.name}: ${implementation} killed; the node goes on forwarding`);
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

async function playClients(clock: Clock, lab: Lab, host: string, { selector, control, json }: PartOptions): Promise<number> {
  const { kind } = lab.experiment.event;
  // A container is told to end its speaker; nothing tells it to stop it.
  if (kind !== "kill-speaker") throw new LabFailure("experiment.event.kind", kind, "kill-speaker, in containers");
  const progress = createProgress(clock);
  await addRoutes(hostRoutes(lab, host));
  await executeUntilDone(clock, [...ECMP_COMMAND, "show", "ports", "--control", control], ROUTER_DEADLINE_MS);
  const router = await RouterView.follow(clock, here, control);
  const states = await untilEstablished(lab, lab.router, router, () => []);
  await untilTaught(lab, lab.router, router);
  progress.step("routes", `learned from ${Object.keys(states).length} speakers`);
  const strike = (departed: ClusterNode) => {
    progress.step("waiting", `for the end of ${departed.name}'s speaker: docker compose kill -s SIGUSR1 ${departed.name}`);
    return untilSessionDown(clock, router, departed);
  };
  const result = await runOnce(
    clock,
    { lab, routers: { [lab.router.name]: router }, place: here, strike },
    selector,
    DIRECTORY,
    progress,
  );
  await router.stop(clock);
  // The clients' container is of the same image as the nodes': what is installed here runs there.
  const speakers = lab.nodes.map(async ({ name, kind }) => {
    const { implementation } = SPEAKERS[kind];
    return { node: name, implementation, version: await versionOf(SPEAKERS[kind]), state: states[name] };
  });
  return tell({ lab, speakers: await Promise.all(speakers), runs: [result] }, json);
}

async function untilSessionDown(clock: Clock, router: RouterView, { address }: ClusterNode): Promise<number> {
  const peer = formatAddress(address.address);
  const sinceMs = clock.nowMs();
  const event = await router.events.find(
    ({ kind, peer: of, atMs }) => kind === "session-down" && of === peer && atMs > sinceMs,
    A_DAY_MS,
  );
  return event?.atMs ?? sinceMs;
}

async function addRoutes(lines: readonly string[]): Promise<void> {
  await execute(["ip", "-batch", "-"], lines.map((line) => `${line}\n`).join(""));
}

/** SIGTERM and SIGINT stop the daemons; that they all end by themselves is a failure, but a speaker's that was killed is not. */
async function untilStopped(clock: Clock, daemons: readonly Daemon[]): Promise<number> {
  return await new Promise((resolve) => {
    const stop = () => void Promise.all(daemons.map((daemon) => daemon.stop(clock))).then(() => resolve(0));
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
}

/** The pods of a node end, as when Kubernetes starts them elsewhere, and come back: what the faults `pods-move` and `drain` do. */
import { existsSync } from "node:fs";
import type { Clock } from "../net/clock.ts";
import { type Cast, startPod } from "./cast.ts";
import { replaceKubeProxy } from "./kube-proxy.ts";
import { type ClusterNode, type Lab, nodeNamed, type Pod } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { guestsOf } from "./pod-guest.ts";
import { execute } from "./process.ts";
import { podNamespace } from "./topology.ts";

/**
 * Those that are to be elsewhere start there; every node is told of what is left; then those of this node end, with the
 * connections they have.
 */
export async function movePods(clock: Clock, cast: Cast, moved: ClusterNode, to?: string): Promise<void> {
  const { lab, pods, moves } = cast;
  const place = to === undefined ? undefined : nodeNamed(lab, to);
  const guests = place ? guestsOf(lab, moved, place) : [];
  moves.set(moved.name, guests);
  if (place) await startGuests(clock, cast, place, guests);
  await tellNodes(cast);
  const gone = new Set(moved.pods.map(({ name }) => name));
  await Promise.all(pods.filter(({ name }) => gone.has(name)).map((pod) => pod.stop(clock)));
}

/** Who was elsewhere meanwhile is told nobody new, and keeps whom it has: it ends with the lab, or serves the next move. */
export async function bringPodsBack(clock: Clock, cast: Cast, moved: ClusterNode): Promise<void> {
  await start(clock, cast, cast.lab, moved.pods);
  cast.moves.delete(moved.name);
  await tellNodes(cast);
}

async function startGuests(clock: Clock, cast: Cast, place: ClusterNode, guests: readonly Pod[]): Promise<void> {
  for (const guest of guests) {
    if (existsSync(`/run/netns/${guest.name}`)) continue;
    for (const [namespace, lines] of podNamespace(place, guest)) {
      await execute(["ip", ...(namespace === undefined ? [] : ["-n", namespace]), "-batch", "-"], `${lines.join("\n")}\n`);
    }
  }
  await start(clock, cast, asNow(cast), guests);
}

/** Those of them that do not run. */
async function start(clock: Clock, { pods }: Cast, lab: Lab, wanted: readonly Pod[]): Promise<void> {
  const there = pods.filter(({ running }) => running);
  const gone = wanted.filter((pod) => !there.some(({ name }) => name === pod.name));
  pods.splice(0, pods.length, ...there, ...(await Promise.all(gone.map((pod) => startPod(clock, lab, pod)))));
}

export const hasPods = ({ pods }: Cast, node: ClusterNode): boolean =>
  pods.some(({ name, running }) => running && node.pods.some((pod) => pod.name === name));

/** With each pod where it is. */
function asNow({ lab, moves }: Cast): Lab {
  const guests = [...moves.values()].flat();
  const podsAt = ({ name, pods }: ClusterNode) => [
    ...(moves.has(name) ? [] : pods),
    ...guests.filter((guest) => guest.node === name),
  ];
  return { ...lab, nodes: lab.nodes.map((node): ClusterNode => ({ ...node, pods: podsAt(node) })) };
}

/** What kube-proxy knows of, on every node. */
async function tellNodes(cast: Cast): Promise<void> {
  const known = asNow(cast);
  await Promise.all(
    known.nodes.map((node) => execute(inNamespace(node.name, ["nft", "-f", "-"]), replaceKubeProxy(known, node))),
  );
}

/** The pods of a node end, as when Kubernetes starts them elsewhere, and come back: what the fault `pods-move` does. */
import type { Clock } from "../net/clock.ts";
import { type Cast, startPod } from "./cast.ts";
import { replaceKubeProxy } from "./kube-proxy.ts";
import type { ClusterNode, Lab } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { execute } from "./process.ts";

/** Every node is told of the pods that are left, and then those of this node end, with the connections they have. */
export async function movePods(clock: Clock, { lab, pods }: Cast, moved: ClusterNode): Promise<void> {
  const left = lab.nodes.map((node): ClusterNode => (node.name === moved.name ? { ...node, pods: [] } : node));
  await tellNodes(lab, { ...lab, nodes: left });
  const gone = new Set(moved.pods.map(({ name }) => name));
  await Promise.all(pods.filter(({ name }) => gone.has(name)).map((pod) => pod.stop(clock)));
}

export async function bringPodsBack(clock: Clock, { lab, pods }: Cast, moved: ClusterNode): Promise<void> {
  const there = pods.filter(({ running }) => running);
  const gone = moved.pods.filter((pod) => !there.some(({ name }) => name === pod.name));
  pods.splice(0, pods.length, ...there, ...(await Promise.all(gone.map((pod) => startPod(clock, lab, pod)))));
  await tellNodes(lab, lab);
}

export const hasPods = ({ pods }: Cast, node: ClusterNode): boolean =>
  pods.some(({ name, running }) => running && node.pods.some((pod) => pod.name === name));

/** What kube-proxy knows of, on every node. */
async function tellNodes({ nodes }: Lab, known: Lab): Promise<void> {
  await Promise.all(nodes.map((node) => execute(inNamespace(node.name, ["nft", "-f", "-"]), replaceKubeProxy(known, node))));
}

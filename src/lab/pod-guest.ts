/**
 * Pods that are on another node while they are not on their own: the fault `pods-move` with a node to go to. There they are pods
 * like any of that node's, with addresses of its subnet, behind those that it has anyway; where each would be follows from the
 * lab alone, so whoever judges knows it before. Pure; `moved-pods.ts` starts them.
 */
import type { ToldFault } from "./fault-setting.ts";
import { type ClusterNode, type Lab, nodeNamed, type Pod, podsOf } from "./lab.ts";
import { mostPods, podAt } from "./pod-address.ts";
import type { Step } from "./scenario.ts";

/** The pods of a node as those of another, each at its own place whoever else moves there. */
export function guestsOf(lab: Lab, node: ClusterNode, to: ClusterNode): readonly Pod[] {
  const first = placesBefore(lab, node, to);
  return node.pods.map((_, i) => podAt(to.name, to, first + i));
}

/** Those of its own pods, and of all that might come of nodes that stand before this one in the lab. */
function placesBefore({ nodes }: Lab, node: ClusterNode, to: ClusterNode): number {
  const index = nodes.findIndex(({ name }) => name === node.name);
  return to.pods.length + nodes.slice(0, index).flatMap(({ pods }) => pods).length;
}

/** Where the pods of a node can go: there is room, and whatever they serve is served there already, so that no route changes. */
export function placesFor(lab: Lab, node: ClusterNode): readonly string[] {
  const served = lab.services.filter((service) => podsOf(lab, service).some((pod) => pod.node === node.name));
  // A share by pods would change, and an ingress does not know them.
  if (served.some(({ linkBandwidth, ingressTo }) => linkBandwidth !== undefined || ingressTo !== undefined)) return [];
  const hasRoom = (other: ClusterNode) => placesBefore(lab, node, other) + node.pods.length <= mostPods(other);
  const serves = (other: ClusterNode) => served.every(({ podsOn }) => podsOn?.includes(other.name) ?? true);
  return lab.nodes.filter((other) => other.name !== node.name && hasRoom(other) && serves(other)).map(({ name }) => name);
}

/** Why pods do not go where they are told to; undefined: they do, or are told nothing. */
export function whyNoPlace(lab: Lab, { fault, node, to }: ToldFault): string | undefined {
  if (fault !== "pods-move" || to === undefined) return undefined;
  const places = placesFor(lab, nodeNamed(lab, node));
  if (places.includes(to)) return undefined;
  return places.length > 0 ? `one of ${places.join(", ")}` : "none: no other node serves what they do, and has room";
}

/** The lab as who meets the pods that move in this timeline knows it. */
export function withGuests(lab: Lab, timeline: readonly Step[]): Lab {
  const moves = timeline.flatMap((step) => ("fault" in step && step.to !== undefined ? [step] : []));
  const nodes = lab.nodes.map((node) => {
    const coming = new Set(moves.filter(({ to }) => to === node.name).map((move) => move.node));
    return { ...node, pods: [...node.pods, ...[...coming].flatMap((from) => guestsOf(lab, nodeNamed(lab, from), node))] };
  });
  return { ...lab, nodes };
}

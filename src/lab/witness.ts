/**
 * By which node did a connection enter? The pod knows, without asking the router: under externalTrafficPolicy Cluster the
 * entry node masquerades, so the source that the pod sees is the entry node's own address. Which of its addresses depends on
 * where the pod is:
 *
 *   pod on another node   the packet leaves by the fabric      source = the entry node's fabric address
 *   pod on the entry node it leaves by the pods' bridge        source = that node's pod gateway
 *
 * Under Local nothing is masqueraded and only pods of the entry node answer: the pod's node is the entry, and the source must
 * be the client itself. Behind an ingress the source is the ingress, on the entry node.
 */
import { addressFamily, formatAddress } from "../net/address.ts";
import type { ConnectionRecord } from "./connection.ts";
import { ingressName } from "./ingress.ts";
import {
  type Addressed,
  type ClusterNode,
  type Lab,
  nextHopFor,
  nodeNamed,
  ofFamily,
  podsOf,
  routersOf,
  type Service,
  serviceNamed,
} from "./lab.ts";

/** What a pod has said. */
export type PodWords = Pick<ConnectionRecord, "pod" | "sourceSeen">;

export const nodeOfPod = (lab: Lab, name: string | undefined): string | undefined =>
  lab.nodes.find(({ pods }) => pods.some((pod) => pod.name === name))?.name;

/** The name of the entry node, or undefined when pod and source contradict each other or are not of this lab. */
export function entryNode(
  lab: Lab,
  service: Service,
  clientAddress: string,
  { pod: name, sourceSeen }: PodWords,
): string | undefined {
  const behind = service.ingressTo === undefined ? service : serviceNamed(lab, service.ingressTo);
  const pod = podsOf(lab, behind).find((candidate) => candidate.name === name);
  if (!pod) return undefined;
  const family = addressFamily(service.address);
  const addressOf = (each: Addressed) => formatAddress((ofFamily(each, family) ?? each.address).address);
  if (behind !== service) return podsOf(lab, service).find((ingress) => addressOf(ingress) === sourceSeen)?.node;
  if (service.externalTrafficPolicy === "Local") return sourceSeen === clientAddress ? pod.node : undefined;
  const expectedSource = (node: ClusterNode) => {
    const source = ofFamily(node.name === pod.node ? node.podGateway : node, family);
    return source && formatAddress(source.address);
  };
  return lab.nodes.find((node) => expectedSource(node) === sourceSeen)?.name;
}

/** The same as a next hop, as forecasts name it. */
export function entryNextHop(lab: Lab, service: Service, clientAddress: string, words: PodWords): string | undefined {
  const node = entryNode(lab, service, clientAddress, words);
  const nextHop = node === undefined ? undefined : nextHopFor(nodeNamed(lab, node), service);
  return nextHop === undefined ? undefined : formatAddress(nextHop);
}

/** By name, the processes that packets may have gone through; an ingress asks any pod, whichever has answered first. */
export function processesOnWay(lab: Lab, service: Service, pod: string | undefined): readonly string[] {
  const behind = service.ingressTo === undefined ? service : serviceNamed(lab, service.ingressTo);
  const ingresses = behind === service ? [] : podsOf(lab, service).map(({ name }) => ingressName(service, name));
  const pods = pod === undefined || behind !== service ? podsOf(lab, behind).map(({ name }) => name) : [pod];
  return [...routersOf(lab).map(({ name }) => name), ...ingresses, ...pods];
}

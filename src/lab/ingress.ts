/**
 * A stateful ingress: HAProxy, one on each node of its service, in the network of the node's first pod, before the pods of another
 * service. A connection ends there; whom it is handed on to is HAProxy's choice and memory, so pods come and go without the router.
 */
import { writeFile } from "node:fs/promises";
import { addressFamily, formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { type Lab, ofFamily, type Pod, podsOf, type Service, serviceNamed } from "./lab.ts";
import type { Place } from "./place.ts";
import { Daemon, mergeOutput } from "./process.ts";
import { requirePrograms } from "./stage.ts";

const READY_DEADLINE_MS = 20_000;

/** Its process's; it is where the pod is. */
export const ingressName = (service: Service, pod: string): string => `${service.name} at ${pod}`;

/** The pods in whose network a service has one. */
export const ingressPods = (lab: Lab, service: Service): readonly Pod[] =>
  service.ingressTo === undefined ? [] : podsOf(lab, service);

export async function startIngress(
  clock: Clock,
  lab: Lab,
  service: Service,
  pod: Pod,
  place: Place,
  directory: string,
): Promise<Daemon> {
  await requirePrograms({ haproxy: "haproxy" });
  const file = `${directory}/${pod.name}-${service.name}.cfg`;
  await writeFile(file, renderHaproxy(lab, service, serviceNamed(lab, service.ingressTo ?? ""), pod));
  const daemon = await Daemon.start(ingressName(service, pod.name), place(mergeOutput(["haproxy", "-W", "-db", "-f", file])));
  await daemon.untilLine(/Loading success/, clock, READY_DEADLINE_MS);
  return daemon;
}

/**
 * Who finds a pod gone goes to the next one at once. By HTTP that is also done for a question that was under way, an echo's as a
 * POST.
 */
export function renderHaproxy(lab: Lab, service: Service, behind: Service, pod: Pod): string {
  const at = (of: Pod, { address, targetPort }: Service) =>
    `${formatAddress((ofFamily(of, addressFamily(address)) ?? of.address).address)}:${targetPort}`;
  return `global
  log stdout format raw local0 warning
  maxconn 4000
defaults
  mode ${service.appProtocol ?? "tcp"}
  timeout connect 500ms
  timeout client 1h
  timeout server 1h
  retries 3
  option redispatch 1
${service.appProtocol === "http" ? "  retry-on all-retryable-errors\n  timeout http-keep-alive 1h\n" : ""}listen ${service.name}
  bind ${at(pod, service)}
  balance roundrobin
${podsOf(lab, behind)
  .map((each) => `  server ${each.name} ${at(each, behind)}\n`)
  .join("")}`;
}

/**
 * One connection as a flow (for the forecast) and as a target (for the load client), and what the words of a scenario's traffic
 * mean in its lab. `scenario-traffic.ts` makes all flows of a scenario with it. Pure.
 */
import { addressFamily, formatAddress } from "../net/address.ts";
import { type Flow, formatFlow, PROTOCOLS } from "../net/flow.ts";
import type { ConnectionTarget, TargetName } from "./connection.ts";
import { hostAddresses, type Lab, ofFamily, type Service, type ServiceProtocol, serviceNamed } from "./lab.ts";
import type { NameStep, Scenario, Step } from "./scenario.ts";

export interface PlannedConnection {
  readonly service: Service;
  readonly flow: Flow;
  readonly target: ConnectionTarget;
}

/** The service that a word of the traffic means at a time: itself, or what the name leads to by then. */
export function serviceAt(lab: Lab, timeline: readonly Step[], word: string, atMs: number): Service {
  const name = lab.names.find((each) => each.name === word);
  if (!name) return serviceNamed(lab, word);
  const moved = timeline
    .filter((step): step is NameStep => "name" in step && step.name === word && step.atSeconds * 1000 <= atMs)
    .toSorted((a, b) => a.atSeconds - b.atSeconds);
  return serviceNamed(lab, moved.at(-1)?.to ?? name.service);
}

/** The names of services and of names that the traffic of a scenario asks for, at any time. */
export function wordsAsked({ names }: Lab, { traffic, timeline }: Pick<Scenario, "traffic" | "timeline">): ReadonlySet<string> {
  const words = new Set(traffic.map(({ service }) => service));
  const first = names.filter(({ name }) => words.has(name)).map(({ service }) => service);
  return new Set([...words, ...first, ...timeline.flatMap((step) => ("name" in step ? step.to : []))]);
}

/** What a client asks before it connects, if the traffic is for a name. */
export function targetName(lab: Lab, word: string): TargetName | undefined {
  const found = lab.names.find(({ name }) => name === word);
  if (!found) return undefined;
  const server = formatAddress(hostAddresses(lab, found.server).address.address);
  return { name: word, server, family: addressFamily(serviceNamed(lab, found.service).address) };
}

export function planConnection(
  lab: Lab,
  host: string,
  service: Service,
  sourcePort: number,
  protocol: ServiceProtocol = "tcp",
): PlannedConnection {
  const { address: destination, port: destinationPort } = service;
  const source = ofFamily(hostAddresses(lab, host), addressFamily(destination))?.address;
  if (source === undefined) throw new Error(`${host} has no address for ${service.name}, and the lab file was checked for that`);
  const flow: Flow = { protocol: PROTOCOLS[protocol], source, destination, sourcePort, destinationPort };
  const target = {
    flow: formatFlow(flow),
    sourceAddress: formatAddress(source),
    sourcePort,
    destinationAddress: formatAddress(destination),
    destinationPort,
  };
  return { service, flow, target };
}

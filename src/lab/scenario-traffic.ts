/**
 * A scenario's traffic as flows (for the forecast) and as orders (for the load client), in one order. Drawn from the scenario's
 * seed, so that the same scenario has the same flows for ever. Pure.
 */
import { formatAddress, type Ipv4Address } from "../net/address.ts";
import { type Flow, formatFlow, PROTOCOLS } from "../net/flow.ts";
import { seededRandom } from "../net/random.ts";
import { drawArrivals } from "./arrivals.ts";
import type { ConnectionTarget } from "./connection.ts";
import type { PlannedFlow } from "./expectation.ts";
import { hostAddress, type Lab, type Service } from "./lab.ts";
import type { RequestOrder } from "./request.ts";
import type { Scenario } from "./scenario.ts";

export interface ScenarioConnection extends PlannedFlow {
  readonly service: Service;
  readonly target: ConnectionTarget;
}

export interface ScenarioRequest extends PlannedFlow {
  readonly order: RequestOrder;
}

export function planLongLived(lab: Lab, { traffic }: Scenario): ScenarioConnection[] {
  const always = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
  return traffic.flatMap((each) => {
    if (each.kind !== "connections") return [];
    const service = serviceNamed(lab, each.service);
    return Array.from({ length: each.count }, (_, i) => {
      return { service, ...always, ...planFlow(lab, service, each.firstSourcePort + i) };
    });
  });
}

/** Those that are over before `durationMs` is. */
export function planRequests(lab: Lab, { traffic, seed }: Scenario, durationMs: number): ScenarioRequest[] {
  const random = seededRandom(seed);
  return traffic.flatMap((each) => {
    if (each.kind !== "requests") return [];
    const { exchanges, everyMs, retries } = each;
    const lastsMs = (exchanges - 1) * everyMs;
    return drawArrivals(each.arrivals, durationMs - lastsMs, random).map((atMs, i): ScenarioRequest => {
      const { flow, target } = planFlow(lab, serviceNamed(lab, each.service), each.firstSourcePort + i);
      return { flow, fromMs: atMs, toMs: atMs + lastsMs, order: { ...target, atMs, exchanges, everyMs, retries } };
    });
  });
}

function serviceNamed(lab: Lab, name: string): Service {
  const service = lab.services.find((candidate) => candidate.name === name);
  if (!service) throw new Error(`no service ${name}, and the scenario was checked for that`);
  return service;
}

function planFlow(lab: Lab, service: Service, sourcePort: number): { flow: Flow; target: ConnectionTarget } {
  const source = hostAddress(lab, lab.clients[0].node).address as Ipv4Address;
  const { address: destination, port: destinationPort } = service;
  const flow: Flow = { protocol: PROTOCOLS.tcp, source, destination, sourcePort, destinationPort };
  const target = {
    flow: formatFlow(flow),
    sourceAddress: formatAddress(source),
    sourcePort,
    destinationAddress: formatAddress(destination),
    destinationPort,
  };
  return { flow, target };
}

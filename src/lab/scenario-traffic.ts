/**
 * A scenario's traffic as flows (for the forecast) and as orders (for the load client), in one order. Drawn from the scenario's
 * seed, so that the same scenario has the same flows for ever. Pure.
 */
import { seededRandom } from "../net/random.ts";
import { drawArrivals } from "./arrivals.ts";
import type { DatagramOrder } from "./datagram.ts";
import { drawExchanges, leastExchanges } from "./exchanges.ts";
import type { PlannedFlow } from "./expectation.ts";
import { type Lab, type Service, serviceNamed } from "./lab.ts";
import type { RequestOrder } from "./request.ts";
import { patienceMsOf, type RequestTraffic, type Scenario, type Traffic } from "./scenario.ts";
import { type PlannedConnection, planConnection, serviceAt, targetName } from "./traffic.ts";

const ALWAYS = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };

export type ScenarioConnection = PlannedConnection & PlannedFlow;

export interface ScenarioRequest extends PlannedFlow {
  readonly service: Service;
  readonly order: RequestOrder;
}

export interface ScenarioDatagrams extends PlannedFlow {
  readonly service: Service;
  readonly order: DatagramOrder;
}

export function planLongLived(lab: Lab, scenario: Scenario): ScenarioConnection[] {
  const always = { ...ALWAYS, patienceMs: patienceMsOf(scenario) };
  return scenario.traffic.flatMap((each) => {
    if (each.kind !== "connections") return [];
    const service = serviceAt(lab, scenario.timeline, each.service, Number.NEGATIVE_INFINITY);
    const name = targetName(lab, each.service);
    return Array.from({ length: each.count }, (_, i) => {
      const planned = planConnection(lab, lab.clients[0].node, service, each.firstSourcePort + i);
      return { ...always, ...planned, target: { ...planned.target, name } };
    });
  });
}

/** They begin before anything happens, and go on to the end. */
export function planDatagrams(lab: Lab, { traffic }: Scenario): ScenarioDatagrams[] {
  return traffic.flatMap((each) => {
    if (each.kind !== "datagrams") return [];
    const service = serviceNamed(lab, each.service);
    return Array.from({ length: each.flows }, (_, i): ScenarioDatagrams => {
      const { flow, target } = planConnection(lab, lab.clients[0].node, service, each.firstSourcePort + i, "udp");
      return { ...ALWAYS, service, flow, order: { ...target, everyMs: each.everyMs } };
    });
  });
}

interface DrawnRequest {
  readonly atMs: number;
  readonly exchanges: number;
}

const lastsMs = ({ everyMs }: RequestTraffic, exchanges: number): number => (exchanges - 1) * everyMs;

/** When requests arrive that are over before `durationMs` is, and how long each is kept: a list for each kind of them. */
export function drawRequests({ traffic, seed }: Pick<Scenario, "traffic" | "seed">, durationMs: number): DrawnRequest[][] {
  const random = seededRandom(seed);
  return requestsIn(traffic).map((each) => {
    const arrivals = drawArrivals(each.arrivals, durationMs - lastsMs(each, leastExchanges(each.exchanges)), random);
    const drawn = arrivals.map((atMs) => ({ atMs, exchanges: drawExchanges(each.exchanges, random) }));
    return drawn.filter(({ atMs, exchanges }) => atMs + lastsMs(each, exchanges) < durationMs);
  });
}

const requestsIn = (traffic: readonly Traffic[]): RequestTraffic[] =>
  traffic.flatMap((each) => (each.kind === "requests" ? [each] : []));

export function planRequests(lab: Lab, scenario: Scenario, durationMs: number): ScenarioRequest[] {
  const drawn = drawRequests(scenario, durationMs);
  return requestsIn(scenario.traffic).flatMap((each, kind) => {
    const { everyMs, bytes, retries } = each;
    const name = targetName(lab, each.service);
    return drawn[kind].map(({ atMs, exchanges }, i): ScenarioRequest => {
      const service = serviceAt(lab, scenario.timeline, each.service, atMs);
      const { flow, target } = planConnection(lab, lab.clients[0].node, service, each.firstSourcePort + i);
      const language = service.appProtocol ?? "echo";
      const order: RequestOrder = { ...target, name, atMs, language, exchanges, everyMs, bytes, retries };
      return { service, flow, fromMs: atMs, toMs: atMs + lastsMs(each, exchanges), bytes, order };
    });
  });
}

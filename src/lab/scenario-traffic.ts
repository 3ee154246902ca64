/**
 * A scenario's traffic as flows (for the forecast) and as orders (for the load client), in one order. Drawn from the scenario's
 * seed, so that the same scenario has the same flows for ever. Pure.
 */
import { seededRandom } from "../net/random.ts";
import { drawArrivals } from "./arrivals.ts";
import type { PlannedFlow } from "./expectation.ts";
import { type Lab, type Service, serviceNamed } from "./lab.ts";
import type { RequestOrder } from "./request.ts";
import { patienceMsOf, type Scenario } from "./scenario.ts";
import { type PlannedConnection, planConnection } from "./traffic.ts";

export type ScenarioConnection = PlannedConnection & PlannedFlow;

export interface ScenarioRequest extends PlannedFlow {
  readonly service: Service;
  readonly order: RequestOrder;
}

export function planLongLived(lab: Lab, scenario: Scenario): ScenarioConnection[] {
  const always = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY, patienceMs: patienceMsOf(scenario) };
  return scenario.traffic.flatMap((each) => {
    if (each.kind !== "connections") return [];
    const service = serviceNamed(lab, each.service);
    return Array.from({ length: each.count }, (_, i) => {
      return { ...always, ...planConnection(lab, lab.clients[0].node, service, each.firstSourcePort + i) };
    });
  });
}

/** Those that are over before `durationMs` is. */
export function planRequests(lab: Lab, { traffic, seed }: Scenario, durationMs: number): ScenarioRequest[] {
  const random = seededRandom(seed);
  return traffic.flatMap((each) => {
    if (each.kind !== "requests") return [];
    const { exchanges, everyMs, bytes, retries } = each;
    const service = serviceNamed(lab, each.service);
    const lastsMs = (exchanges - 1) * everyMs;
    return drawArrivals(each.arrivals, durationMs - lastsMs, random).map((atMs, i): ScenarioRequest => {
      const { flow, target } = planConnection(lab, lab.clients[0].node, service, each.firstSourcePort + i);
      const order = { ...target, atMs, exchanges, everyMs, bytes, retries };
      return { service, flow, fromMs: atMs, toMs: atMs + lastsMs, bytes, order };
    });
  });
}

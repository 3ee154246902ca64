/**
 * Which nodes a flow of datagrams enters, one after the other: its path over the changes that the timeline plans, said before
 * anything happens. No node has to know a datagram, so a flow that moves goes on where it moved to. Pure.
 */
import type { FlowPath } from "../experiment/forecast.ts";
import { type Phase, type Plan, type PlannedFlow, phasesOf } from "./expectation.ts";

export interface Visit {
  readonly nextHop: string;
  /** By the timeline. */
  readonly lastsMs: number;
}

export interface DatagramForecast extends FlowPath {
  /** Neighbors in it differ. */
  readonly visits: readonly Visit[];
}

export const forecastVisits = (plan: Plan, paths: readonly FlowPath[], flows: readonly PlannedFlow[]): DatagramForecast[] =>
  paths.map((path, index) => ({ ...path, visits: joinNeighbors(phasesOf(plan, path, flows[index]).filter(isHeard(plan))) }));

export const isToMove = ({ visits }: DatagramForecast): boolean => visits.length > 1;

/** A node that is cut off for as long as the flow goes there never hears of it. */
const isHeard =
  ({ outages }: Plan) =>
  ({ nextHop, fromMs, toMs }: Phase): boolean =>
    nextHop !== undefined &&
    !outages.some((outage) => outage.nextHops.includes(nextHop) && outage.fromMs <= fromMs && outage.toMs >= toMs);

function joinNeighbors(phases: readonly Phase[]): Visit[] {
  const visits: Visit[] = [];
  for (const { nextHop = "", fromMs, toMs } of phases) {
    const last = visits.at(-1);
    const lastsMs = toMs - fromMs;
    if (last?.nextHop === nextHop) visits[visits.length - 1] = { nextHop, lastsMs: last.lastsMs + lastsMs };
    else visits.push({ nextHop, lastsMs });
  }
  return visits;
}

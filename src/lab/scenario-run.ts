/**
 * One scenario played: the forecast made and its digest told, the traffic begun, the timeline carried out, and all of it judged.
 * Called inside a lab's tree, once for each strategy, with a cast that has been taught.
 */
import { writeFile } from "node:fs/promises";
import { digestPaths } from "../experiment/forecast.ts";
import { type Clock, delay } from "../net/clock.ts";
import { type Cast, viewsOf } from "./cast.ts";
import { readTrackedBy } from "./connection-tracking.ts";
import { forecastVisits } from "./datagram-forecast.ts";
import { type Expectation, forecastFates, planChanges, withPods } from "./expectation.ts";
import { statesOf } from "./lab-router.ts";
import { Load } from "./load.ts";
import { judgeScenario, type ScenarioOutcome } from "./outcome.ts";
import { placeOf } from "./place.ts";
import { type FaultStep, heartbeatMsOf, patienceMsOf, type Scenario } from "./scenario.ts";
import { planDatagrams, planLongLived, planRequests } from "./scenario-traffic.ts";
import { readDisorder } from "./socket-disorder.ts";
import { type AtWork, carryOut, endAll, flowsStruck, type Tell } from "./timeline.ts";
import { nodeOfPod } from "./witness.ts";

export async function playScenario(
  clock: Clock,
  cast: Cast,
  scenario: Scenario,
  directory: string,
  tell: Tell,
): Promise<ScenarioOutcome> {
  const { lab } = cast;
  const plan = planChanges(lab, scenario);
  const lastStepMs = Math.max(
    0,
    ...scenario.timeline.flatMap((step) => ("wait" in step ? [] : "name" in step ? step.atSeconds * 1000 : endOf(step))),
  );
  const durationMs = lastStepMs + scenario.watchSeconds * 1000;
  const connections = planLongLived(lab, scenario);
  const requests = planRequests(lab, scenario, durationMs);
  const states = await statesOf(viewsOf(cast));
  const datagrams = planDatagrams(lab, scenario);
  const allPaths = forecastFates(lab, states, plan, [...connections, ...requests, ...datagrams]);
  const byPath = allPaths.slice(0, connections.length + requests.length);
  const datagramForecasts = forecastVisits(plan, allPaths.slice(byPath.length), datagrams);
  const digest = digestPaths(allPaths);
  await writeFile(
    `${directory}/forecast.json`,
    JSON.stringify({ digest, states, expectations: byPath, datagrams: datagramForecasts }),
  );
  tell("forecast", 0, { flows: allPaths.length, breaks: breaksOf(byPath), digest });

  const place = placeOf(lab.clients[0].node);
  const load = await Load.start(place, connections.length, {
    redial: true,
    heartbeatMs: heartbeatMsOf(scenario),
    timeoutMs: patienceMsOf(scenario),
  });
  const opened = await load.open(connections.map(({ target }) => target));
  const podOf = new Map(opened.map(({ flow, pod }) => [flow, pod]));
  const pods = connections.map(({ target }) => nodeOfPod(lab, podOf.get(target.flow)));
  const long = withPods(plan, byPath.slice(0, connections.length), pods, patienceMsOf(scenario));
  const expectations = [...long, ...byPath.slice(connections.length)];
  tell("pods", 0, { breaks: breaksOf(expectations) });
  await load.send(datagrams.map(({ order }) => order));
  await load.begin(requests.map(({ order }) => order));
  const startMs = clock.nowMs();
  tell("traffic", 0, { connections: connections.length, requests: requests.length, datagrams: datagrams.length });
  const atWork: AtWork = { steps: new Set(), ended: new Set() };
  try {
    const { marks, moves } = await carryOut(clock, cast, scenario, plan, startMs, atWork, tell);
    await delay(clock, Math.max(0, startMs + durationMs - clock.nowMs(), scenario.watchSeconds * 1000));
    const disorder = await readDisorder(place);
    const report = await load.report();
    const struck = await flowsStruck(clock, cast, atWork);
    const departures = await cast.router.view.departures?.();
    await load.close(clock);
    const trackedBy = datagrams.length > 0 ? await readTrackedBy(lab) : new Map<string, ReadonlySet<string>>();
    const forecasts = { expectations, datagramForecasts, digest };
    const witnesses = { marks, moves, startMs, struck, departures, trackedBy, disorder };
    const evidence = { connections, requests, datagrams, ...forecasts, ...witnesses };
    return judgeScenario(lab, scenario, evidence, report);
  } finally {
    await endAll(clock, cast, atWork);
  }
}

const breaksOf = (expectations: readonly Expectation[]): number => expectations.filter(({ fate }) => fate === "breaks").length;

const endOf = ({ atSeconds, untilSeconds = 0 }: FaultStep): number => Math.max(atSeconds, untilSeconds) * 1000;

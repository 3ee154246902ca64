/**
 * One scenario played: the forecast made and its digest told, the traffic begun, the timeline carried out, and all of it judged.
 * Called inside a lab's tree, once for each strategy, with a cast that has been taught.
 */
import { writeFile } from "node:fs/promises";
import { digestPaths } from "../experiment/forecast.ts";
import { type Clock, delay } from "../net/clock.ts";
import { type Cast, viewsOf } from "./cast.ts";
import { forecastFates, planChanges } from "./expectation.ts";
import { statesOf } from "./lab-router.ts";
import { Load } from "./load.ts";
import { judgeScenario, type ScenarioOutcome } from "./outcome.ts";
import { placeOf } from "./place.ts";
import type { FaultStep, Scenario } from "./scenario.ts";
import { planLongLived, planRequests } from "./scenario-traffic.ts";
import { carryOut, endAll, type Tell } from "./timeline.ts";

export async function playScenario(
  clock: Clock,
  cast: Cast,
  scenario: Scenario,
  directory: string,
  tell: Tell,
): Promise<ScenarioOutcome> {
  const { lab } = cast;
  const plan = planChanges(lab, scenario);
  const lastStepMs = Math.max(0, ...scenario.timeline.flatMap((step) => ("wait" in step ? [] : endOf(step))));
  const durationMs = lastStepMs + scenario.watchSeconds * 1000;
  const connections = planLongLived(lab, scenario);
  const requests = planRequests(lab, scenario, durationMs);
  const states = await statesOf(viewsOf(cast));
  const expectations = forecastFates(lab, states, plan, [...connections, ...requests]);
  const digest = digestPaths(expectations);
  await writeFile(`${directory}/forecast.json`, JSON.stringify({ digest, states, expectations }));
  const breaks = expectations.filter(({ fate }) => fate === "breaks").length;
  tell("forecast", 0, { flows: expectations.length, breaks, digest });

  const load = await Load.start(placeOf(lab.clients[0].node), "redialed");
  await load.open(connections.map(({ target }) => target));
  await load.begin(requests.map(({ order }) => order));
  const startMs = clock.nowMs();
  tell("traffic", 0, { connections: connections.length, requests: requests.length });
  const atWork = new Set<FaultStep>();
  try {
    const marks = await carryOut(clock, cast, scenario, plan, startMs, atWork, tell);
    await delay(clock, Math.max(0, startMs + durationMs - clock.nowMs(), scenario.watchSeconds * 1000));
    const report = await load.report();
    await load.close(clock);
    return judgeScenario(lab, scenario, { connections, requests, expectations, digest, marks, startMs }, report);
  } finally {
    await endAll(clock, cast, atWork);
  }
}

const endOf = ({ atSeconds, untilSeconds = 0 }: FaultStep): number => Math.max(atSeconds, untilSeconds) * 1000;

/**
 * One scenario played: the forecast made and its digest told, the traffic begun, the timeline carried out, and all of it judged.
 * Called inside a lab's tree, once for each strategy, with a cast that has been taught.
 */
import { writeFile } from "node:fs/promises";
import { digestPaths } from "../experiment/forecast.ts";
import { type Clock, delay } from "../net/clock.ts";
import { type Cast, routersIn, viewsOf } from "./cast.ts";
import { listTracked, parseTranslations, readTrackedBy } from "./connection-tracking.ts";
import { forecastVisits } from "./datagram-forecast.ts";
import { type Expectation, forecastFates, type Plan, planChanges, withPods } from "./expectation.ts";
import type { Lab } from "./lab.ts";
import { statesOf } from "./lab-router.ts";
import { Load } from "./load.ts";
import { translate } from "./nat.ts";
import { judgeScenario, type ScenarioOutcome } from "./outcome.ts";
import { placeOf } from "./place.ts";
import { withGuests } from "./pod-guest.ts";
import { runningDaemons } from "./process.ts";
import { ProcessorWaits } from "./processor-wait.ts";
import { type FaultStep, heartbeatMsOf, patienceMsOf, type Scenario } from "./scenario.ts";
import {
  planDatagrams,
  planLongLived,
  planRequests,
  type ScenarioConnection,
  type ScenarioDatagrams,
  type ScenarioRequest,
} from "./scenario-traffic.ts";
import { readDisorder } from "./socket-disorder.ts";
import { surprisesOf, withSurprises } from "./surprise.ts";
import type { RouterStates } from "./tiers.ts";
import { type AtWork, carryOut, endAll, flowsStruck, type Tell } from "./timeline.ts";
import { wordsAsked } from "./traffic.ts";
import { nodeOfPod, processesOnWay } from "./witness.ts";

export async function playScenario(
  clock: Clock,
  cast: Cast,
  scenario: Scenario,
  directory: string,
  tell: Tell,
): Promise<ScenarioOutcome> {
  const lab = withGuests(cast.lab, scenario.timeline);
  const plan = planChanges(lab, scenario);
  const lastStepMs = Math.max(
    0,
    ...scenario.timeline.flatMap((step) => ("wait" in step ? [] : "name" in step ? step.atSeconds * 1000 : endOf(step))),
  );
  const durationMs = lastStepMs + scenario.watchSeconds * 1000;
  const planned = {
    connections: planLongLived(lab, scenario),
    requests: planRequests(lab, scenario, durationMs),
    datagrams: planDatagrams(lab, scenario),
  };
  const place = placeOf(lab.clients[0].node);
  const onWay = new Set(lab.services.flatMap((service) => processesOnWay(lab, service, undefined)));
  const load = await Load.start(place, planned.connections.length, {
    redial: true,
    heartbeatMs: heartbeatMsOf(scenario),
    timeoutMs: patienceMsOf(scenario),
  });
  const atWork: AtWork = { steps: new Set(), ended: new Set() };
  const waits = new ProcessorWaits(clock, () => runningDaemons().filter(({ name }) => onWay.has(name)));
  try {
    const { traffic, forecast, complete } = await openTraffic({ cast, scenario, plan, planned, load, directory, tell });
    const { connections, requests, datagrams } = traffic;
    await load.begin(requests.map(({ order }) => order));
    const startMs = clock.nowMs();
    tell("traffic", 0, { connections: connections.length, requests: requests.length, datagrams: datagrams.length });
    const { marks, moves } = await carryOut(clock, cast, scenario, plan, startMs, atWork, tell);
    await delay(clock, Math.max(0, startMs + durationMs - clock.nowMs(), scenario.watchSeconds * 1000));
    const disorder = await readDisorder(place);
    const report = await load.report();
    const struck = await flowsStruck(clock, cast, atWork);
    const departures = await cast.router.view.departures?.();
    await load.close();
    const trackedBy = datagrams.length > 0 ? await readTrackedBy(lab) : new Map<string, ReadonlySet<string>>();
    const asked = wordsAsked(lab, scenario);
    const labAsked = { ...lab, services: lab.services.filter(({ name }) => asked.has(name)) };
    const surprises = routersIn(cast).flatMap(({ view }) => surprisesOf(labAsked, plan, marks, view.events.all(), startMs));
    for (const { atMs, ...surprise } of surprises) tell("surprise", atMs - startMs, surprise);
    const again = () => complete(forecastTraffic(lab, forecast.states, withSurprises(lab, plan, surprises, startMs), traffic));
    const surprised = surprises.length > 0 ? again() : undefined;
    const witnesses = {
      marks,
      moves,
      startMs,
      struck,
      departures,
      trackedBy,
      disorder,
      surprises,
      surprised,
      waits: waits.stop(),
    };
    return judgeScenario(lab, scenario, { ...traffic, ...forecast, ...witnesses }, report);
  } finally {
    waits.stop();
    await endAll(clock, cast, atWork);
    await load.stop(clock);
  }
}

interface ScenarioTraffic {
  readonly connections: readonly ScenarioConnection[];
  readonly requests: readonly ScenarioRequest[];
  readonly datagrams: readonly ScenarioDatagrams[];
}

interface Opening {
  readonly cast: Cast;
  readonly scenario: Scenario;
  readonly plan: Plan;
  readonly planned: ScenarioTraffic;
  readonly load: Load;
  readonly directory: string;
  readonly tell: Tell;
}

/** The forecast made and told, what is long-lived open, and the forecast completed by what its pods said. */
async function openTraffic({ cast, scenario, plan, planned, load, directory, tell }: Opening) {
  const { lab } = cast;
  const open = async () => {
    const records = await load.open(planned.connections.map(({ target }) => target));
    await load.send(planned.datagrams.map(({ order }) => order));
    return records;
  };
  const openedEarly = lab.nat && (await open());
  const traffic = await asRouterSees(lab, planned);
  const forecast = forecastTraffic(lab, await statesOf(viewsOf(cast)), plan, traffic);
  const { digest, expectations: byPath, datagramForecasts } = forecast;
  await writeFile(`${directory}/forecast.json`, JSON.stringify(forecast));
  tell("forecast", 0, { flows: byPath.length + datagramForecasts.length, breaks: breaksOf(byPath), digest });

  const podOf = new Map((openedEarly ?? (await open())).map(({ flow, pod }) => [flow, pod]));
  const count = traffic.connections.length;
  const pods = traffic.connections.map(({ target }) => nodeOfPod(lab, podOf.get(target.flow)));
  const complete = (made: typeof forecast) => {
    const long = withPods(plan, made.expectations.slice(0, count), pods, patienceMsOf(scenario));
    return { ...made, expectations: [...long, ...made.expectations.slice(count)] };
  };
  const completed = complete(forecast);
  tell("pods", 0, { breaks: breaksOf(completed.expectations) });
  return { traffic, forecast: completed, complete };
}

/** Behind a NAT the flows have to be open before anybody knows what it makes of them. */
async function asRouterSees(lab: Lab, traffic: ScenarioTraffic): Promise<ScenarioTraffic> {
  if (!lab.nat) return traffic;
  const translations = parseTranslations(await listTracked(lab, placeOf(lab.nat.host)));
  const connections = translate(lab, translations, traffic.connections);
  return { ...traffic, connections, datagrams: translate(lab, translations, traffic.datagrams) };
}

/** Connections and requests have expectations, in this order. */
function forecastTraffic(lab: Lab, states: RouterStates, plan: Plan, { connections, requests, datagrams }: ScenarioTraffic) {
  const paths = forecastFates(lab, states, plan, [...connections, ...requests, ...datagrams]);
  const expectations = paths.slice(0, connections.length + requests.length);
  const datagramForecasts = forecastVisits(plan, paths.slice(expectations.length), datagrams);
  return { digest: digestPaths(paths), states, expectations, datagramForecasts };
}

const breaksOf = (expectations: readonly Expectation[]): number => expectations.filter(({ fate }) => fate === "breaks").length;

const endOf = ({ atSeconds, untilSeconds = 0 }: FaultStep): number => Math.max(atSeconds, untilSeconds) * 1000;

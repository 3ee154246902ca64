/**
 * One scenario played: the forecast made, written down and its digest told, the traffic begun, the timeline carried out, and all
 * of it judged. Called inside a lab's tree, or by the clients' container of one, once for each strategy or selector, with a cast
 * that has been taught. The witness of the entry is the pod (`witness.ts`), that of the breakage the client; never our counters.
 */
import { writeFile } from "node:fs/promises";
import { digestPaths } from "../experiment/forecast.ts";
import { type Clock, delay } from "../net/clock.ts";
import { judgeAssertions } from "./assertion.ts";
import { type Cast, routersIn, viewsOf } from "./cast.ts";
import { podsDrawn, readNodesTracking, trackedBy } from "./connection-tracking.ts";
import { forecastVisits } from "./datagram-forecast.ts";
import { durationMsOf, type Expectation, forecastFates, type Plan, planChanges, withPods } from "./expectation.ts";
import type { Lab } from "./lab.ts";
import { statesOf } from "./lab-router.ts";
import { Load } from "./load.ts";
import { translate } from "./nat.ts";
import { judgeScenario } from "./outcome.ts";
import { withGuests } from "./pod-guest.ts";
import { runningDaemons } from "./process.ts";
import { ProcessorWaits } from "./processor-wait.ts";
import { heartbeatMsOf, patienceMsOf, type Scenario } from "./scenario.ts";
import {
  planDatagrams,
  planLongLived,
  planRequests,
  type ScenarioConnection,
  type ScenarioDatagrams,
  type ScenarioRequest,
} from "./scenario-traffic.ts";
import { readDisorder } from "./socket-disorder.ts";
import type { SpeakerReport } from "./speakers.ts";
import type { PlayedScenario } from "./strategies.ts";
import { surprisesOf, withSurprises } from "./surprise.ts";
import type { RouterStates } from "./tiers.ts";
import { type AtWork, carryOut, endAll, flowsStruck, type Tell } from "./timeline.ts";
import { wordsAsked } from "./traffic.ts";
import { nodeOfPod, processesOnWay } from "./witness.ts";

export async function playScenario(
  clock: Clock,
  cast: Cast,
  scenario: Scenario,
  speakers: readonly SpeakerReport[],
  tell: Tell,
): Promise<PlayedScenario> {
  const lab = withGuests(cast.lab, scenario.timeline);
  const plan = planChanges(lab, scenario);
  const durationMs = durationMsOf(scenario);
  const planned = {
    connections: planLongLived(lab, scenario),
    requests: planRequests(lab, scenario, durationMs),
    datagrams: planDatagrams(lab, scenario),
  };
  const onWay = new Set(lab.services.flatMap((service) => processesOnWay(lab, service, undefined)));
  const load = await Load.start(cast.clients, planned.connections.length, {
    redial: true,
    heartbeatMs: heartbeatMsOf(scenario),
    timeoutMs: patienceMsOf(scenario),
  });
  const atWork: AtWork = { steps: new Set(), ended: new Set() };
  const waits = new ProcessorWaits(clock, () => runningDaemons().filter(({ name }) => onWay.has(name)));
  try {
    const { traffic, forecast, complete } = await openTraffic({ cast, scenario, plan, planned, load, tell });
    const { connections, requests, datagrams } = traffic;
    await load.begin(requests.map(({ order }) => order));
    const startMs = clock.nowMs();
    tell("traffic", 0, { connections: connections.length, requests: requests.length, datagrams: datagrams.length });
    const { marks, moves } = await carryOut(clock, cast, scenario, plan, startMs, atWork, tell);
    await delay(clock, Math.max(0, startMs + durationMs - clock.nowMs(), scenario.watchSeconds * 1000));
    const disorder = await readDisorder(cast.clients);
    const report = await load.report();
    const struck = await flowsStruck(clock, cast, atWork);
    const departures = await cast.router.view.departures?.();
    await load.close();
    const tracking = datagrams.length + requests.length > 0 ? await readNodesTracking(lab) : [];
    const asked = wordsAsked(lab, scenario);
    const labAsked = { ...lab, services: lab.services.filter(({ name }) => asked.has(name)) };
    const surprises = routersIn(cast).flatMap(({ view }) => surprisesOf(labAsked, plan, marks, view.events.all(), startMs));
    for (const { atMs, ...surprise } of surprises) tell("surprise", atMs - startMs, surprise);
    const again = () => complete(forecastTraffic(lab, forecast.states, withSurprises(lab, plan, surprises, startMs), traffic));
    const surprised = surprises.length > 0 ? again() : undefined;
    const happened = { marks, moves, startMs, surprises, surprised };
    const tracked = { trackedBy: trackedBy(tracking), podsDrawn: podsDrawn(lab, tracking) };
    const witnesses = { struck, departures, ...tracked, disorder, waits: waits.stop() };
    const outcome = judgeScenario(lab, scenario, { ...traffic, ...forecast, ...happened, ...witnesses }, report);
    return { scenario, outcome, verdicts: judgeAssertions(scenario.assertions, outcome), speakers };
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
  readonly tell: Tell;
}

/** The forecast made and told, what is long-lived open, and the forecast completed by what its pods said. */
async function openTraffic({ cast, scenario, plan, planned, load, tell }: Opening) {
  const { lab } = cast;
  const open = async () => {
    const records = await load.open(planned.connections.map(({ target }) => target));
    await load.send(planned.datagrams.map(({ order }) => order));
    return records;
  };
  const openedEarly = lab.nat && (await open());
  const traffic = await asRouterSees(cast, planned);
  const forecast = forecastTraffic(lab, await statesOf(viewsOf(cast)), plan, traffic);
  const { digest, expectations: byPath, datagramForecasts } = forecast;
  await writeFile(`${cast.directory}/forecast.json`, JSON.stringify(forecast));
  tell("forecast", 0, { flows: byPath.length + datagramForecasts.length, breaks: breaksOf(byPath), digest });

  const records = openedEarly ?? (await open());
  tell("opened", 0, { connections: records.filter(({ opened }) => opened).length, of: records.length });
  const podOf = new Map(records.map(({ flow, pod }) => [flow, pod]));
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
async function asRouterSees(cast: Cast, traffic: ScenarioTraffic): Promise<ScenarioTraffic> {
  const { lab } = cast;
  if (!lab.nat) return traffic;
  const translations = await cast.translations();
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

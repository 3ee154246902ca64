/**
 * A scenario's outcome without a lab: the real plan and forecast of its timeline over tables that the real selector filled, a
 * client that saw just that (but for one connection, which broke where it was to live), judged by the real judgment.
 */
import { judgeAssertions, parseAssertion } from "#src/lab/assertion.ts";
import { loadLab } from "#src/lab/catalog.ts";
import { forecastVisits } from "#src/lab/datagram-forecast.ts";
import { forecastFates, planChanges } from "#src/lab/expectation.ts";
import { type Lab, nodeNamed } from "#src/lab/lab.ts";
import { judgeScenario } from "#src/lab/outcome.ts";
import type { FaultStep, Scenario, Traffic } from "#src/lab/scenario.ts";
import { planDatagrams, planLongLived, planRequests } from "#src/lab/scenario-traffic.ts";
import type { PlayedScenario } from "#src/lab/strategies.ts";
import type { FaultMark } from "#src/lab/timeline.ts";
import { formatAddress } from "#src/net/address.ts";
import { makeSpeakers } from "./lab-result.ts";
import { makeState, seenBy } from "./on-paper.ts";

export const LAB = loadLab("metallb-bgp");

const START_MS = 5000;
const LASTS_MS = 4000;
const DIGEST = "f".repeat(64);

const TRAFFIC: readonly Traffic[] = [
  { kind: "connections", service: "cluster", count: 200, everyMs: 100, firstSourcePort: 20000 },
  { kind: "connections", service: "local", count: 50, everyMs: 100, firstSourcePort: 25000 },
  { kind: "datagrams", service: "cluster", flows: 40, everyMs: 20, firstSourcePort: 30000 },
  {
    kind: "requests",
    service: "cluster",
    arrivals: { kind: "constant", perSecond: 20 },
    exchanges: { kind: "fixed", count: 3 },
    everyMs: 50,
    bytes: 100,
    retries: 1,
    firstSourcePort: 40000,
  },
];

const step = (node: string, atSeconds: number, untilSeconds?: number): FaultStep => ({
  fault: "kill-speaker",
  node,
  atSeconds,
  untilSeconds,
});

const scenarioOf = (name: string, timeline: readonly FaultStep[]): Scenario => ({
  name,
  description: "What breaks when speakers go, one after the other?",
  lab: LAB.name,
  seed: 7,
  holdTimeSeconds: 3,
  router: { kind: "ecmp-router", ecmp: {} },
  traffic: TRAFFIC,
  timeline,
  watchSeconds: 1,
  assertions: ["as forecast", "p99 gap of cluster < 1 s"].flatMap((text) => {
    const assertion = parseAssertion(text);
    return "wanted" in assertion ? [] : [assertion];
  }),
});

function play(name: string, timeline: readonly FaultStep[], disobedient: boolean): PlayedScenario {
  const scenario = scenarioOf(name, timeline);
  const selector = LAB.experiment.selectors.find((each) => each.name === name) ?? LAB.experiment.selectors[0];
  const states = { [LAB.router.name]: makeState(LAB, selector) };
  const plan = planChanges(LAB, scenario);
  const traffic = {
    connections: planLongLived(LAB, scenario),
    requests: planRequests(LAB, scenario, LASTS_MS),
    datagrams: planDatagrams(LAB, scenario),
  };
  const paths = forecastFates(LAB, states, plan, [...traffic.connections, ...traffic.requests, ...traffic.datagrams]);
  const many = traffic.connections.length + traffic.requests.length;
  const expectations = paths.slice(0, many);
  const datagramForecasts = forecastVisits(plan, paths.slice(many), traffic.datagrams);
  const firstMs = START_MS + timeline[0].atSeconds * 1000;
  const lives = expectations.findIndex(({ fate }) => fate === "lives");

  const connections = traffic.connections.map(({ target, service }, index) => {
    const breaks = (expectations[index].fate === "breaks") !== (disobedient && index === lives);
    return {
      flow: target.flow,
      opened: true,
      bytes: 1000,
      redials: breaks ? 1 : 0,
      lastEchoAtMs: breaks ? firstMs : START_MS + LASTS_MS,
      longestSilenceMs: 100 + (index % 30),
      sourceSeen: target.sourceAddress,
      ...seenBy(LAB, service, expectations[index].entry),
      ...(breaks && { resetAtMs: firstMs + 12 + (index % 97), reopenedAtMs: firstMs + 150 + (index % 200) }),
    };
  });
  const requests = traffic.requests.map(({ order, service, fromMs, toMs }, index) => {
    const expectation = expectations[traffic.connections.length + index];
    const broke = expectation.fate === "breaks";
    return {
      flow: order.flow,
      begunAtMs: START_MS + fromMs,
      endedAtMs: START_MS + toMs,
      attempts: broke ? 2 : 1,
      bytes: 300,
      answered: true,
      sourceSeen: order.sourceAddress,
      ...seenBy(LAB, service, expectation.entry),
      ...(broke && { failed: "ECONNRESET" }),
    };
  });
  const datagrams = traffic.datagrams.map(({ order, service }, index) => ({
    flow: order.flow,
    begunAtMs: START_MS,
    sent: 200,
    answered: 198,
    duplicated: 0,
    reordered: 0,
    bytes: 2000,
    entrances: datagramForecasts[index].visits.map(({ nextHop }) => ({
      sourceSeen: order.sourceAddress,
      ...seenBy(LAB, service, nextHop),
    })),
  }));
  const evidence = {
    ...{ ...traffic, states, expectations, datagramForecasts, digest: DIGEST, startMs: START_MS, moves: [] },
    marks: timeline.flatMap((one) => marksOf(LAB, one)),
    struck: new Set<string>(),
    trackedBy: new Map(),
    podsDrawn: new Map(),
    disorder: new Map(),
    surprises: [],
    waits: new Map(),
  };
  const outcome = judgeScenario(LAB, scenario, evidence, { connections, requests, datagrams });
  return { scenario, outcome, verdicts: judgeAssertions(scenario.assertions, outcome), speakers: makeSpeakers(LAB) };
}

function marksOf(lab: Lab, { fault, node, atSeconds, untilSeconds }: FaultStep): FaultMark[] {
  const nextHops = [formatAddress(nodeNamed(lab, node).address.address)];
  const mark = (what: FaultMark["what"], seconds: number): FaultMark => {
    const fromMs = START_MS + seconds * 1000;
    return { fault, node, nextHops, what, fromMs, toMs: fromMs + 6.25, plannedToMs: fromMs };
  };
  return [mark("begins", atSeconds), ...(untilSeconds === undefined ? [] : [mark("ends", untilSeconds)])];
}

/** One that did as forecast, and one of which a connection did not. */
export const PLAYED: readonly PlayedScenario[] = [
  play("modulo", [step("n2", 1, 2.5)], false),
  play("resilient", [step("n2", 1, 2.5), step("n3", 1.05), step("n4", 1.5, 3)], true),
];

export const SUITE = { name: "speakers-go", description: "What breaks when speakers go?", lab: LAB.name, scenarios: [] };

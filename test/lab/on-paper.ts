/**
 * The experiment of a lab without the lab: tables filled by the real selectors, the real forecast, and connections that obey it
 * but for what a test makes of their records, judged by the real judge.
 */
import { SELECTORS } from "#src/ecmp/selector.ts";
import { digestPaths } from "#src/experiment/forecast.ts";
import type { FibState } from "#src/fib/state.ts";
import type { ConnectionRecord } from "#src/lab/connection.ts";
import { type Expectation, forecastFates, planChanges } from "#src/lab/expectation.ts";
import { experimentOf } from "#src/lab/experiment.ts";
import {
  announcersOf,
  type Lab,
  nextHopsOf,
  nodeNamed,
  nodesOf,
  peersOf,
  podsOf,
  routersOf,
  type SelectorChoice,
  type Service,
} from "#src/lab/lab.ts";
import { judgeScenario } from "#src/lab/outcome.ts";
import { planLongLived, type ScenarioConnection } from "#src/lab/scenario-traffic.ts";
import type { PlayedScenario } from "#src/lab/strategies.ts";
import type { RouterStates } from "#src/lab/tiers.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatPrefix, hostPrefix } from "#src/net/prefix.ts";

const START_MS = 4500;
/** Of the event. */
export const STRUCK_MS = 5000;

export type Tamper = (record: ConnectionRecord, expectation: Expectation, index: number) => ConnectionRecord;

export const playOnPaper = (lab: Lab, tamper: Tamper = (record) => record): PlayedScenario[] =>
  experimentOf(lab).map((scenario, i): PlayedScenario => {
    const { kind: fault, node } = lab.experiment.event;
    const states = makeStates(lab, lab.experiment.selectors[i]);
    const connections = planLongLived(lab, scenario);
    const expectations = forecastFates(lab, states, planChanges(lab, scenario), connections);
    const records = connections.map((planned, index) =>
      tamper(obey(lab, planned, expectations[index], index), expectations[index], index),
    );
    const nextHops = nextHopsOf(nodeNamed(lab, node)).map(formatAddress);
    const times = { fromMs: STRUCK_MS, seenMs: STRUCK_MS + 2.5, toMs: STRUCK_MS + 6.25, plannedToMs: STRUCK_MS };
    const traffic = { connections, requests: [], expectations, datagrams: [], datagramForecasts: [] };
    const witnesses = {
      moves: [],
      surprises: [],
      waits: new Map(),
      struck: new Set<string>(),
      trackedBy: new Map(),
      podsDrawn: new Map(),
      disorder: new Map<string, number>(),
    };
    const marks = [{ fault, node, nextHops, what: "begins", ...times } as const];
    const evidence = { ...traffic, ...witnesses, marks, states, digest: digestPaths(expectations), startMs: START_MS };
    const outcome = judgeScenario(lab, scenario, evidence, { connections: records, requests: [], datagrams: [] });
    return { scenario, outcome, verdicts: [], speakers: [] };
  });

function obey(lab: Lab, { target, service }: ScenarioConnection, { entry, fate }: Expectation, index: number): ConnectionRecord {
  return {
    flow: target.flow,
    opened: true,
    bytes: 0,
    redials: 0,
    lastEchoAtMs: STRUCK_MS + (index % 100),
    longestSilenceMs: 100,
    sourceSeen: target.sourceAddress,
    ...seenBy(lab, service, entry),
    ...(fate === "breaks" ? { resetAtMs: STRUCK_MS + 12 + (index % 97) } : {}),
  };
}

/** What a pod of the service says to a connection that entered by the node with this address. */
export function seenBy(lab: Lab, service: Service, nextHop: string | undefined) {
  const entry = lab.nodes.find(({ address }) => formatAddress(address.address) === nextHop);
  const pod = podsOf(lab, service).find((each) => each.node === entry?.name);
  if (service.externalTrafficPolicy === "Local" || !entry || !pod) return { pod: pod?.name ?? "" };
  return { pod: pod.name, sourceSeen: formatAddress(entry.podGateway.address.address) };
}

/** Of every router. */
export const makeStates = (lab: Lab, choice: SelectorChoice): RouterStates =>
  Object.fromEntries(routersOf(lab).map((router) => [router.name, makeState(lab, choice, router)]));

/** Its next hops are the nodes that it speaks with, and those of the router that clients enter by the routers behind it, too. */
export function makeState(lab: Lab, { name, ...options }: SelectorChoice, router = lab.router): FibState {
  const behind = router === lab.router ? peersOf(lab, router).map(({ port }) => port) : [];
  const groups = lab.services.map((service, id) => {
    const own = announcersOf(lab, service).filter((node) => nodesOf(lab, router).includes(node));
    const members = [...own, ...behind].map(({ address }) => ({ address: address.address, weight: 1 }));
    const table = SELECTORS[name].fill(members, options);
    const owners = Array.from(table.owners);
    return {
      id,
      prefixes: [formatPrefix(hostPrefix(service.address))],
      members: members.map(({ address, weight }, index) => {
        return { address: formatAddress(address), weight, share: owners.filter((owner) => owner === index).length };
      }),
      reduction: table.reduction,
      owners,
      ...(table.memory && { memory: table.memory }),
    };
  });
  const fields = ["source-address", "destination-address", "protocol", "source-port", "destination-port"] as const;
  return {
    hash: { algorithm: "xxh32", fields, seed: lab.experiment.hash.seed },
    selector: { name, ...options },
    memberOrder: "address",
    groups,
  };
}

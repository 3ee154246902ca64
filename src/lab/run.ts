/**
 * A run of a lab's experiment, as its report tells it: the event, and what it did to the connections of each service. Made from
 * the scenario as it was played and judged (`scenario-run.ts`, `outcome.ts`); nothing is compared here. Pure.
 */
import type { FibState } from "../fib/state.ts";
import { formatAddress } from "../net/address.ts";
import { formatPrefix, hostPrefix } from "../net/prefix.ts";
import { type FaultKind, type Lab, nextHopsOf, nodeNamed, type SelectorChoice, type Service } from "./lab.ts";
import type { JudgedConnection } from "./outcome.ts";
import type { PlayedScenario } from "./strategies.ts";

/** The connections of a service, counted. */
export interface Judgment {
  readonly opened: number;
  /** Connections by the node they entered by, in the lab's order. */
  readonly perNode: Readonly<Record<string, number>>;
  readonly checked: number;
  /** Entered by the node that the forecast named. */
  readonly equal: number;
  /** The pod saw the client's own address. */
  readonly clientAddressSeen: number;
  readonly broken: {
    readonly observed: number;
    readonly forecast: number;
    readonly onDepartedNode: number;
    readonly onSurvivors: number;
    readonly reset: number;
    readonly timedOut: number;
  };
}

export interface ServiceResult {
  readonly service: Service;
  readonly nextHops: number;
  readonly connections: readonly JudgedConnection[];
  readonly judgment: Judgment;
}

export interface RunResult {
  readonly selector: SelectorChoice;
  /** What the router decided by, as `ecmp show groups --json` gave it: all that the forecast was made from. */
  readonly state: FibState;
  readonly digest: string;
  readonly event: {
    readonly kind: FaultKind;
    readonly node: string;
    /** Absent where no session ended. */
    readonly detectedMs?: number | undefined;
    readonly convergedMs: number;
  };
  readonly struckAtMs: number;
  readonly services: readonly ServiceResult[];
  readonly differences: readonly string[];
}

export function runOf(lab: Lab, { scenario, outcome }: PlayedScenario): RunResult {
  const selector = lab.experiment.selectors.find(({ name }) => name === scenario.name) ?? { name: scenario.name };
  const { digest, told, marks, judged, foundation } = outcome;
  const state = foundation.states[lab.router.name];
  const { kind, node } = lab.experiment.event;
  const [{ fromMs, seenMs, toMs }] = marks;
  const services = lab.services.map((service): ServiceResult => {
    const connections = judged.connections.filter(({ service: of }) => of === service.name);
    const group = state.groups.find(({ prefixes }) => prefixes.includes(formatPrefix(hostPrefix(service.address))));
    return { service, nextHops: group?.members.length ?? 0, connections, judgment: countUp(lab, connections) };
  });
  const event = { kind, node, detectedMs: seenMs === undefined ? undefined : seenMs - fromMs, convergedMs: toMs - fromMs };
  return { selector, state, digest, event, struckAtMs: judged.startMs + fromMs, services, differences: told };
}

function countUp(lab: Lab, connections: readonly JudgedConnection[]): Judgment {
  const departed = nextHopsOf(nodeNamed(lab, lab.experiment.event.node)).map(formatAddress);
  const opened = connections.filter(({ record }) => record.opened);
  const broken = opened.filter(({ observed }) => observed.broken);
  const onDeparted = broken.filter(({ expectation: { entry = "" } }) => departed.includes(entry));
  const perNode = lab.nodes.map(({ name }) => [name, opened.filter(({ node }) => node === name).length] as const);
  return {
    opened: opened.length,
    perNode: Object.fromEntries(perNode.filter(([, count]) => count > 0)),
    checked: opened.length,
    equal: opened.filter(({ observed, expectation }) => observed.entry === expectation.entry).length,
    clientAddressSeen: opened.filter(({ record, flow }) => record.sourceSeen === formatAddress(flow.source)).length,
    broken: {
      observed: broken.length,
      forecast: connections.filter(({ expectation }) => expectation.fate === "breaks").length,
      onDepartedNode: onDeparted.length,
      onSurvivors: broken.length - onDeparted.length,
      reset: broken.filter(({ record }) => record.resetAtMs !== undefined).length,
      timedOut: broken.filter(({ record }) => record.timedOutAtMs !== undefined).length,
    },
  };
}

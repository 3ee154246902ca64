/** The groups of a scenario, through the changes that its timeline plans. */
import { type PlannedChange, planChanges } from "../expectation.ts";
import { type Lab, routersOf, type Service } from "../lab.ts";
import type { ScenarioOutcome } from "../outcome.ts";
import type { PlayedScenario } from "../strategies.ts";
import { type GroupReport, reportGroup, type Turn } from "./groups.ts";
import { duration } from "./words.ts";

/** Of every router, those of the services that it has a group for. */
export function groupsOfScenario(lab: Lab, { scenario, outcome }: Pick<PlayedScenario, "scenario" | "outcome">): GroupReport[] {
  const { changes } = planChanges(lab, scenario);
  const { states, flows } = outcome.foundation;
  return routersOf(lab).flatMap(({ name }) =>
    lab.services.flatMap((service) => {
      const state = states[name];
      if (!state) return [];
      const perNode = name === lab.router.name ? entriesOf(lab, service, outcome) : undefined;
      return reportGroup(lab, service, { router: name, state, turns: turnsOf(changes, service), flows, perNode });
    }),
  );
}

/** The changes that concern a service, those of a time as one. */
function turnsOf(changes: readonly PlannedChange[], { address }: Service): Turn[] {
  const own = changes.filter(({ services }) => services?.includes(address) ?? true);
  const times = [...new Set(own.map(({ plannedMs }) => plannedMs))];
  return times.map((atMs) => ({ name: duration(atMs), changes: own.filter(({ plannedMs }) => plannedMs === atMs) }));
}

/** By which nodes flows entered before anything happened. */
function entriesOf(lab: Lab, { name: wanted }: Service, { marks, judged }: ScenarioOutcome): Record<string, number> {
  const firstMs = judged.startMs + Math.min(Number.POSITIVE_INFINITY, ...marks.map(({ fromMs }) => fromMs));
  const early = judged.requests.filter(({ record }) => (record.endedAtMs ?? Number.POSITIVE_INFINITY) < firstMs);
  const entered = [
    ...[...judged.connections, ...early].filter(({ service }) => service === wanted).map(({ node }) => node),
    ...judged.datagrams.filter(({ service }) => service === wanted).map(({ nodes }) => nodes[0]),
  ];
  return Object.fromEntries(lab.nodes.map(({ name }) => [name, entered.filter((node) => node === name).length]));
}

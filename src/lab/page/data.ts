/**
 * What the pages draw, as data: the object on standard output, and besides every flow one by one, and what became of the groups.
 */
import { flowRows } from "../flow-rows.ts";
import type { Lab } from "../lab.ts";
import { type LabResult, toJson } from "../report.ts";
import type { ScenarioSuite } from "../scenario-file.ts";
import { type PlayedScenario, strategiesToJson } from "../strategies.ts";
import { connectionRows } from "./connections.ts";
import { groupsOfRun } from "./run-groups.ts";
import { groupsOfScenario } from "./scenario-groups.ts";

export function labReport(result: LabResult) {
  const { runs, ...rest } = toJson(result);
  const further = (at: number) => {
    const run = result.runs[at];
    return { groups: groupsOfRun(result.lab, run), connections: connectionRows(result.lab, run) };
  };
  return { ...rest, runs: runs.map((run, at) => ({ ...run, ...further(at) })) };
}

export function scenarioReport(lab: Lab, suite: ScenarioSuite, played: readonly PlayedScenario[]) {
  const { strategies, ...rest } = strategiesToJson(suite, played);
  const further = (at: number) => {
    const { outcome, speakers, scenario } = played[at];
    const { seed, holdTimeSeconds } = scenario;
    const { states } = outcome.foundation;
    return { seed, holdTimeSeconds, speakers, states, groups: groupsOfScenario(lab, played[at]), flows: flowRows(played[at]) };
  };
  return { ...rest, strategies: strategies.map((strategy, at) => ({ ...strategy, ...further(at) })) };
}

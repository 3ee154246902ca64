/**
 * The strategies of a scenario file as a program: told side by side in a table. With `--json`, standard output is a stream of
 * events, a JSON line each, on one clock a strategy; the last line has the whole result.
 */
import type { Clock } from "../net/clock.ts";
import type { Lab, RouterNode } from "./lab.ts";
import type { Program } from "./program.ts";
import type { Progress } from "./progress.ts";
import { strategyReports, writeConnections, writeReport } from "./report-file.ts";
import type { Scenario } from "./scenario.ts";
import type { ScenarioSuite } from "./scenario-file.ts";
import {
  failures,
  type PlayedScenario,
  renderReasons,
  renderStrategies,
  renderVerdicts,
  strategiesToJson,
} from "./strategies.ts";

const FAILURES_SHOWN = 20;

export interface StrategiesOptions {
  readonly json: boolean;
  /** The file's name as it was given; the file itself is open already. */
  readonly report?: string | undefined;
  /** Whether a file for the connections one by one is open. */
  readonly connections: boolean;
}

/** Its exit code: 0 when every assertion held, 1 when one did not, 2 when a strategy could not be played. */
export function strategiesProgram(
  clock: Clock,
  lab: Lab,
  suite: ScenarioSuite,
  { json, report, connections }: StrategiesOptions,
  progress: Progress,
): Program {
  const played: PlayedScenario[] = [];
  const unplayed: string[] = [];
  const told = ({ name: strategy }: Scenario, kind: string, atMs: number, detail: object) => {
    if (json) console.log(JSON.stringify({ strategy, kind, atMs: Math.round(atMs * 100) / 100, ...detail }));
  };
  const step = (result: string) => progress.step(`${played.length + unplayed.length}/${suite.scenarios.length}`, result);
  return {
    lab,
    scenarios: suite.scenarios,
    labFor: (scenario) => withSettings(lab, scenario),
    told,
    learned() {},
    played(one) {
      played.push(one);
      told(one.scenario, "verdict", 0, { verdicts: one.verdicts, differences: one.outcome.differences });
      step(describeProgress(one));
    },
    // One that cannot be played is no reason to lose the others.
    failed(scenario, { message }) {
      unplayed.push(scenario.name);
      told(scenario, "failure", 0, { message });
      step(`${scenario.name}: ${message}`);
    },
    end() {
      const wrong = failures(played);
      if (json) console.log(JSON.stringify({ ...strategiesToJson(suite, played), unplayed }));
      else
        for (const table of [renderStrategies(played), renderReasons(played), renderVerdicts(played)])
          if (table.length > 0) console.log(`\n${table.join("\n")}`);
      if (report) writeReport(report, strategyReports(lab, suite, played), clock.timestamp());
      if (connections) writeConnections(played);
      for (const text of wrong.slice(0, FAILURES_SHOWN)) process.stderr.write(`  ${text}\n`);
      return unplayed.length > 0 ? 2 : wrong.length > 0 ? 1 : 0;
    },
  };
}

function withSettings(lab: Lab, { holdTimeSeconds, bfd, gracefulRestart, prefixLimit }: Scenario): Lab {
  const set = (node: RouterNode): RouterNode => ({ ...node, holdTimeSeconds, bfd, gracefulRestart, prefixLimit });
  return { ...lab, router: set(lab.router), furtherRouters: lab.furtherRouters.map(set) };
}

function describeProgress({ scenario, outcome: { connections, requests, datagrams } }: PlayedScenario): string {
  const broken = `${connections.broken} of ${connections.opened} broken (forecast ${connections.forecast})`;
  const entered = Object.entries(connections.perNode).map(([node, count]) => `${node} ${count}`);
  const moved = `${datagrams.moved} of ${datagrams.flows} flows of datagrams moved (forecast ${datagrams.forecast}), ${datagrams.lost} lost`;
  const failed = `${requests.failed} of ${requests.count} requests failed${datagrams.flows > 0 ? `, ${moved}` : ""}`;
  return `${scenario.name}: by ${entered.join(" · ")}; ${broken}, ${failed}`;
}
